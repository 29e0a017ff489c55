"""Queries for unusable assignments, by worker and by HIT."""

from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from mturk.models import ListedAssignment, Terms
from workforce.models import Report, Worker

# Unreadable at once or when its copy was processed, or the worker had answered before.
LOST = Q(finding__in=["unreadable", "repeated"]) | Q(finding="recovered", submission__state="orphaned")


def lost_by(worker: Worker, since: datetime | None = None) -> QuerySet[ListedAssignment]:
    """Return the unusable assignments of a worker; with `since`, those listed later."""
    assignments = ListedAssignment.objects.filter(LOST, worker=worker)
    return assignments if since is None else assignments.filter(listed_at__gt=since)


def without_report(lost: QuerySet[ListedAssignment]) -> QuerySet[ListedAssignment]:
    """Return the assignments without a problem report of the worker, who may have been unable to work."""
    reports = Report.objects.filter(lease__hit=OuterRef("marketplace_hit__hit"), lease__worker=OuterRef("worker"))
    return lost.exclude(Exists(reports))


def lost_too_many(terms: Terms) -> set[int]:
    """Return the HITs (ids) with too many unusable assignments to be offered again, by the terms of the batch."""
    lost = ListedAssignment.objects.filter(LOST, marketplace_hit__terms=terms)
    counts = lost.order_by().values("marketplace_hit__hit").annotate(n=Count("pk"))
    return set(counts.filter(n__gte=terms.losses_per_hit).values_list("marketplace_hit__hit", flat=True))
