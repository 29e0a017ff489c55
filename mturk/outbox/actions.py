"""The outbox: storing, claiming and settling calls that change something on the marketplace."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from catalog.reads import now
from mturk.models import Call
from mturk.models.publishing import new_token
from mturk.outbox.reads import calls_for
from workforce.models import Batch, Worker

log = logging.getLogger(__name__)
# Longer than a call can take with all its tries: after this, another process takes over from a dead sender.
SENDING_SECONDS = 180
# The marketplace forgets a token after 24 hours.
TOKEN_LIVES = timedelta(hours=23)
LONGEST_PAUSE_SECONDS = 30
LONGEST_ERROR = 1000
# No token marks a retry of it, and nothing lists the messages sent.
WITHOUT_TRACE = "NotifyWorkers"


@transaction.atomic
def decide(
    *, op: str, purpose: str, payload: dict[str, Any], batch: Batch | None = None, worker: Worker | None = None
) -> tuple[Call, bool]:
    """Store a call in the transaction of its decision. A purpose decided before keeps its one call."""
    decided = {"op": op, "payload": payload, "batch": batch, "worker": worker}
    return Call.objects.get_or_create(purpose=purpose, defaults=decided)


def claim_call(*, passed_over: frozenset[str] = frozenset()) -> Call | None:
    """Claim the next call to send, as `claim_calls` does."""
    return next(iter(claim_calls(most=1, passed_over=passed_over)), None)


@transaction.atomic(savepoint=False)
def decide_later(
    *, op: str, purpose: str, payload: dict[str, Any], batch: Batch, not_before: datetime | None = None
) -> None:
    """Store a call as `decide` does, in one statement, without returning it. `not_before`: the earliest try."""
    begin = {} if not_before is None else {"next_try": not_before}
    call = Call(op=op, purpose=purpose, payload=payload, batch=batch, **begin)
    Call.objects.bulk_create([call], ignore_conflicts=True)


@transaction.atomic
def claim_calls(*, most: int, passed_over: frozenset[str] = frozenset()) -> list[Call]:
    """Claim the next calls to send and count the try before it begins, in case the sender dies.

    `was_unsure`: an earlier try may have been carried out, the last of them at `doubted_before`. Two senders never get
    the same call. `passed_over` are operations that must not be sent now. Uncertain calls come first: a HIT whose
    creation got no answer may be in progress already. The order is otherwise that of the decisions: a HIT whose
    creation was throttled must not wait behind the pay for all the others.
    """
    due_calls = Call.objects.filter(state__in=[Call.State.WAITING, Call.State.UNSURE], next_try__lte=now())
    calls = list(
        due_calls.exclude(op__in=passed_over).order_by("state", "id").select_for_update(skip_locked=True)[:most]
    )
    if not calls:
        return calls
    begin = now()
    Call.objects.filter(pk__in=[call.pk for call in calls]).update(
        state=Call.State.UNSURE,
        attempts=F("attempts") + 1,
        first_tried_at=Coalesce("first_tried_at", begin),
        doubtful_at=begin,
        next_try=begin + timedelta(seconds=SENDING_SECONDS),
    )
    for call in calls:
        call.was_unsure, call.doubted_before = call.state == Call.State.UNSURE, call.doubtful_at
        call.state, call.doubtful_at = Call.State.UNSURE, begin
        call.attempts += 1
        call.first_tried_at = call.first_tried_at or begin
        call.next_try = begin + timedelta(seconds=SENDING_SECONDS)
    return calls


def must_be_looked_up(call: Call) -> bool:
    """Return whether an earlier try may have been carried out, and a retry would no longer be recognised as one."""
    return call.was_unsure and token_is_forgotten(call)


def token_is_forgotten(call: Call) -> bool:
    assert call.first_tried_at is not None, "its sender has claimed it"
    return now() - call.first_tried_at > TOKEN_LIVES


@transaction.atomic
def renew_token(*, call: Call) -> None:
    """Give a call a new token, after a look-up showed that it was not carried out."""
    call.unique_token, call.was_unsure, call.doubted_before = new_token(), False, None
    call.first_tried_at = now()
    call.save(update_fields=["unique_token", "first_tried_at"])


@transaction.atomic
def put_off(*, call: Call, error: str, unsure: bool, seconds: float | None = None) -> None:
    """Have a call retried later: after `seconds`, or after a pause that doubles with every try.

    `unsure`: this try may have been carried out. Otherwise it leaves no trace; a doubt from an earlier one stays.
    """
    pause = min(2.0 ** min(call.attempts - 1, 10), LONGEST_PAUSE_SECONDS) if seconds is None else seconds
    changed = {"next_try": now() + timedelta(seconds=pause), "last_error": error[:LONGEST_ERROR]}
    Call.objects.filter(state=Call.State.UNSURE, pk=call.pk).update(**changed, **_after(call, unsure))


def _after(call: Call, unsure: bool) -> dict[str, object]:
    """Return the changes of columns after a failed try."""
    if unsure:
        return {"state": Call.State.UNSURE}
    if call.was_unsure:
        return {"state": Call.State.UNSURE, "doubtful_at": call.doubted_before}
    return {"state": Call.State.WAITING, "doubtful_at": None, "first_tried_at": None}


@transaction.atomic
def give_up(*, call: Call, error: str, unsure: bool = False) -> None:
    """Mark a call as failed: only a researcher can retry it. `unsure` as in put_off."""
    changes = _after(call, unsure) | {"state": Call.State.FAILED, "last_error": error[:LONGEST_ERROR]}
    Call.objects.filter(state=Call.State.UNSURE, pk=call.pk).update(**changes)
    log.error("Call %s (%s) failed and is not retried: %s", call.pk, call.op, error)


@transaction.atomic
def withdraw(*, purpose: str, reason: str) -> bool:
    """Withdraw a call before it is sent. Returns False if it was sent, or may have been."""
    unsent = Call.objects.filter(purpose=purpose, state__in=[Call.State.WAITING, Call.State.FAILED], doubtful_at=None)
    return bool(unsent.update(state=Call.State.WITHDRAWN, last_error=reason))


@transaction.atomic
def bring_forward(*, calls: QuerySet[Call]) -> int:
    """Have those of these calls sent now that wait for a later time. Returns how many that are."""
    begin = now()
    return calls.filter(state=Call.State.WAITING, next_try__gt=begin).update(next_try=begin)


@transaction.atomic
def try_failed_again(*, batch: Batch | None = None) -> int:
    """Have failed calls retried, once their cause is fixed. Returns how many calls that are.

    They get new tokens, unless an earlier try may have been carried out: the marketplace must recognise that retry, or
    it is looked up. A message that may have been sent stays failed: it has no token, and cannot be looked up. Of a
    batch: its own calls, and those that create the qualifications of all batches.
    """
    failed_calls = (calls_for(batch) if batch else Call.objects.all()).filter(state=Call.State.FAILED)
    failed_calls = failed_calls.exclude(op=WITHOUT_TRACE, doubtful_at__isnull=False)
    failed = list(failed_calls.order_by("pk").select_for_update(of=("self",)))
    for call in failed:
        call.next_try, call.state = now(), Call.State.UNSURE
        if call.doubtful_at is None:
            call.unique_token, call.state = new_token(), Call.State.WAITING
    Call.objects.bulk_update(failed, ["unique_token", "state", "next_try"])
    return len(failed)


def complete(*, call: Call) -> bool:
    """Mark a call as carried out. Returns False if it was marked before, with its consequences."""
    return bool(complete_all(calls=[call]))


@transaction.atomic
def complete_all(*, calls: Iterable[Call]) -> list[Call]:
    """Mark calls as carried out. Returns the newly marked ones: the consequences of the others are done."""
    calls = list(calls)
    standing = Call.objects.filter(pk__in=[call.pk for call in calls]).exclude(state=Call.State.DONE).order_by("id")
    ids = set(standing.select_for_update().values_list("id", flat=True))
    Call.objects.filter(pk__in=ids).update(state=Call.State.DONE, done_at=now(), last_error="")
    return [call for call in calls if call.pk in ids]
