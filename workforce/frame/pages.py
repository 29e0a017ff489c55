"""A HIT's page in the frame of a marketplace: preview, work, and the way back to where it was accepted.

Nothing here rests on a cookie, and nothing on what the address says of a person: see workforce.frame.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from catalog.reads import now
from workforce.frame.actions import HITClosed, accept
from workforce.frame.ids import submit_address, visit_in
from workforce.frame.reads import answers_under
from workforce.frame.receipts import fields_to_hand_over
from workforce.limits import check_pace
from workforce.models import HIT, Assignment, Lease, Submission
from workforce.reads import preview_lease

# Sent by who wants to answer although an answer is stored. Not in an address: those name the worker.
AGAIN = "again"
HANDED_IN = "Your answer to this HIT has arrived. There is nothing more to do here. Thank you."


def look(request: HttpRequest, hit: HIT) -> Lease | HttpResponse:
    """The lease whose page is to be shown, one without a row for a preview; or the page that leads on from it.

    Raises what `accept` and `visit_in` raise.
    """
    visit = visit_in(request.GET)
    if visit is None:
        if hit.closed_at is not None:
            raise HITClosed("This HIT takes no more answers.")
        return preview_lease(hit)
    check_pace(request, visit.worker_id)
    assignment = accept(hit=hit, visit=visit)
    if not assignment.is_waited_for:
        return arrived(request)
    answers = [] if AGAIN in request.POST else _answers_to_hand_over(assignment)
    return _hand_over(request, assignment, answers, may_be_others=True) if answers else assignment.lease


def _answers_to_hand_over(assignment: Assignment) -> list[Submission]:
    """The answer is stored; whether the marketplace has it too, nobody here can know before it says so."""
    return answers_under(assignment) if assignment.lease.state == Lease.State.SUBMITTED else []


def _hand_over(
    request: HttpRequest, assignment: Assignment, answers: list[Submission], *, may_be_others: bool
) -> HttpResponse:
    """Whoever knows which assignment somebody holds may have sent some of them: then the person may still answer."""
    moment = now()
    shown = [
        {
            "fields": fields_to_hand_over(assignment, one.answer),
            "n_ticked": len(one.answer["selected"]),
            "minutes": (moment - one.submitted_at).seconds // 60 if one.submitted_at else 0,
        }
        for one in answers
    ]
    context = {
        "action": _submit_address(request),
        "answers": shown,
        "is_missed": assignment.outcome == Assignment.Outcome.ORPHANED,
        "may_be_others": may_be_others,
    }
    return render(request, "workforce/hand_over.html", context)


def arrived(request: HttpRequest) -> HttpResponse:
    """The marketplace has listed the assignment: whatever is sent of it now changes nothing."""
    if request.content_type == "application/json":
        return JsonResponse({"title": "Handed in", "message": HANDED_IN}, status=409)
    return render(request, "error.html", {"title": "Handed in", "message": HANDED_IN})


def answer_to_hand_in(request: HttpRequest, lease: Lease, answer: Submission) -> HttpResponse:
    """What follows an answer: the script is told what to send to the marketplace, others are shown a button."""
    if "selected" not in answer.answer:
        return arrived(request)
    if request.content_type == "application/json":
        fields = fields_to_hand_over(assignment_of(lease), answer.answer)
        return JsonResponse({"hand_over": {"action": _submit_address(request), "fields": fields}})
    return _hand_over(request, assignment_of(lease), [answer], may_be_others=False)


def assignment_of(lease: Lease) -> Assignment:
    """Return the assignment under which a page in a frame is shown or sent."""
    assert lease.assignment is not None, "`accept` and the work token set it"
    return lease.assignment


def page_of_assignment(request: HttpRequest, lease: Lease) -> dict[str, object]:
    """What a page of work needs to say where it is handed over, also when only the marketplace can be reached."""
    assignment = assignment_of(lease)
    return {
        "assignment": assignment,
        "minutes_since": (now() - assignment.created_at).seconds // 60,
        "hand_over_address": _submit_address(request),
    }


def _submit_address(request: HttpRequest) -> str:
    return submit_address(request.GET.get("turkSubmitTo", ""), settings.MARKETPLACE_SITES)
