"""A HIT's page in a marketplace's frame: preview, work, and submission to the marketplace.

Nothing here relies on a cookie, or on the worker's ID in the URL: see workforce.frame.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext

from catalog.reads import now
from workforce.consents.actions import OtherText, begin_in_frame, decline
from workforce.consents.pages import (
    START,
    SeeOther,
    address_with,
    agreement_in,
    declined_page,
    declines,
    start_key,
    start_page,
)
from workforce.consents.reads import NOBODY, consent_named, standing_at_start
from workforce.forms import fields_of_start
from workforce.frame.actions import HITClosed, accept
from workforce.frame.admission import WRONG_HIT, WrongHIT, checked_standing
from workforce.frame.ids import BadAddress, FrameVisit, submit_address, visit_in
from workforce.frame.reads import answers_under, frame_offers, named_assignment
from workforce.frame.receipts import fields_to_hand_over
from workforce.introductions.reads import contact_of
from workforce.limits import check_pace
from workforce.models import HIT, Assignment, Lease, Submission
from workforce.reads import known_worker, n_selected_in, preview_lease
from workforce.unverified.actions import ARRIVED

# Sent to answer although an answer is stored. Not in a URL: URLs name the worker.
AGAIN = "again"
MINUTE = timedelta(minutes=1)


def look(request: HttpRequest, hit: HIT) -> Lease | HttpResponse:
    """Return the lease to show, an unsaved one for a preview; or the page that follows a submission.

    Raises the errors of `accept` and `visit_in`.
    """
    visit = visit_in(request.GET)
    if visit is None:
        if hit.closed_at is not None:
            raise HITClosed(gettext("This task no longer accepts answers."))
        return preview_lease(hit)
    check_pace(request, visit.worker_id)
    consent_id = consent_named(request.GET)
    if not _has_begun(hit, visit, consent_id, answers_again=AGAIN in request.POST):
        return _start_page(request, hit, visit)
    assignment = accept(hit=hit, visit=visit)
    assignment.lease.consent_id = consent_id
    if not assignment.is_waited_for:
        return arrived(request)
    answers = [] if AGAIN in request.POST else _answers_to_hand_over(assignment)
    return _hand_over(request, assignment, answers, may_be_others=True) if answers else assignment.lease


def _start_page(request: HttpRequest, hit: HIT, visit: FrameVisit, **further: object) -> HttpResponse:
    key = start_key(hit.batch, visit.worker_id)
    return start_page(request, hit.batch, start_key=key, terms=frame_offers().terms_of(hit.batch), **further)


def _has_begun(hit: HIT, visit: FrameVisit, consent_id: int | None, *, answers_again: bool) -> bool:
    """Return whether to go on without asking for Start. Raises the errors of `accept` before anybody is asked.

    An assignment with an answer leads to the marketplace, whatever was asked since.
    """
    worker = known_worker(hit.batch.marketplace, visit.worker_id)
    assignment = None if worker is None else named_assignment(visit, worker)
    if assignment is not None and (not assignment.is_waited_for or not answers_again and answers_under(assignment)):
        return True
    if standing_at_start(hit.batch, worker.pk if worker else NOBODY, assignment, consent_id).has_started:
        return True
    if assignment is None:
        checked_standing(hit, visit, worker)
    elif assignment.lease.hit_id != hit.pk:
        raise WrongHIT(str(WRONG_HIT))
    return False


def asks_to_begin(fields: Mapping[str, Any]) -> bool:
    """Return whether a POST in a frame is Start or Decline, not an answer."""
    return START in fields or declines(fields)


def begin_or_decline(request: HttpRequest, hit: HIT) -> HttpResponse:
    """Carry out Start, and show the task; or Decline. Raises the errors of `look`, and ForeignStart."""
    fields = fields_of_start(request)
    visit = visit_in(request.GET)
    if visit is None:
        raise BadAddress(gettext("This is a preview. Accept the task on the marketplace to start."))
    check_pace(request, visit.worker_id)
    if declines(fields):
        worker = known_worker(hit.batch.marketplace, visit.worker_id)
        assignment = None if worker is None else named_assignment(visit, worker)
        if worker is not None and assignment is not None:
            consent_id = consent_named(request.GET)
            decline(batch=hit.batch, worker=worker, assignment=assignment, consent_id=consent_id)
        return declined_page(request, hit.batch, back=address_with(request, None))
    try:
        consent = begin_in_frame(hit=hit, accept=partial(accept, hit=hit, visit=visit), agreement=agreement_in(fields))
    except OtherText:
        return _start_page(request, hit, visit, changed=True)
    return SeeOther(address_with(request, consent))


def _answers_to_hand_over(assignment: Assignment) -> list[Submission]:
    """Return the stored answers of an assignment that the marketplace has not confirmed."""
    return answers_under(assignment) if assignment.lease.state == Lease.State.SUBMITTED else []


def _hand_over(
    request: HttpRequest, assignment: Assignment, answers: list[Submission], *, may_be_others: bool
) -> HttpResponse:
    """Show the button to submit to the marketplace.

    With `may_be_others` the worker can still answer: another person may have sent some of these answers.
    """
    moment = now()
    choices = [
        {
            "fields": fields_to_hand_over(assignment, answer.answer),
            "n_selected": n_selected_in(answer.answer),
            "minutes": (moment - answer.submitted_at) // MINUTE if answer.submitted_at else 0,
        }
        for answer in answers
    ]
    context = {
        "action": _submit_address(request),
        "answers": choices,
        "is_missed": assignment.outcome == Assignment.Outcome.ORPHANED,
        "may_be_others": may_be_others,
        "contact": contact_of(assignment.lease.batch),
    }
    return render(request, "workforce/hand_over.html", context)


def arrived(request: HttpRequest) -> HttpResponse:
    """Reply that the marketplace has listed the assignment: nothing can change it any more."""
    context = {"title": gettext("Submitted"), "message": str(ARRIVED)}
    if request.content_type == "application/json":
        return JsonResponse(context, status=409)
    return render(request, "error.html", context)


def answer_to_submit(request: HttpRequest, lease: Lease, answer: Submission) -> HttpResponse:
    """Reply to an answer: the fields for the marketplace to a script, otherwise a page with a button."""
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
    """Return the context to submit to the marketplace, even if only the marketplace can be reached."""
    assignment = assignment_of(lease)
    return {
        "assignment": assignment,
        "minutes_since": (now() - assignment.opened_at) // MINUTE,
        "hand_over_address": _submit_address(request),
    }


def _submit_address(request: HttpRequest) -> str:
    return submit_address(request.GET.get("turkSubmitTo", ""), settings.MARKETPLACE_SITES)
