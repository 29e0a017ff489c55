"""/mturk/externalSubmit: an answer comes out of the frame, by a form of the page in it.

That page is of another site, so no cookie comes along: the assignment's id decides alone, as on Mechanical Turk.
"""

import re

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from marketplace.errors import WorkRefused
from marketplace.headers import HEADER, IN_OUR_FRAME, policy
from marketplace.work.actions import submit_assignment

ID = re.compile(r"[A-Z0-9]{10,64}")
NO_FORM = "The HIT was not submitted: a form with its answers was expected here. Tell the requester."
NO_ID = (
    "The HIT was not submitted: its form does not say which assignment it is for. If this is a preview, accept the "
    "HIT first; if not, tell the requester."
)
TOO_LARGE = "The HIT was not submitted: its answers are too large. Tell the requester."


@csrf_exempt
def external_submit(request: HttpRequest) -> HttpResponse:
    try:
        assignment_id, fields = read_form(request)
        submit_assignment(assignment_id=assignment_id, fields=fields)
    except WorkRefused as refusal:
        return in_frame(render(request, "marketplace/not_submitted.html", {"message": str(refusal)}, status=400))
    # Read again with GET, so that loading it anew submits nothing twice.
    done = HttpResponse(status=303, headers={"Location": f"{settings.ORIGIN}/mturk/submitted/{assignment_id}/"})
    return in_frame(done)


@require_safe
def submitted(request: HttpRequest, assignment_id: str) -> HttpResponse:
    """Stands in the frame and leads the window around it on. It knows nobody, and tells nothing of the assignment."""
    return in_frame(render(request, "marketplace/submitted.html", {"assignment_id": assignment_id}))


def read_form(request: HttpRequest) -> tuple[str, list[tuple[str, str]]]:
    """The assignment's id and all fields in their order; what came in the address does not count."""
    if request.method != "POST":
        raise WorkRefused(NO_FORM)
    try:
        form = request.POST
    except RequestDataTooBig:
        raise WorkRefused(TOO_LARGE) from None
    except (BadRequest, MultiPartParserError, SuspiciousOperation):
        raise WorkRefused(NO_FORM) from None
    assignment_id = form.get("assignmentId", "").strip()
    if not ID.fullmatch(assignment_id):
        raise WorkRefused(NO_ID)
    return assignment_id, [(name, value) for name, values in form.lists() for value in values]


def in_frame(response: HttpResponse) -> HttpResponse:
    response.headers[HEADER] = policy(ancestors=IN_OUR_FRAME)
    return response
