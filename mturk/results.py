"""The table of handlers that the outbox calls with the outcome of a call, by operation."""

from collections.abc import Mapping

from mturk.compensation.actions import advance_compensations, note_compensation_type, note_stranger
from mturk.expiry.actions import drop_overtaken, note_end
from mturk.expiry.reads import is_overtaken
from mturk.models import Call, ListedAssignment, MarketplaceHIT, Qualification, Terms
from mturk.outbox.results import Handlers, Response
from mturk.payments.actions import book_bonus, note_approvals, note_status, note_unreached
from mturk.publishing.actions import note_hit, note_hit_type, note_qualification


def _subject(call: Call) -> int:
    return int(call.purpose.split(":")[1])


def _qualification_created(call: Call, response: Response) -> None:
    kind = Qualification.objects.get(pk=_subject(call))
    note_qualification(kind=kind, type_id=response["QualificationType"]["QualificationTypeId"])
    advance_compensations(kind=kind)


def _qualified(call: Call, response: Response) -> None:
    advance_compensations(kind=Qualification.objects.get(pk=call.payload["qualification"]))


def _hit_type_created(call: Call, response: Response) -> None:
    if call.purpose.startswith("compensation:"):
        marketplace_hit = MarketplaceHIT.objects.get(pk=_subject(call))
        note_compensation_type(marketplace_hit=marketplace_hit, hit_type_id=response["HITTypeId"])
        return
    guarded = call.purpose.endswith(":guarded")
    note_hit_type(terms=Terms.objects.get(pk=_subject(call)), hit_type_id=response["HITTypeId"], guarded=guarded)


def _hit_created(call: Call, response: Response) -> None:
    note_hit(marketplace_hit=MarketplaceHIT.objects.get(pk=_subject(call)), created=response["HIT"])


def _stranger(call: Call) -> None:
    note_stranger(kind=Qualification.objects.get(pk=call.payload["qualification"]))


def _is_dropped(call: Call) -> bool:
    if is_overtaken(call):
        drop_overtaken(call=call)
        return True
    return False


def _end_moved(call: Call, response: Response) -> None:
    note_end(external_id=call.payload["HITId"], second=call.payload["ExpireAt"])


def _approved(call: Call, response: Response) -> None:
    note_status(listed=ListedAssignment.objects.get(external_id=call.payload["AssignmentId"]), status="approved")


def _all_approved(calls: list[Call]) -> None:
    note_approvals(external_ids=[call.payload["AssignmentId"] for call in calls])


def _rejected(call: Call, response: Response) -> None:
    note_status(listed=ListedAssignment.objects.get(external_id=call.payload["AssignmentId"]), status="rejected")


def _bonus_paid(call: Call, response: Response) -> None:
    book_bonus(call=call)


def _notified(call: Call, response: Response) -> None:
    failed = response.get("NotifyWorkersFailureStatuses", [])
    if failed:
        note_unreached(call=call, failures=failed)


RESULTS: Mapping[str, Handlers] = {
    "CreateQualificationType": Handlers(done=_qualification_created),
    "AssociateQualificationWithWorker": Handlers(done=_qualified, failed=_stranger),
    "CreateHITType": Handlers(done=_hit_type_created),
    "CreateHITWithHITType": Handlers(done=_hit_created),
    "UpdateExpirationForHIT": Handlers(done=_end_moved, is_dropped=_is_dropped),
    "ApproveAssignment": Handlers(done=_approved, all_done=_all_approved),
    "RejectAssignment": Handlers(done=_rejected),
    "SendBonus": Handlers(done=_bonus_paid),
    "NotifyWorkers": Handlers(done=_notified),
}
