"""Attempts to prove an identity: counted in Postgres before any password is hashed or any code compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from accounts.models import SignInAttempt, SignInNetwork, SpentCode
from catalog.errors import UserError
from catalog.reads import now

PASSWORD, CODE = SignInAttempt.Proof.PASSWORD, SignInAttempt.Proof.CODE
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
# An account's network counts as its own for this time after the last sign-in there.
NETWORK_REMEMBERED = timedelta(days=90)
# A code is valid for a minute and a half at most.
CODE_REMEMBERED = timedelta(minutes=10)


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts with the same `fields` within a time."""

    fields: tuple[str, ...]
    most: int
    within: timedelta


# Guesses from one network lock the account for that network alone.
OF_BOTH = {PASSWORD: Limit(("account", "network"), 10, QUARTER), CODE: Limit(("account", "network"), 5, QUARTER)}
OF_NETWORK = {PASSWORD: Limit(("network",), 50, QUARTER), CODE: Limit(("network",), 50, QUARTER)}
# Guesses from many networks together. They never count against a network where the account signed in before.
OF_ACCOUNT = {PASSWORD: Limit(("account",), 100, QUARTER), CODE: Limit(("account",), 30, DAY)}


class TooManyAttempts(UserError):
    """A limit of attempts is reached; `seconds` until the next attempt."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // 60)
        words = ngettext(
            "Too many attempts. Wait %(n)s minute and try again.",
            "Too many attempts. Wait %(n)s minutes and try again.",
            minutes,
        )
        super().__init__(words % {"n": f"{minutes:,}"})
        self.seconds = seconds


@dataclass(frozen=True)
class AttemptSubject:
    """The subject of an attempt: an account, or a name without one, and a network, as keyed digests."""

    proof: SignInAttempt.Proof
    account: str
    network: str
    moment: datetime

    @cached_property
    def is_at_home(self) -> bool:
        """Return whether the account signed in at this network before."""
        homes = SignInNetwork.objects.filter(account=self.account, network=self.network)
        return homes.filter(last_at__gt=self.moment - NETWORK_REMEMBERED).exists()

    def limits(self) -> Iterator[Limit]:
        """Yield the limits, first the one that most guesses meet: a flood costs one query each."""
        yield OF_BOTH[self.proof]
        yield OF_NETWORK[self.proof]
        if not self.is_at_home:
            yield OF_ACCOUNT[self.proof]


def subject_of(*, proof: SignInAttempt.Proof, user: User | None, name: str, network: str) -> AttemptSubject:
    """Return the subject of an attempt. An account counts as itself, however its name was written."""
    account = key_of(user) if user else digest("name", User.normalize_username(name))
    return AttemptSubject(proof, account, digest("network", network), now())


def begin_attempt(*, subject: AttemptSubject) -> SignInAttempt:
    """Count an attempt, or raise TooManyAttempts. Attempts at once wait for each other: none outruns the count."""
    # First without a lock: a flood of refused attempts makes nobody wait.
    refuse_beyond_limits(subject, subject.moment)
    with transaction.atomic():
        lock(subject)
        moment = now()
        refuse_beyond_limits(subject, moment)
        SignInAttempt.objects.filter(tried_at__lte=moment - DAY).delete()
        return SignInAttempt.objects.create(
            proof=subject.proof, account=subject.account, network=subject.network, tried_at=moment
        )


def refuse_beyond_limits(subject: AttemptSubject, moment: datetime) -> None:
    for limit in subject.limits():
        for seconds in seconds_left(subject, limit, moment):
            raise TooManyAttempts(seconds)


def seconds_left(subject: AttemptSubject, limit: Limit, moment: datetime) -> list[int]:
    """Return the seconds until the limit allows another attempt, or nothing if it does."""
    counted = attempts_of(subject, limit.fields).filter(tried_at__gt=moment - limit.within)
    times = counted.order_by("-tried_at").values_list("tried_at", flat=True)[limit.most - 1 : limit.most]
    return [max(1, int((time + limit.within - moment).total_seconds())) for time in times]


def attempts_of(subject: AttemptSubject, fields: tuple[str, ...]) -> QuerySet[SignInAttempt]:
    conditions: Mapping[str, Any] = {field: getattr(subject, field) for field in fields}
    return SignInAttempt.objects.filter(proof=subject.proof, **conditions)


def lock(subject: AttemptSubject) -> None:
    """Lock the account and the network until the transaction ends, always in the same order."""
    with connection.cursor() as cursor:
        for key in sorted({subject.account, subject.network}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(key[:15], 16)])


@transaction.atomic
def forget_attempts(*, subject: AttemptSubject) -> None:
    """Delete the attempts of this account at this network: a success proves that they were slips."""
    attempts_of(subject, ("account", "network")).delete()


@transaction.atomic
def withdraw_attempt(*, attempt: SignInAttempt) -> None:
    """Delete an attempt that was counted, but not made."""
    attempt.delete()


@transaction.atomic
def remember_network(*, user: User, network: str) -> None:
    """Note that the account signed in at this network. Forget old networks, and sessions that have ended."""
    moment = now()
    Session.objects.filter(expire_date__lte=moment).delete()
    SignInNetwork.objects.filter(last_at__lte=moment - NETWORK_REMEMBERED).delete()
    place = digest("network", network)
    SignInNetwork.objects.update_or_create(account=key_of(user), network=place, defaults={"last_at": moment})


@transaction.atomic
def forget_networks(*, user: User) -> None:
    """Delete the networks where the account signed in."""
    SignInNetwork.objects.filter(account=key_of(user)).delete()


def spend_code(*, user: User, code: str) -> bool:
    """Return whether this time-based code is used for the first time, and note that it was used."""
    moment = now()
    SpentCode.objects.filter(spent_at__lte=moment - CODE_REMEMBERED).delete()
    try:
        with transaction.atomic():
            SpentCode.objects.create(account=key_of(user), code=digest("code", code), spent_at=moment)
    except IntegrityError:
        return False
    return True


def key_of(user: User) -> str:
    return digest("account", str(user.pk))


def digest(kind: str, text: str) -> str:
    return salted_hmac(f"accounts.{kind}", text, algorithm="sha256").hexdigest()
