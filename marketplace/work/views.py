"""Pages of work: groups, preview, accepting, the task in its frame, returning, the queue."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from marketplace.clock import now
from marketplace.headers import HEADER, frames_of, policy
from marketplace.models import HIT, Assignment, HITType, Worker
from marketplace.pages import WorkerRequest, for_workers
from marketplace.qualifications.words import needs_of
from marketplace.reads import SUBMITTED_STATUSES
from marketplace.work.actions import NotAvailable, accept_hit, accept_next, return_assignment
from marketplace.work.choosing import Choice, select_groups
from marketplace.work.reads import (
    Group,
    groups_for,
    hit_to_preview,
    queue_at,
    task_address,
    visible_assignment,
    visible_group,
    visible_type,
)

MOST_SHOWN = 100


@require_safe
@for_workers
def groups(request: WorkerRequest) -> HttpResponse:
    choice = Choice.from_query(request.GET)
    discoverable = groups_for(request.worker, now())
    matching = select_groups(discoverable, choice)
    context = {
        "groups": matching[:MOST_SHOWN],
        "choice": choice,
        "n_matching": len(matching),
        "n_all": len(discoverable),
    }
    return render(request, "marketplace/groups.html", context)


@require_safe
@for_workers
def group(request: WorkerRequest, group_id: str) -> HttpResponse:
    group_ = group_or_404(request.worker, group_id)
    hit = hit_to_preview(request.worker, group_.hit_type, now())
    context = {"group": group_, "hit": hit, "needs": needs_of(request.worker, group_.hit_type.requirements)}
    if hit is None or not group_.can_preview:
        return render(request, "marketplace/group.html", context)
    return with_frame(request, "marketplace/group.html", context, hit)


@require_POST
@for_workers
def accept(request: WorkerRequest, group_id: str) -> HttpResponse:
    """Accept the previewed HIT, or any other HIT of its group if it is no longer available."""
    # The number of HITs of the group is not needed here, and slow to count.
    hit_type = visible_type(request.worker, group_id)
    if hit_type is None:
        raise Http404
    assignment = accept_any(request.worker, hit_type, request.POST.get("hit", ""))
    url = reverse("task", kwargs={"assignment_id": assignment.public_id})
    return redirect(f"{url}?auto=1" if request.POST.get("auto") else url)


@require_safe
@for_workers
def task(request: WorkerRequest, assignment_id: str) -> HttpResponse:
    """Show the task in progress; once it is submitted, the next HIT."""
    moment = now()
    assignment = visible_assignment(request.worker, assignment_id, moment)
    if assignment is None:
        queue = queue_at(request.worker, moment)
        return render(request, "marketplace/not_in_queue.html", {"queue": queue}, status=404)
    context = {"assignment": assignment, "kind": assignment.hit.hit_type, "auto": bool(request.GET.get("auto"))}
    if assignment.status in SUBMITTED_STATUSES:
        context["group"] = visible_group(request.worker, assignment.hit.hit_type.group_id, moment)
        context["queue"] = queue_at(request.worker, moment)
        return render(request, "marketplace/task_submitted.html", context)
    assert assignment.accepted_at and assignment.deadline, "an assignment in progress was accepted"
    context["elapsed"] = int((moment - assignment.accepted_at).total_seconds())
    context["allowed"] = int((assignment.deadline - assignment.accepted_at).total_seconds())
    return with_frame(request, "marketplace/task.html", context, assignment.hit, assignment)


@require_POST
@for_workers
def return_hit(request: WorkerRequest, assignment_id: str) -> HttpResponse:
    assignment = visible_assignment(request.worker, assignment_id, now())
    if assignment is None:
        raise Http404
    return_assignment(worker=request.worker, assignment=assignment)
    text = gettext("“%(title)s” was returned. Returning a HIT does not affect your account.")
    messages.success(request, text % {"title": assignment.hit.hit_type.title})
    return redirect("groups")


@require_safe
@for_workers
def queue(request: WorkerRequest) -> HttpResponse:
    return render(request, "marketplace/queue.html", {"queue": queue_at(request.worker, now()), "moment": now()})


def group_or_404(worker: Worker, group_id: str) -> Group:
    group_ = visible_group(worker, group_id, now())
    if group_ is None:
        raise Http404
    return group_


def accept_any(worker: Worker, hit_type: HITType, hit_id: str) -> Assignment:
    previewed = hit_type.hits.filter(public_id=hit_id).first() if hit_id.isalnum() else None
    if previewed:
        try:
            return accept_hit(worker=worker, hit=previewed)
        except NotAvailable:
            pass
    return accept_next(worker=worker, hit_type=hit_type)


def with_frame(
    request: WorkerRequest, template: str, context: dict, hit: HIT, assignment: Assignment | None = None
) -> HttpResponse:
    address, height = task_address(hit, settings.ORIGIN, assignment)
    page = render(request, template, context | {"address": address, "height": height})
    page.headers[HEADER] = policy(frames=frames_of(address))
    return page
