"""/mturk/externalSubmit: answers submitted by a form of the page in the frame.

That page is of another site, so the form has no cookie: the assignment's id alone decides, as on Mechanical Turk.
"""

import re

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from marketplace.errors import WorkRefused
from marketplace.headers import HEADER, IN_OUR_FRAME, policy
from marketplace.refusals import has_readable_form
from marketplace.work.actions import submit_assignment

ID = re.compile(r"[A-Z0-9]{10,64}")
NO_FORM = gettext_lazy("The HIT was not submitted because no form with its answers was sent. Tell the requester.")
NO_ID = gettext_lazy(
    "The HIT was not submitted because its form does not name an assignment. If this is a preview, accept the HIT "
    "first. Otherwise, tell the requester."
)
TOO_LARGE = gettext_lazy("The HIT was not submitted because its answers are too large. Tell the requester.")


@csrf_exempt
def external_submit(request: HttpRequest) -> HttpResponse:
    try:
        assignment_id, fields = read_form(request)
        submit_assignment(assignment_id=assignment_id, fields=fields)
    except WorkRefused as error:
        return in_frame(render(request, "marketplace/not_submitted.html", {"message": str(error)}, status=400))
    # Redirected to GET, so that reloading does not submit twice.
    response = HttpResponse(status=303, headers={"Location": f"{settings.ORIGIN}/mturk/submitted/{assignment_id}/"})
    return in_frame(response)


@require_safe
def submitted(request: HttpRequest, assignment_id: str) -> HttpResponse:
    """Show the page in the frame that moves the window around it on. It reveals nothing of the assignment."""
    return in_frame(render(request, "marketplace/submitted.html", {"assignment_id": assignment_id}))


def read_form(request: HttpRequest) -> tuple[str, list[tuple[str, str]]]:
    """Return the assignment's id and all fields in their order; parameters of the address do not count."""
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
    if not has_readable_form(request):
        raise WorkRefused(NO_FORM)
    return assignment_id, [(name, value) for name, values in form.lists() for value in values]


def in_frame(response: HttpResponse) -> HttpResponse:
    response.headers[HEADER] = policy(ancestors=IN_OUR_FRAME)
    return response
