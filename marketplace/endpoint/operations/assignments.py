"""Operations on what workers handed in, and on money."""

from django.db.models import QuerySet

from marketplace.endpoint.calls import Call
from marketplace.endpoint.operations.hits import amount, named_hit
from marketplace.endpoint.paging import page
from marketplace.endpoint.shapes import assignment_shape, bonus_shape, hit_shape
from marketplace.errors import BadParameter, NotOffered, WrongStatus
from marketplace.models import Assignment, BonusPayment
from marketplace.overdue.actions import catch_up_hit
from marketplace.prices import dollars
from marketplace.reads import HANDED_IN, assignment_of, balances, shown_assignments
from marketplace.review import actions
from marketplace.review.actions import NO_STATUS


def get_assignment(call: Call) -> dict:
    assignment = named_assignment(call)
    if actions.status_shown(assignment, call.at) == NO_STATUS:
        raise WrongStatus("Assignment", "Reviewable,Approved,Rejected")
    return {"Assignment": assignment_shape(assignment), "HIT": hit_shape(assignment.hit)}


def list_assignments_for_hit(call: Call) -> dict:
    statuses = call.parameters.get("AssignmentStatuses") or HANDED_IN
    shown = shown_assignments(named_hit(call), call.at).filter(status__in=statuses)
    return page(call, "Assignments", shown, assignment_shape)


def approve_assignment(call: Call) -> dict:
    actions.approve_assignment(
        assignment=reviewable_assignment(call),
        feedback=call.parameters.get("RequesterFeedback"),
        override=call.parameters.get("OverrideRejection", False),
    )
    return {}


def reject_assignment(call: Call) -> dict:
    feedback = call.parameters["RequesterFeedback"]
    if not feedback.strip():
        raise BadParameter("RequesterFeedback is empty. Tell the worker why the work is rejected.")
    actions.reject_assignment(assignment=reviewable_assignment(call), feedback=feedback)
    return {}


def send_bonus(call: Call) -> dict:
    given = call.parameters
    actions.send_bonus(
        assignment=reviewable_assignment(call),
        worker_id=given["WorkerId"],
        cents=amount("BonusAmount", given["BonusAmount"], lowest=1),
        reason=given["Reason"],
        token=given.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {}


def list_bonus_payments(call: Call) -> dict:
    return page(call, "BonusPayments", bonuses_of(call), bonus_shape)


def bonuses_of(call: Call) -> QuerySet[BonusPayment]:
    """Of a HIT or of an assignment: exactly one of the two must be named."""
    if ("HITId" in call.parameters) == ("AssignmentId" in call.parameters):
        raise BadParameter("Name either HITId or AssignmentId.")
    bonuses = BonusPayment.objects.select_related("worker", "assignment")
    if "HITId" in call.parameters:
        return bonuses.filter(assignment__hit=named_hit(call))
    return bonuses.filter(assignment=named_assignment(call))


def get_account_balance(call: Call) -> dict:
    available, held = balances(call.requester)
    return {"AvailableBalance": dollars(available), "OnHoldBalance": dollars(held)}


def get_file_upload_url(call: Call) -> dict:
    raise NotOffered("GetFileUploadURL, for questions that upload files: MTurk gave them up in 2017.")


def named_assignment(call: Call) -> Assignment:
    """The assignment that is asked about, brought up to date even where many HITs are overdue."""
    assignment = assignment_of(call.requester, call.parameters["AssignmentId"])
    if assignment.hit.due_at is None or assignment.hit.due_at > call.at:
        return assignment
    catch_up_hit(hit_id=assignment.hit_id, at=call.at)
    return assignment_of(call.requester, call.parameters["AssignmentId"])


def reviewable_assignment(call: Call) -> Assignment:
    """An assignment that the requester sees; one that does not show yet has no status for them."""
    assignment = named_assignment(call)
    if actions.status_shown(assignment, call.at) == NO_STATUS:
        raise actions.no_status()
    return assignment
