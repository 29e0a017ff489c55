"""A HIT's page in the frame of a marketplace: preview, work, and the way back to where it was accepted.

Nothing here rests on a cookie, and nothing on what the address says of a person: see workforce.assignments.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from catalog.reads import now
from workforce.assignments.actions import HITClosed, accept
from workforce.assignments.ids import submit_address, turn_in
from workforce.assignments.receipts import fields_to_hand_over
from workforce.models import HIT, Assignment, Lease, Submission
from workforce.reads import preview_lease

# The marketplace has not listed it, so sending it once more does no harm.
MAY_BE_SENT = ("", Assignment.Outcome.ORPHANED)
HANDED_IN = "Your answer to this HIT has arrived. There is nothing more to do here. Thank you."


def look(request: HttpRequest, hit: HIT) -> Lease | HttpResponse:
    """The lease whose page is to be shown, one without a row for a preview; or the page that leads on from it.

    Raises what `accept` and `turn_in` raise.
    """
    turn = turn_in(request.GET)
    if turn is None:
        if hit.closed_at is not None:
            raise HITClosed("This HIT takes no more answers.")
        return preview_lease(hit)
    assignment = accept(hit=hit, turn=turn)
    if assignment.lease.state == Lease.State.SUBMITTED:
        return _handed_in(request, assignment)
    assignment.lease.assignment = assignment
    return assignment.lease


def _handed_in(request: HttpRequest, assignment: Assignment) -> HttpResponse:
    """The answer is stored; whether the marketplace has it too, nobody here can know before it says so."""
    if assignment.outcome not in MAY_BE_SENT:
        return render(request, "error.html", {"title": "Handed in", "message": HANDED_IN})
    context = {
        "action": _submit_address(request),
        "fields": fields_to_hand_over(assignment),
        "is_missed": assignment.outcome == Assignment.Outcome.ORPHANED,
    }
    return render(request, "workforce/hand_over.html", context)


def answer_to_hand_in(request: HttpRequest, assignment: Assignment) -> HttpResponse:
    """What follows a stored answer: the script is told what to send to the marketplace, others are shown a button."""
    if request.content_type == "application/json":
        fields = fields_to_hand_over(assignment)
        return JsonResponse({"hand_over": {"action": _submit_address(request), "fields": fields}})
    return HttpResponse(status=303, headers={"Location": request.get_full_path()})


def is_answered(lease: Lease) -> bool:
    return Submission.objects.filter(lease=lease).exists()


def page_of_assignment(request: HttpRequest, lease: Lease) -> dict[str, object]:
    """What a page of work needs to say where it is handed over, also when only the marketplace can be reached."""
    return {
        "assignment": lease.assignment,
        "minutes_since": (now() - lease.assignment.created_at).seconds // 60,
        "hand_over_address": _submit_address(request),
    }


def _submit_address(request: HttpRequest) -> str:
    return submit_address(request.GET.get("turkSubmitTo", ""), settings.MARKETPLACE_SITES)
