"""What workers do: look through the groups, preview, accept, work in the frame, return."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from marketplace.clock import now
from marketplace.headers import HEADER, frames_of, policy
from marketplace.models import HIT, Assignment, HITType, Worker
from marketplace.pages import WorkerRequest, for_workers
from marketplace.qualifications.words import needs_of
from marketplace.reads import HANDED_IN
from marketplace.work.actions import NotAvailable, accept_hit, accept_next, return_assignment
from marketplace.work.choosing import Choice, chosen
from marketplace.work.reads import (
    Group,
    assignment_shown,
    group_shown,
    groups_for,
    held_by,
    hit_to_preview,
    task_address,
    type_shown,
)

MOST_SHOWN = 100


@require_safe
@for_workers
def groups(request: WorkerRequest) -> HttpResponse:
    choice = Choice.of(request.GET)
    found = groups_for(request.worker, now())
    fitting = chosen(found, choice)
    context = {"groups": fitting[:MOST_SHOWN], "choice": choice, "n_fitting": len(fitting), "n_all": len(found)}
    return render(request, "marketplace/groups.html", context)


@require_safe
@for_workers
def group(request: WorkerRequest, group_id: str) -> HttpResponse:
    found = group_or_404(request.worker, group_id)
    hit = hit_to_preview(request.worker, found.hit_type, now())
    context = {"group": found, "hit": hit, "needs": needs_of(request.worker, found.hit_type.requirements)}
    if hit is None or not found.can_preview:
        return render(request, "marketplace/group.html", context)
    return with_frame(request, "marketplace/group.html", context, hit)


@require_POST
@for_workers
def accept(request: WorkerRequest, group_id: str) -> HttpResponse:
    """The HIT that was previewed, or if it is gone by now, any other one of its group."""
    # How many HITs the group has is of no interest here, and the longest to find out.
    hit_type = type_shown(request.worker, group_id)
    if hit_type is None:
        raise Http404
    assignment = accepted(request.worker, hit_type, request.POST.get("hit", ""))
    way = reverse("task", kwargs={"assignment_id": assignment.public_id})
    return redirect(f"{way}?auto=1" if request.POST.get("auto") else way)


@require_safe
@for_workers
def task(request: WorkerRequest, assignment_id: str) -> HttpResponse:
    """The work itself; once it is handed in, what comes next."""
    at = now()
    assignment = assignment_shown(request.worker, assignment_id, at)
    if assignment is None:
        return render(request, "marketplace/gone.html", {"held": held_by(request.worker, at)}, status=404)
    context = {"assignment": assignment, "kind": assignment.hit.hit_type, "auto": bool(request.GET.get("auto"))}
    if assignment.status in HANDED_IN:
        context["group"] = group_shown(request.worker, assignment.hit.hit_type.group_id, at)
        context["held"] = held_by(request.worker, at)
        return render(request, "marketplace/handed_in.html", context)
    assert assignment.accepted_at and assignment.deadline, "what is in work was accepted"
    context["elapsed"] = int((at - assignment.accepted_at).total_seconds())
    context["allowed"] = int((assignment.deadline - assignment.accepted_at).total_seconds())
    return with_frame(request, "marketplace/task.html", context, assignment.hit, assignment)


@require_POST
@for_workers
def give_back(request: WorkerRequest, assignment_id: str) -> HttpResponse:
    assignment = assignment_shown(request.worker, assignment_id, now())
    if assignment is None:
        raise Http404
    return_assignment(worker=request.worker, assignment=assignment)
    messages.success(request, f"“{assignment.hit.hit_type.title}” is returned. It counts neither for nor against you.")
    return redirect("groups")


@require_safe
@for_workers
def queue(request: WorkerRequest) -> HttpResponse:
    return render(request, "marketplace/queue.html", {"held": held_by(request.worker, now()), "at": now()})


def group_or_404(worker: Worker, group_id: str) -> Group:
    found = group_shown(worker, group_id, now())
    if found is None:
        raise Http404
    return found


def accepted(worker: Worker, hit_type: HITType, hit_id: str) -> Assignment:
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
