"""The outbox: calls that were decided and are to be carried out, and whose turn it is to call."""

import logging
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q

from catalog.reads import now
from workforce.models import Batch, Call, RateLimit, Worker
from workforce.models.publishing import new_token

log = logging.getLogger(__name__)

# Longer than a call can take with all its tries: whose sender died is taken up by another after this.
SENDING_SECONDS = 180
# The marketplace forgets a token after 24 hours.
TOKEN_LIVES = timedelta(hours=23)
LONGEST_PAUSE_SECONDS = 60
LONGEST_ERROR = 1000
# So many calls at once may follow a quiet second, in seconds' worth of the rate.
BURST_SECONDS = 1.0

TAKE_TURN = """
    INSERT INTO workforce_ratelimit AS bucket (name, tokens, filled_at)
    VALUES (%(name)s, %(burst)s - 1, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        tokens = least(
            %(burst)s,
            bucket.tokens + greatest(0, extract(epoch FROM clock_timestamp() - bucket.filled_at)) * %(rate)s
        ) - 1,
        filled_at = greatest(bucket.filled_at, clock_timestamp())
    RETURNING greatest(0, -tokens / %(rate)s)
"""


@transaction.atomic
def take_turn(*, name: str, per_second: float) -> float:
    """Take a token from the bucket that all processes share. Returns after how many seconds it is our turn."""
    key = {"name": name, "rate": float(per_second), "burst": max(1.0, per_second * BURST_SECONDS)}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURN, key)
        return float(cursor.fetchone()[0])


@transaction.atomic
def is_due(*, name: str, every_seconds: float) -> bool:
    """Whether something that is done so often is due, and then that it is done now."""
    begin = now()
    made, is_new = RateLimit.objects.get_or_create(name=name, defaults={"tokens": 0, "filled_at": begin})
    before = begin - timedelta(seconds=every_seconds)
    return is_new or bool(RateLimit.objects.filter(pk=made.pk, filled_at__lte=before).update(filled_at=begin))


@transaction.atomic
def decide(
    *, op: str, purpose: str, payload: dict, batch: Batch | None = None, worker: Worker | None = None
) -> tuple[Call, bool]:
    """Store a call in the transaction of the decision. A purpose that was decided before stays the one call it is."""
    decided = {"op": op, "payload": payload, "batch": batch, "worker": worker}
    return Call.objects.get_or_create(purpose=purpose, defaults=decided)


@transaction.atomic
def claim_call(*, passed_over: frozenset[str] = frozenset()) -> Call | None:
    """The next call to send, marked as begun before it is: whatever happens to the sender, it counts as tried.

    Two senders never get the same one. `passed_over` are operations that are not to be sent now. What may have been
    carried out comes first: a HIT whose creation was not answered may be in somebody's hands already.
    """
    due = Call.objects.filter(state__in=[Call.State.WAITING, Call.State.UNSURE], next_try__lte=now())
    due = due.exclude(op__in=passed_over).order_by("state", "next_try", "id").select_for_update(skip_locked=True)
    found = due.first()
    if found is None:
        return None
    found.was_unsure = found.state == Call.State.UNSURE
    begin = now()
    found.state = Call.State.UNSURE
    found.attempts += 1
    found.first_tried_at = found.first_tried_at or begin
    found.next_try = begin + timedelta(seconds=SENDING_SECONDS)
    found.save(update_fields=["state", "attempts", "first_tried_at", "next_try"])
    return found


def token_is_forgotten(call: Call) -> bool:
    """Whether a repetition would no longer be recognised as one."""
    return now() - call.first_tried_at > TOKEN_LIVES


@transaction.atomic
def renew_token(*, call: Call) -> None:
    """It was looked up that the call was not carried out: from here on it is a new one."""
    call.unique_token = new_token()
    call.first_tried_at = now()
    call.save(update_fields=["unique_token", "first_tried_at"])


@transaction.atomic
def put_off(*, call: Call, error: str, unsure: bool, seconds: float | None = None) -> None:
    """Try again later: after `seconds`, or after a pause that doubles with every try."""
    pause = min(2.0 ** min(call.attempts - 1, 10), LONGEST_PAUSE_SECONDS) if seconds is None else seconds
    state = Call.State.UNSURE if unsure else Call.State.WAITING
    changed = {"state": state, "next_try": now() + timedelta(seconds=pause), "last_error": error[:LONGEST_ERROR]}
    Call.objects.filter(Q(state="unsure"), pk=call.pk).update(**changed)


@transaction.atomic
def give_up(*, call: Call, error: str) -> None:
    Call.objects.filter(pk=call.pk).update(state=Call.State.FAILED, last_error=error[:LONGEST_ERROR])
    log.error("Call %s (%s) was refused and is not repeated: %s", call.pk, call.op, error)


@transaction.atomic
def withdraw(*, purpose: str, reason: str) -> bool:
    """Do not send this call after all. False if it was sent, or may have been."""
    unsent = Call.objects.filter(purpose=purpose, state__in=[Call.State.WAITING, Call.State.FAILED])
    return bool(unsent.update(state=Call.State.WITHDRAWN, last_error=reason))


@transaction.atomic
def try_failed_again() -> int:
    """Send what was refused once more, under new tokens: the reason may be gone. Returns how many calls that are."""
    failed = list(Call.objects.filter(state=Call.State.FAILED).order_by("pk").select_for_update())
    for call in failed:
        call.unique_token, call.first_tried_at = new_token(), None
        call.state, call.next_try = Call.State.WAITING, now()
    Call.objects.bulk_update(failed, ["unique_token", "first_tried_at", "state", "next_try"])
    return len(failed)


@transaction.atomic
def complete(*, call: Call) -> bool:
    """Mark a call as carried out. False: somebody did so before, and what follows from it is done."""
    standing = Call.objects.select_for_update().get(pk=call.pk)
    if standing.state == Call.State.DONE:
        return False
    Call.objects.filter(pk=call.pk).update(state=Call.State.DONE, done_at=now(), last_error="")
    return True
