"""Sending the outbox: each call until it is known to be carried out, once."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from catalog.reads import now
from mturk import endpoint
from mturk.locks import SYNC_LOCK, try_lock
from mturk.models import Call, Qualification
from mturk.outbox.actions import (
    WITHOUT_TRACE,
    claim_calls,
    complete,
    complete_all,
    give_up,
    must_be_looked_up,
    put_off,
    renew_token,
)
from mturk.outbox.results import NoteAll, Response, handlers_of
from workforce.models import Worker

log = logging.getLogger(__name__)

# A longer task would keep other tasks from running.
SECONDS_A_RUN = 10
# The number of calls sent at a time, of the frequent operations that may come in any order.
AT_ONCE = 8
IN_ANY_ORDER = ("CreateHITWithHITType", "ApproveAssignment", "SendBonus")
# For so long, parts of the marketplace may not know a fresh submission.
SETTLES_WITHIN = timedelta(minutes=30)
SECONDS_TO_SETTLE, SECONDS_TO_REFILL = 30, 600
WITH_TOKEN = ("CreateHITWithHITType", "SendBonus")
WITH_QUALIFICATION = ("AssociateQualificationWithWorker", "DisassociateQualificationFromWorker")
WITH_WORKER = ("SendBonus", *WITH_QUALIFICATION)

# A lost message is better than a message sent twice.
MAYBE_SENT = gettext_lazy("The message may or may not have been sent. It is not sent again.")

Ask = Callable[[], Response]


class _TooSoon(Exception):
    """An error for a call whose outcome cannot be looked up yet."""


def send_waiting(seconds: float = SECONDS_A_RUN) -> int:
    """Send the calls that are due, for at most so long. Returns how many were carried out.

    One process at a time talks to the marketplace, polling or sending; the others do not wait for it.
    """
    n_done = 0
    most = max(1, min(AT_ONCE, settings.MTURK["calls_per_second"]))
    with try_lock(SYNC_LOCK) as is_ours, ThreadPoolExecutor(most) as threads:
        end = time.monotonic() + seconds
        while is_ours and time.monotonic() < end and (calls := claim_calls(most=most)):
            try:
                n_done += send_together(calls, threads)
            except endpoint.Unreachable as error:
                log.warning("The marketplace cannot be reached; pending calls wait: %s", error)
                break
    return n_done


def send_together(calls: list[Call], threads: Executor) -> int:
    """Carry out claimed calls, several at the same time. Returns how many are done.

    Raises Unreachable once all calls that were begun have ended.
    """
    answered, unreachable = [], None
    begun = _begin([call for call in calls if call.op in IN_ANY_ORDER], threads)
    for call in calls:
        try:
            with _tolerated(call):
                answered.append((call, answer_to(call, begun.get(call.pk) or partial(_ask, call))))
        except endpoint.Unreachable as error:
            unreachable = error
    n_done = finish_all([(call, response) for call, response in answered if response is not None])
    if unreachable is not None:
        raise unreachable
    return n_done


@contextmanager
def _tolerated(call: Call) -> Iterator[None]:
    """Log an unexpected error of one call, so that the others are sent. The call is retried after SENDING_SECONDS."""
    try:
        yield
    except (endpoint.Unreachable, SoftTimeLimitExceeded):
        raise
    except Exception as error:
        log.exception("Call %s (%s) could not be sent: %s", call.pk, call.op, error)


def _begin(calls: list[Call], threads: Executor) -> dict[int, Ask]:
    """Begin calls in threads, except those that need a look-up first or have invalid parameters."""
    parameters = {}
    for call in calls:
        if not must_be_looked_up(call):
            with _tolerated(call):
                parameters[call.pk] = (call.op, parameters_of(call))
    # Created now, or each thread would create one.
    endpoint.client(1)
    endpoint.wait_for_turn(len(parameters))
    return {pk: threads.submit(endpoint.ask, *parts).result for pk, parts in parameters.items()}


def _ask(call: Call) -> Response:
    return endpoint.call(call.op, **parameters_of(call))


def send(call: Call) -> bool:
    """Carry out a claimed call, or look up that it was. Returns whether it is done. Raises Unreachable."""
    response = answer_to(call, partial(_ask, call))
    return response is not None and finish(call, response)


def answer_to(call: Call, ask: Ask) -> Response | None:
    """Return the answer of this or an earlier try; None if the call is put off or failed. Raises Unreachable."""
    if call.op in WITH_QUALIFICATION and not Qualification.objects.get(pk=call.payload["qualification"]).type_id:
        put_off(call=call, error=gettext("The qualification does not exist yet."), unsure=False)
        return None
    if handlers_of(call).is_dropped(call):
        return None
    if call.op == WITHOUT_TRACE and call.was_unsure:
        give_up(call=call, error=str(MAYBE_SENT))
        return None
    try:
        response = _look_up(call) if must_be_looked_up(call) else None
        return ask() if response is None else response
    except _TooSoon as error:
        put_off(call=call, error=str(error), unsure=False, seconds=SECONDS_TO_SETTLE)
    except endpoint.RefusedCall as refusal:
        return _refused(call, refusal)
    except endpoint.Ambiguous as error:
        if call.op == WITHOUT_TRACE:
            give_up(call=call, error=f"{MAYBE_SENT} {error}", unsure=True)
        else:
            put_off(call=call, error=str(error), unsure=True)
    except (endpoint.Throttled, endpoint.Unreachable) as error:
        put_off(call=call, error=str(error), unsure=False)
        if isinstance(error, endpoint.Unreachable):
            raise
    return None


def _refused(call: Call, refusal: endpoint.RefusedCall) -> Response | None:
    try:
        response = _done_before(call, refusal)
    except endpoint.EndpointError as error:
        put_off(call=call, error=str(error), unsure=True)
        return None
    if response is not None:
        return response
    if refusal.code == "InsufficientFunds":
        put_off(call=call, error=str(refusal), unsure=False, seconds=SECONDS_TO_REFILL)
    elif refusal.may_come_to_be and now() - call.created_at < SETTLES_WITHIN:
        put_off(call=call, error=str(refusal), unsure=False, seconds=SECONDS_TO_SETTLE)
    else:
        _give_up(call, refusal)
    return None


@transaction.atomic
def _give_up(call: Call, refusal: endpoint.RefusedCall) -> None:
    give_up(call=call, error=str(refusal))
    handlers_of(call).failed(call)


def finish_all(answered: list[tuple[Call, Response]]) -> int:
    """Note calls that were carried out: together, or if that fails, one by one. Returns how many calls that are."""
    try:
        with transaction.atomic():
            return _finish_together(answered)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        log.exception("The results of several calls could not be noted together: %s", error)
    n_done = 0
    for call, response in answered:
        with _tolerated(call):
            n_done += finish(call, response)
    return n_done


def _finish_together(answered: list[tuple[Call, Response]]) -> int:
    new = {call.pk for call in complete_all(calls=[call for call, _ in answered])} if answered else set()
    together: dict[NoteAll, list[Call]] = {}
    for call, response in answered:
        handlers = handlers_of(call)
        if call.pk in new and handlers.all_done is not None:
            together.setdefault(handlers.all_done, []).append(call)
        elif call.pk in new:
            handlers.done(call, response)
    for note_all, calls in together.items():
        note_all(calls)
    return len(answered)


@transaction.atomic
def finish(call: Call, response: Response) -> bool:
    """Note that a call was carried out, together with its consequences."""
    if complete(call=call):
        handlers_of(call).done(call, response)
    return True


# Parameters


def parameters_of(call: Call) -> dict[str, Any]:
    """Return the payload with the token, and with the worker's id from its own table."""
    parameters = dict(call.payload)
    if call.op in WITH_TOKEN:
        parameters["UniqueRequestToken"] = call.unique_token
    if call.op in WITH_WORKER:
        assert call.worker is not None, "such a call is about a person"
        parameters["WorkerId"] = call.worker.identity.external_id
    if call.op == "UpdateExpirationForHIT":
        parameters["ExpireAt"] = datetime.fromtimestamp(parameters["ExpireAt"], UTC)
    if call.op in WITH_QUALIFICATION:
        parameters["QualificationTypeId"] = Qualification.objects.get(pk=parameters.pop("qualification")).type_id
    if call.op == "NotifyWorkers":
        workers = Worker.objects.filter(pk__in=parameters.pop("workers")).select_related("identity").order_by("pk")
        parameters["WorkerIds"] = [worker.identity.external_id for worker in workers]
    return parameters


# Looking up earlier tries


def _done_before(call: Call, refusal: endpoint.RefusedCall) -> Response | None:
    """Return the answer of an earlier try, if this refusal means that one was carried out."""
    if call.op == "CreateHITWithHITType" and "alreadyexists" in refusal.code.lower():
        hit_id = endpoint.named_hit(refusal.message)
        return {"HIT": {"HITId": hit_id}} if hit_id else _look_up_hit(call)
    if call.op == "SendBonus" and _has_bonus(call):
        return {}
    if call.op == "CreateQualificationType":
        type_id = endpoint.find_qualification_type(call.payload["Name"])
        return {"QualificationType": {"QualificationTypeId": type_id}} if type_id else None
    if call.op == "DisassociateQualificationFromWorker" and refusal.code == "InvalidQualificationState":
        return {}
    if call.op in ("ApproveAssignment", "RejectAssignment") and refusal.code == "InvalidAssignmentState":
        return _reached_status(call)
    return None


def _reached_status(call: Call) -> Response | None:
    expected = {"ApproveAssignment": "approved", "RejectAssignment": "rejected"}[call.op]
    try:
        return {} if endpoint.assignment(call.payload["AssignmentId"]).status == expected else None
    except endpoint.RefusedCall:
        return None


def _look_up(call: Call) -> Response | None:
    """Look up a call whose token the marketplace forgot. If it was not carried out, give it a new token.

    Raises _TooSoon if the marketplace might not list the last try yet.
    """
    response = None
    if call.op == "CreateHITWithHITType":
        response = _look_up_hit(call)
    elif call.op == "SendBonus":
        response = {} if _has_bonus(call) else None
    if response is None:
        assert call.doubted_before is not None, "an earlier try may have been carried out"
        if call.op in WITH_TOKEN and now() - call.doubted_before < SETTLES_WITHIN:
            raise _TooSoon(gettext("The marketplace may not list the last try yet. It is looked up again."))
        renew_token(call=call)
    return response


def _look_up_hit(call: Call) -> Response | None:
    hit = endpoint.hit_annotated(call.payload["RequesterAnnotation"])
    return hit and {"HIT": hit}


def _has_bonus(call: Call) -> bool:
    return endpoint.has_bonus(call.payload["AssignmentId"], call.payload["BonusAmount"], call.payload["Reason"])
