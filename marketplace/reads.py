"""Queries that more than one place needs."""

from datetime import datetime

from django.db.models import F, QuerySet

from marketplace.errors import BadParameter, DoesNotExist
from marketplace.models import HIT, Assignment, LedgerEntry, QualificationType, Requester, Worker

HANDED_IN = (Assignment.Status.SUBMITTED, Assignment.Status.APPROVED, Assignment.Status.REJECTED)


def last_entry(requester: Requester) -> LedgerEntry | None:
    return requester.entries.order_by("-number").first()


def balances(requester: Requester) -> tuple[int, int]:
    """Available and held cents."""
    entry = last_entry(requester)
    return (entry.available_after, entry.held_after) if entry else (0, 0)


def hit_of(requester: Requester, public_id: str, at: datetime) -> HIT:
    """A HIT of theirs; others', and those that do not show yet, do not exist."""
    hits = HIT.objects.filter(requester=requester, visible_at__lte=at).select_related("hit_type")
    hit = hits.filter(public_id=public_id).first()
    if hit is None:
        raise DoesNotExist("HIT", public_id)
    return hit


def assignment_of(requester: Requester, public_id: str) -> Assignment:
    found = Assignment.objects.filter(hit__requester=requester, public_id=public_id)
    assignment = found.select_related("hit__hit_type", "worker").first()
    if assignment is None:
        raise DoesNotExist("Assignment", public_id)
    return assignment


def shown_assignments(hit: HIT, at: datetime) -> QuerySet[Assignment]:
    """What was handed in, as far as the requester sees it yet."""
    return hit.assignments.filter(status__in=HANDED_IN, visible_at__lte=at).select_related("worker", "hit")


def worker_named(public_id: str) -> Worker:
    worker = Worker.objects.filter(public_id=public_id).first()
    if worker is None:
        raise BadParameter("WorkerId is invalid.")
    return worker


def qualification_type_of(public_id: str, requester: Requester | None = None) -> QualificationType:
    """A type that is not deleted; with `requester`, one of theirs."""
    found = QualificationType.objects.filter(public_id=public_id, deleted_at=None)
    found = found.filter(requester=requester) if requester else found
    qualification_type = found.first()
    if qualification_type is None:
        raise DoesNotExist("QualificationType", public_id)
    return qualification_type


def due_hits(at: datetime, requester: Requester | None = None) -> QuerySet[HIT]:
    """HITs to which something should have happened by itself, the longest overdue first."""
    due = HIT.objects.filter(due_at__lte=at).order_by("due_at", "pk")
    return due.filter(requester=requester) if requester else due


def open_places(hit_type_id: int, at: datetime) -> QuerySet[HIT]:
    return HIT.objects.filter(
        hit_type=hit_type_id,
        status=HIT.Status.ASSIGNABLE,
        expires_at__gt=at,
        max_assignments__gt=F("n_pending") + F("n_submitted") + F("n_approved") + F("n_rejected"),
    )
