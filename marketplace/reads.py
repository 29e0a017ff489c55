"""Queries of more than one part of the marketplace."""

from datetime import datetime

from django.db.models import F, QuerySet

from marketplace.errors import BadParameter, DoesNotExist
from marketplace.models import HIT, Assignment, LedgerEntry, QualificationType, Requester, Worker

SUBMITTED_STATUSES = (Assignment.Status.SUBMITTED, Assignment.Status.APPROVED, Assignment.Status.REJECTED)


def last_entry(requester: Requester) -> LedgerEntry | None:
    return requester.entries.order_by("-number").first()


def balances(requester: Requester) -> tuple[int, int]:
    """Return available and held cents."""
    entry = last_entry(requester)
    return (entry.available_after, entry.held_after) if entry else (0, 0)


def hit_of(requester: Requester, public_id: str, moment: datetime) -> HIT:
    """Return a HIT of the requester; HITs of others, or not visible yet, do not exist."""
    hits = HIT.objects.filter(requester=requester, visible_at__lte=moment).select_related("hit_type")
    hit = hits.filter(public_id=public_id).first()
    if hit is None:
        raise DoesNotExist("HIT", public_id)
    return hit


def assignment_of(requester: Requester, public_id: str) -> Assignment:
    assignments = Assignment.objects.filter(hit__requester=requester, public_id=public_id)
    assignment = assignments.select_related("hit__hit_type", "worker").first()
    if assignment is None:
        raise DoesNotExist("Assignment", public_id)
    return assignment


def visible_assignments(hit: HIT, moment: datetime) -> QuerySet[Assignment]:
    """Return the submitted assignments that are already visible to the requester."""
    return hit.assignments.filter(status__in=SUBMITTED_STATUSES, visible_at__lte=moment).select_related("worker", "hit")


def worker_by_id(public_id: str) -> Worker:
    worker = Worker.objects.filter(public_id=public_id).first()
    if worker is None:
        raise BadParameter("WorkerId is invalid.")
    return worker


def qualification_type_of(public_id: str, requester: Requester | None = None) -> QualificationType:
    """Return a type that is not deleted; with `requester`, a type of theirs."""
    types = QualificationType.objects.filter(public_id=public_id, deleted_at=None)
    types = types.filter(requester=requester) if requester else types
    qualification_type = types.first()
    if qualification_type is None:
        raise DoesNotExist("QualificationType", public_id)
    return qualification_type


def due_hits(moment: datetime, requester: Requester | None = None) -> QuerySet[HIT]:
    """Return HITs that should have changed by themselves, the longest overdue first."""
    hits = HIT.objects.filter(due_at__lte=moment).order_by("due_at", "pk")
    return hits.filter(requester=requester) if requester else hits


def open_places(hit_type_id: int, moment: datetime) -> QuerySet[HIT]:
    return HIT.objects.filter(
        hit_type=hit_type_id,
        status=HIT.Status.ASSIGNABLE,
        expires_at__gt=moment,
        max_assignments__gt=F("n_pending") + F("n_submitted") + F("n_approved") + F("n_rejected"),
    )
