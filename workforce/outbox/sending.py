"""Sending what was decided: each call until it is known to be carried out, once."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from catalog.reads import now
from workforce.locks import SPEAKING, only_one
from workforce.marketplaces import mturk
from workforce.models import Call, ListedAssignment, MarketplaceHIT, Qualification, Terms, Worker
from workforce.offers.actions import note_compensation_type, note_end, note_hit, note_hit_type, note_qualification
from workforce.outbox.actions import claim_call, complete, give_up, put_off, renew_token, token_is_forgotten
from workforce.pay.actions import book_bonus, note_status

log = logging.getLogger(__name__)

# A task that sends for longer keeps others from their turn.
SECONDS_A_RUN = 10
# Parts of the marketplace may not know for so long what was just handed in.
SETTLES_WITHIN = timedelta(minutes=30)
SECONDS_TO_SETTLE, SECONDS_TO_REFILL = 30, 600
WITH_TOKEN = ("CreateHITWithHITType", "SendBonus")
WITH_WORKER = ("SendBonus", "AssociateQualificationWithWorker")

Response = dict[str, Any]


def send_waiting(seconds: float = SECONDS_A_RUN) -> int:
    """Send what is due, for at most so long. Returns how many calls were carried out.

    One process at a time speaks to the marketplace, asking or sending: the others have other work to do.
    """
    done = 0
    with only_one(SPEAKING) as mine:
        end = time.monotonic() + seconds
        while mine and time.monotonic() < end and (call := claim_call()) is not None:
            try:
                done += send(call)
            except mturk.Unreachable as error:
                log.warning("The marketplace cannot be reached; what is to be sent waits: %s", error)
                break
            except SoftTimeLimitExceeded:
                raise
            except Exception as error:
                # It stays as tried, and is tried again when its sender must be dead: the others do not wait for it.
                log.exception("Call %s (%s) could not be sent: %s", call.pk, call.op, error)
    return done


def send(call: Call) -> bool:
    """Carry a claimed call out, or find out that it was. Returns whether it is done. Raises Unreachable."""
    try:
        response = _found(call) if call.was_unsure and token_is_forgotten(call) else None
        if response is None:
            response = mturk.call(call.op, **parameters_of(call))
    except mturk.Refused as refusal:
        return _refused(call, refusal)
    except mturk.Ambiguous as error:
        if call.op == "NotifyWorkers":
            # No token, no way to look: better a letter lost than one twice.
            give_up(call=call, error=f"It may have been sent or not: {error}")
            return False
        put_off(call=call, error=str(error), unsure=True)
        return False
    except (mturk.Throttled, mturk.Unreachable) as error:
        # Not carried out this time; an earlier try may have been.
        put_off(call=call, error=str(error), unsure=call.was_unsure)
        if isinstance(error, mturk.Unreachable):
            raise
        return False
    return finish(call, response)


def _refused(call: Call, refusal: mturk.Refused) -> bool:
    try:
        response = _done_before(call, refusal)
    except mturk.EndpointError as error:
        put_off(call=call, error=str(error), unsure=True)
        return False
    if response is not None:
        return finish(call, response)
    if refusal.code == "InsufficientFunds":
        put_off(call=call, error=str(refusal), unsure=call.was_unsure, seconds=SECONDS_TO_REFILL)
    elif refusal.may_come_to_be and now() - call.created_at < SETTLES_WITHIN:
        put_off(call=call, error=str(refusal), unsure=call.was_unsure, seconds=SECONDS_TO_SETTLE)
    else:
        give_up(call=call, error=str(refusal))
    return False


@transaction.atomic
def finish(call: Call, response: Response) -> bool:
    """Note that a call was carried out, together with all that follows from it."""
    if complete(call=call):
        FOLLOWS.get(call.op, _nothing)(call, response)
    return True


# What is sent


def parameters_of(call: Call) -> dict[str, Any]:
    """The payload with what is kept elsewhere: the token, and the worker's id from its own table."""
    parameters = dict(call.payload)
    if call.op in WITH_TOKEN:
        parameters["UniqueRequestToken"] = call.unique_token
    if call.op in WITH_WORKER:
        parameters["WorkerId"] = call.worker.identity.external_id
    if call.op == "UpdateExpirationForHIT":
        parameters["ExpireAt"] = datetime.fromtimestamp(parameters["ExpireAt"], UTC)
    if call.op == "AssociateQualificationWithWorker":
        parameters["QualificationTypeId"] = Qualification.objects.get(pk=parameters.pop("qualification")).type_id
    if call.op == "NotifyWorkers":
        workers = Worker.objects.filter(pk__in=parameters.pop("workers")).select_related("identity").order_by("pk")
        parameters["WorkerIds"] = [worker.identity.external_id for worker in workers]
    return parameters


# Whether it was carried out before


def _done_before(call: Call, refusal: mturk.Refused) -> Response | None:
    """What the call would have returned, if this refusal says or means that it was carried out already."""
    if call.op == "CreateHITWithHITType" and "alreadyexists" in refusal.code.lower():
        named = mturk.named_hit(refusal.message)
        return {"HIT": {"HITId": named}} if named else _found_hit(call)
    if call.op == "SendBonus" and _has_bonus(call):
        return {}
    if call.op == "CreateQualificationType":
        found = mturk.own_qualification_type(call.payload["Name"])
        return found and {"QualificationType": {"QualificationTypeId": found}}
    if call.op in ("ApproveAssignment", "RejectAssignment") and refusal.code == "InvalidAssignmentState":
        return _reached_status(call)
    return None


def _reached_status(call: Call) -> Response | None:
    wanted = {"ApproveAssignment": "approved", "RejectAssignment": "rejected"}[call.op]
    try:
        return {} if mturk.assignment(call.payload["AssignmentId"]).status == wanted else None
    except mturk.Refused:
        return None


def _found(call: Call) -> Response | None:
    """After the marketplace forgot the token: look first. What is not there is sent under a new one."""
    found = None
    if call.op == "CreateHITWithHITType":
        found = _found_hit(call)
    elif call.op == "SendBonus":
        found = {} if _has_bonus(call) else None
    if found is None:
        renew_token(call=call)
    return found


def _found_hit(call: Call) -> Response | None:
    hit = mturk.hit_annotated(call.payload["RequesterAnnotation"])
    return hit and {"HIT": hit}


def _has_bonus(call: Call) -> bool:
    return mturk.has_bonus(call.payload["AssignmentId"], call.payload["BonusAmount"], call.payload["Reason"])


# What follows


def _subject(call: Call) -> int:
    return int(call.purpose.split(":")[1])


def _qualification_made(call: Call, response: Response) -> None:
    kind = Qualification.objects.get(pk=_subject(call))
    note_qualification(kind=kind, type_id=response["QualificationType"]["QualificationTypeId"])


def _hit_type_made(call: Call, response: Response) -> None:
    if call.purpose.startswith("compensation:"):
        made = MarketplaceHIT.objects.get(pk=_subject(call))
        note_compensation_type(made=made, hit_type_id=response["HITTypeId"])
        return
    note_hit_type(terms=Terms.objects.get(pk=_subject(call)), hit_type_id=response["HITTypeId"])


def _hit_made(call: Call, response: Response) -> None:
    note_hit(made=MarketplaceHIT.objects.get(pk=_subject(call)), created=response["HIT"])


def _end_moved(call: Call, response: Response) -> None:
    note_end(external_id=call.payload["HITId"], second=call.payload["ExpireAt"])


def _approved(call: Call, response: Response) -> None:
    note_status(listed=ListedAssignment.objects.get(external_id=call.payload["AssignmentId"]), status="approved")


def _rejected(call: Call, response: Response) -> None:
    note_status(listed=ListedAssignment.objects.get(external_id=call.payload["AssignmentId"]), status="rejected")


def _bonus_paid(call: Call, response: Response) -> None:
    book_bonus(call=call)


def _notified(call: Call, response: Response) -> None:
    failed = response.get("NotifyWorkersFailureStatuses", [])
    if failed:
        log.warning("%d of the workers of call %s could not be notified.", len(failed), call.pk)


def _nothing(call: Call, response: Response) -> None:
    pass


FOLLOWS: dict[str, Callable[[Call, Response], None]] = {
    "CreateQualificationType": _qualification_made,
    "CreateHITType": _hit_type_made,
    "CreateHITWithHITType": _hit_made,
    "UpdateExpirationForHIT": _end_moved,
    "ApproveAssignment": _approved,
    "RejectAssignment": _rejected,
    "SendBonus": _bonus_paid,
    "NotifyWorkers": _notified,
}
