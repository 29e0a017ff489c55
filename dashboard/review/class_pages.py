"""The page of a class: its images, the labels that were said of them, and a reviewer's verdicts."""

import json
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from catalog.errors import UserError
from catalog.models import Example
from catalog.pages import file_response, picture_response
from dashboard.pages import researcher, staff_file, staff_page
from dashboard.review.plain_form import store_form
from dashboard.review.reads import about, class_page_named, obstacle_of, problem_reasons
from dashboard.subjects import permission_of_class_page, study_of_class_page, study_of_example, study_of_handle
from review_task.blinding.reads import image_of_handle
from review_task.models import ClassPage, MistakeCategory, Severity, VerdictValue
from review_task.presses.actions import store_press
from review_task.presses.reads import key_of, press_in
from review_task.reads import page_content

SECONDS_OF_A_DAY = 86_400
MOST_PRESSES = 100
JSON = "application/json"


@staff_page("GET", "POST", may=permission_of_class_page, of=study_of_class_page)
def class_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a class with its images. A POST is the whole form, from a browser without scripts."""
    page, user = class_page_named(pk), researcher(request)
    if request.method == "POST":
        _store(request, page)
        return redirect("class-page", pk)
    content = page_content(page, user)
    context = {
        "dataset": page.review.batch.dataset,
        "review": page.review,
        "page": page,
        "content": content,
        "obstacle": obstacle_of(page, user, has_seat=content.has_seat),
        "reasons": problem_reasons(page.review),
        "about": about(page.review, page.label) if page.label else None,
        "categories": MistakeCategory.choices,
        "severities": Severity.choices,
        "values": VerdictValue,
    }
    return render(request, "dashboard/review/class_page.html", context)


def _store(request: HttpRequest, page: ClassPage) -> None:
    try:
        n_stored = store_form(page, researcher(request), request.POST)
    except UserError as error:
        messages.error(request, error.for_page)
        return
    words = ngettext("%(n)s change stored.", "%(n)s changes stored.", n_stored) % {"n": n_stored}
    messages.success(request, words if n_stored else gettext("Nothing was changed."))


@staff_page("POST", may=permission_of_class_page, of=study_of_class_page)
def store_presses(request: HttpRequest, pk: int) -> HttpResponse:
    """Store what a page's script sends, in its order, and answer for each press by its key."""
    page, user = class_page_named(pk), researcher(request)
    try:
        body = json.loads(request.body if request.content_type == JSON else "")
        presses = [row for row in body["presses"][:MOST_PRESSES] if key_of(row)]
        person = body["person"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return JsonResponse({"message": gettext("This is no list of verdicts.")}, status=400)
    if person != str(user.pk):
        # Somebody else has signed in in this browser since: what was pressed is not theirs.
        return JsonResponse({"message": gettext("Another person is signed in.")}, status=403)
    return JsonResponse({"answers": {key_of(row): _answer(page, user, row) for row in presses}})


def _answer(page: ClassPage, user: Any, row: Any) -> dict[str, Any]:
    try:
        outcome = store_press(page=page, user=user, press=press_in(row))
    except UserError as error:
        return {"message": error.for_page}
    return {"verdict": outcome.verdict, "isLate": outcome.is_late}


@staff_file(may=May.REVIEW, of=study_of_handle)
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """Return a picture large enough to judge."""
    image = image_of_handle(public_id)
    if image is None:
        raise Http404
    return picture_response(image.display, SECONDS_OF_A_DAY)


@staff_file(may=May.REVIEW, of=study_of_example)
def example(request: HttpRequest, public_id: str) -> FileResponse:
    """Return a photograph of the study's example set."""
    return file_response(get_object_or_404(Example, public_id=public_id).picture, SECONDS_OF_A_DAY)
