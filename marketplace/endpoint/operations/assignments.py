"""Operations on submitted assignments, and on money."""

from django.db.models import QuerySet

from marketplace.endpoint.calls import Call
from marketplace.endpoint.operations.hits import amount, hit_of_call
from marketplace.endpoint.paging import page
from marketplace.endpoint.shapes import assignment_shape, bonus_shape, hit_shape
from marketplace.errors import BadParameter, NotOffered, WrongStatus
from marketplace.models import Assignment, BonusPayment
from marketplace.overdue.actions import catch_up_hit
from marketplace.prices import dollars
from marketplace.reads import SUBMITTED_STATUSES, assignment_of, balances, visible_assignments
from marketplace.review import actions
from marketplace.review.actions import NO_STATUS


def get_assignment(call: Call) -> dict:
    assignment = assignment_of_call(call)
    if actions.visible_status(assignment, call.moment) == NO_STATUS:
        raise WrongStatus("Assignment", "Reviewable,Approved,Rejected")
    return {"Assignment": assignment_shape(assignment), "HIT": hit_shape(assignment.hit)}


def list_assignments_for_hit(call: Call) -> dict:
    statuses = call.parameters.get("AssignmentStatuses") or SUBMITTED_STATUSES
    assignments = visible_assignments(hit_of_call(call), call.moment).filter(status__in=statuses)
    return page(call, "Assignments", assignments, assignment_shape)


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
    parameters = call.parameters
    actions.send_bonus(
        assignment=reviewable_assignment(call),
        worker_id=parameters["WorkerId"],
        cents=amount("BonusAmount", parameters["BonusAmount"], lowest=1),
        reason=parameters["Reason"],
        token=parameters.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {}


def list_bonus_payments(call: Call) -> dict:
    return page(call, "BonusPayments", bonuses_of(call), bonus_shape)


def bonuses_of(call: Call) -> QuerySet[BonusPayment]:
    """Return the bonuses of a HIT or of an assignment: the request must name exactly one of the two."""
    if ("HITId" in call.parameters) == ("AssignmentId" in call.parameters):
        raise BadParameter("Name either HITId or AssignmentId.")
    bonuses = BonusPayment.objects.select_related("worker", "assignment")
    if "HITId" in call.parameters:
        return bonuses.filter(assignment__hit=hit_of_call(call))
    return bonuses.filter(assignment=assignment_of_call(call))


def get_account_balance(call: Call) -> dict:
    available, on_hold = balances(call.requester)
    return {"AvailableBalance": dollars(available), "OnHoldBalance": dollars(on_hold)}


def get_file_upload_url(call: Call) -> dict:
    raise NotOffered("GetFileUploadURL, for questions that upload files: MTurk gave them up in 2017.")


def assignment_of_call(call: Call) -> Assignment:
    """Return the assignment named in the call, up to date even if many HITs are overdue."""
    assignment = assignment_of(call.requester, call.parameters["AssignmentId"])
    if assignment.hit.due_at is None or assignment.hit.due_at > call.moment:
        return assignment
    catch_up_hit(hit_id=assignment.hit_id, moment=call.moment)
    return assignment_of(call.requester, call.parameters["AssignmentId"])


def reviewable_assignment(call: Call) -> Assignment:
    """Return an assignment visible to the requester; one that is not visible yet has no status for them."""
    assignment = assignment_of_call(call)
    if actions.visible_status(assignment, call.moment) == NO_STATUS:
        raise actions.no_status()
    return assignment
