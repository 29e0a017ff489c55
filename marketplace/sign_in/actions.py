"""Sign-in attempts, counted before their outcome, and passwords."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from marketplace.clock import now
from marketplace.errors import WorkRefused
from marketplace.models import SignInAttempt, Worker

# Any number that nothing else in this database locks.
SIGN_IN_LOCK = 7_201_544
WITHIN = timedelta(minutes=15)
# Guesses from one address lock the name for that address only; guessing from many addresses is slow, too.
MOST_OF_PAIR, MOST_OF_ADDRESS, MOST_OF_NAME = 5, 50, 100


class TooManyAttempts(WorkRefused):
    """The limit of sign-in attempts is reached; `seconds` until the next attempt."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // 60)
        words = ngettext(
            "Too many attempts. Wait %(n)s minute and try again.",
            "Too many attempts. Wait %(n)s minutes and try again.",
            minutes,
        )
        super().__init__(words % {"n": minutes})
        self.seconds = seconds


def begin_attempt(*, name: str, address: str, worker: Worker | None = None) -> SignInAttempt:
    """Count an attempt, or raise TooManyAttempts. Attempts at once wait for each other: none outruns the count.

    A worker counts as one person, under the name and under the id.
    """
    key = f"worker {worker.pk}" if worker else f"name {name}"
    name_digest, address_digest = digest("name", key), digest("address", address)
    # First without a lock: a flood of refused attempts makes nobody wait.
    refuse_beyond_limits(name_digest, address_digest, now())
    return _count_attempt(name_digest, address_digest)


@transaction.atomic
def _count_attempt(name_digest: str, address_digest: str) -> SignInAttempt:
    lock_for_counting()
    moment = now()
    refuse_beyond_limits(name_digest, address_digest, moment)
    SignInAttempt.objects.filter(tried_at__lte=moment - WITHIN).delete()
    return SignInAttempt.objects.create(name=name_digest, address=address_digest, tried_at=moment)


def refuse_beyond_limits(name_digest: str, address_digest: str, moment: datetime) -> None:
    recent = SignInAttempt.objects.filter(tried_at__gt=moment - WITHIN)
    for highest, filters in (
        (MOST_OF_PAIR, {"name": name_digest, "address": address_digest}),
        (MOST_OF_ADDRESS, {"address": address_digest}),
        (MOST_OF_NAME, {"name": name_digest}),
    ):
        attempts = recent.filter(**filters).order_by("-tried_at").values_list("tried_at", flat=True)
        for blocking_time in attempts[highest - 1 : highest]:
            raise TooManyAttempts(max(1, int((blocking_time + WITHIN - moment).total_seconds())))


@transaction.atomic
def forget_attempts(*, attempt: SignInAttempt) -> None:
    """Delete the attempts under the name and address of a successful attempt: they were mistyped passwords."""
    SignInAttempt.objects.filter(name=attempt.name, address=attempt.address).delete()


@transaction.atomic
def set_password(*, worker: Worker, password: str) -> Worker:
    worker.password = make_password(password)
    worker.save(update_fields=["password"])
    return worker


@transaction.atomic
def clear_old_sessions() -> None:
    SessionStore.clear_expired()


def lock_for_counting() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SIGN_IN_LOCK])


def digest(kind: str, text: str) -> str:
    return salted_hmac(f"marketplace.sign_in.{kind}", text, algorithm="sha256").hexdigest()
