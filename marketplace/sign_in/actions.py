"""Tries to sign in, counted before it is known how they end; and passwords."""

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from marketplace.clock import now
from marketplace.errors import WorkRefused
from marketplace.models import SignInAttempt, Worker

# Any number that nothing else in this database locks.
SIGN_IN_LOCK = 7_201_544
WITHIN = timedelta(minutes=15)
# From one address somebody else's name is locked for that address alone; guessing from many addresses is slow, too.
MOST_OF_PAIR, MOST_OF_ADDRESS, MOST_OF_NAME = 5, 50, 100


class TooManyAttempts(WorkRefused):
    """`seconds` until the next try."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // 60)
        super().__init__(f"Too many tries. Wait {minutes} minute{'s' if minutes > 1 else ''} and try again.")
        self.seconds = seconds


@transaction.atomic
def begin_attempt(*, name: str, address: str) -> SignInAttempt:
    """Count a try, or raise TooManyAttempts. Tries at once wait for each other: none outruns the count."""
    named, addressed = digest("name", name), digest("address", address)
    lock_for_counting()
    at = now()
    SignInAttempt.objects.filter(tried_at__lte=at - WITHIN).delete()
    for most, which in (
        (MOST_OF_PAIR, {"name": named, "address": addressed}),
        (MOST_OF_ADDRESS, {"address": addressed}),
        (MOST_OF_NAME, {"name": named}),
    ):
        times = SignInAttempt.objects.filter(**which).order_by("-tried_at").values_list("tried_at", flat=True)
        for blocking in times[most - 1 : most]:
            raise TooManyAttempts(max(1, int((blocking + WITHIN - at).total_seconds())))
    return SignInAttempt.objects.create(name=named, address=addressed, tried_at=at)


@transaction.atomic
def forget_attempts(*, attempt: SignInAttempt) -> None:
    """It succeeded: what failed before it under that name and address was a mistyped password."""
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
