"""Queries of workers' pages: groups of HITs, the queue, earnings, and the address of a task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from marketplace.models import HIT, Assignment, HITType, LedgerEntry, Worker
from marketplace.qualifications.reads import Value, unmet_requirements, values_of
from marketplace.questions import external_url

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"


@dataclass(frozen=True)
class Group:
    """The `n_hits` HITs of one type that a worker could do; `unmet` are the requirements that prevent it."""

    hit_type: HITType
    n_hits: int
    newest: datetime | None
    unmet: list[Mapping]
    can_preview: bool

    @property
    def can_accept(self) -> bool:
        return not self.unmet


@dataclass(frozen=True)
class Earnings:
    """A worker's earnings in cents; `awaiting` are the rewards of work pending review."""

    rewards: int
    bonuses: int
    awaiting: int


def hits_for(worker: Worker, moment: datetime) -> QuerySet[HIT]:
    """Return HITs with a free place that this worker has not had, of requesters who have not blocked them."""
    free = HIT.objects.filter(status=HIT.Status.ASSIGNABLE, visible_at__lte=moment, expires_at__gt=moment)
    return free.exclude(requester__blocks__worker=worker).exclude(assignments__worker=worker)


def groups_for(worker: Worker, moment: datetime) -> list[Group]:
    """Return all groups that this worker may discover, the newest first.

    Groups that only other workers may see, such as HITs for one person, are removed before the list is cut.
    """
    counts = hits_for(worker, moment).values_list("hit_type").annotate(n_hits=Count("pk"), newest=Max("created_at"))
    rows = {hit_type: (n_hits, newest) for hit_type, n_hits, newest in counts.order_by("-newest", "-hit_type")}
    values = values_of(worker)
    needs = HITType.objects.filter(pk__in=rows).values_list("pk", "requirements")
    hidden = {pk for pk, requirements in needs if unmet_requirements(worker, requirements, "discover", values)}
    types = HITType.objects.select_related("requester").in_bulk(rows.keys() - hidden)
    return [group_of(worker, types[pk], *rows[pk], values) for pk in rows if pk in types]


def group_of(
    worker: Worker, hit_type: HITType, n_hits: int, newest: datetime | None, values: Callable[[str], Value]
) -> Group:
    unmet = unmet_requirements(worker, hit_type.requirements, "accept", values)
    can_preview = not unmet_requirements(worker, hit_type.requirements, "preview", values)
    return Group(hit_type, n_hits, newest, unmet, can_preview)


def queue_of(worker: Worker) -> QuerySet[Assignment]:
    """Return the worker's assignments in progress, the most urgent first."""
    pending = worker.assignments.filter(status=Assignment.Status.PENDING).order_by("deadline")
    return pending.select_related("hit__hit_type__requester")


def queue_at(worker: Worker, moment: datetime) -> QuerySet[Assignment]:
    """Return the queue without expired assignments that were not freed yet."""
    return queue_of(worker).filter(deadline__gt=moment)


def visible_assignment(worker: Worker, public_id: str, moment: datetime) -> Assignment | None:
    """Return the worker's assignment, in progress or submitted; returned and expired assignments are nobody's."""
    assignments = worker.assignments.exclude(status=Assignment.Status.PENDING, deadline__lte=moment)
    return assignments.filter(public_id=public_id).select_related("hit__hit_type__requester", "worker").first()


def hit_to_preview(worker: Worker, hit_type: HITType, moment: datetime) -> HIT | None:
    return hits_for(worker, moment).filter(hit_type=hit_type).order_by("pk").first()


def visible_type(worker: Worker, group_id: str) -> HITType | None:
    """Return the type of a group's HITs, if the worker may discover it."""
    return _discovered(worker, group_id, values_of(worker))


def _discovered(worker: Worker, group_id: str, values: Callable[[str], Value]) -> HITType | None:
    hit_type = HITType.objects.filter(group_id=group_id).select_related("requester").first()
    if hit_type is None or unmet_requirements(worker, hit_type.requirements, "discover", values):
        return None
    return hit_type


def visible_group(worker: Worker, group_id: str, moment: datetime) -> Group | None:
    """Return a group that the worker may discover, also if no HIT of it is left for them."""
    values = values_of(worker)
    hit_type = _discovered(worker, group_id, values)
    if hit_type is None:
        return None
    counts = hits_for(worker, moment).filter(hit_type=hit_type).aggregate(n_hits=Count("pk"), newest=Max("created_at"))
    return group_of(worker, hit_type, counts["n_hits"], counts["newest"], values)


def submitted_by(worker: Worker) -> QuerySet[Assignment]:
    assignments = worker.assignments.filter(submitted_at__isnull=False).order_by("-submitted_at")
    return assignments.select_related("hit__hit_type__requester")


def earnings_of(worker: Worker) -> Earnings:
    sums = LedgerEntry.objects.filter(assignment__worker=worker).aggregate(
        rewards=Sum(-F("held") - F("available"), filter=Q(kind=LedgerEntry.Kind.REWARD)),
        bonuses=Sum(-F("held") - F("available"), filter=Q(kind=LedgerEntry.Kind.BONUS)),
    )
    awaiting = worker.assignments.filter(status=Assignment.Status.SUBMITTED).aggregate(cents=Sum("reward_cents"))
    return Earnings(sums["rewards"] or 0, sums["bonuses"] or 0, awaiting["cents"] or 0)


def task_address(hit: HIT, submit_to: str, assignment: Assignment | None = None) -> tuple[str, int]:
    """Return the address for the frame, and its height (0: as high as the window). Without an assignment: a preview.

    The parameters are added to those of the address; a preview reveals nothing of the worker.
    """
    url, height = external_url(hit.question)
    parameters = {"assignmentId": PREVIEW, "hitId": hit.public_id}
    if assignment:
        parameters = {
            "assignmentId": assignment.public_id,
            "hitId": hit.public_id,
            "turkSubmitTo": submit_to,
            "workerId": assignment.holder.public_id,
        }
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query)), height
