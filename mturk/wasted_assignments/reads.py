"""Which assignments came to nothing, of whom and of which HITs."""

from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from mturk.models import ListedAssignment, Terms
from workforce.models import Report, Worker

# Nothing of it could be read, be it at once or when its copy was looked at; or its person had answered before.
LOST = Q(finding__in=["unreadable", "repeated"]) | Q(finding="recovered", submission__state="orphaned")


def lost_by(worker: Worker, since: datetime | None = None) -> QuerySet[ListedAssignment]:
    """What a person handed in that came to nothing; `since`: that was listed after it."""
    assignments = ListedAssignment.objects.filter(LOST, worker=worker)
    return assignments if since is None else assignments.filter(listed_at__gt=since)


def without_report(lost: QuerySet[ListedAssignment]) -> QuerySet[ListedAssignment]:
    """Those of which their person told no problem from the page: who could not work is not who would not."""
    reports = Report.objects.filter(lease__hit=OuterRef("marketplace_hit__hit"), lease__worker=OuterRef("worker"))
    return lost.exclude(Exists(reports))


def lost_too_many(terms: Terms) -> set[int]:
    """HITs (ids) of the batch that lost so many assignments that its terms stop offering them."""
    lost = ListedAssignment.objects.filter(LOST, marketplace_hit__terms=terms)
    counts = lost.order_by().values("marketplace_hit__hit").annotate(n=Count("pk"))
    return set(counts.filter(n__gte=terms.losses_per_hit).values_list("marketplace_hit__hit", flat=True))
