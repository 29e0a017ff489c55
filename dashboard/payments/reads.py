"""Queries for the marketplace pages of a batch: its progress, its calls, its workers by pseudonym."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Prefetch, QuerySet, Sum
from django.utils.translation import gettext

from catalog.models import Dataset
from catalog.reads import now
from dashboard.payments.labels import DECISIONS, FINDINGS, STATUSES
from mturk.compensation.reads import not_handed_in as without_answer
from mturk.compensation.reads import unpaid_leases
from mturk.costs.reads import preview_of
from mturk.models import Call, ListedAssignment, Rejection, Terms
from mturk.outbox.reads import calls_for
from mturk.payments.reads import ToLookAt, active_seconds_of, n_more_rejections, to_look_at, waiting_approvals
from mturk.pricing.reads import Preview
from mturk.publishing.reads import missing_in_stopped_hits
from mturk.qualifications.reads import blocked_workers, decided_for, repeating_hits
from mturk.rejections.actions import OVERRIDE_WITHIN
from mturk.terms.reads import CannotPublish, check_can_publish
from mturk.wages.reads import proposed_reward
from workforce.frame.actions import GRACE, RENEWED_AFTER
from workforce.kinds import task_kinds
from workforce.models import Assignment, Batch, Lease, Submission
from workforce.reads import is_excluded, pseudonym

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise, WithAnnotations

    DecidedAssignment = WithAnnotations[ListedAssignment, "Decisions"]

ASSIGNMENTS_PER_PAGE = 50
CALLS_SHOWN, TURNS_SHOWN, MESSAGES_SHOWN = 10, 20, 10
# Tasks look for calls to send every two seconds.
SENT_WITHIN = timedelta(minutes=1)
# Opening a page renews its lease only after RENEWED_AFTER, so the end of a lease dates its last opening to within this.
OPENED_WITHIN = GRACE - RENEWED_AFTER


# Before it is published


@dataclass(frozen=True)
class Publishable:
    """An open batch with its cost at the proposed reward, or the `problem` that keeps it from being published."""

    batch: Batch
    cost: Preview
    reward: Decimal
    problem: str = ""


def not_published(dataset: Dataset) -> list[Publishable]:
    """Return the open batches that are not on the marketplace, the newest first, also those without free slots."""
    offered = [kind.name for kind in task_kinds() if kind.offer is not None]
    batches = Batch.objects.filter(dataset=dataset, closed_at=None, terms=None, kind__in=offered)
    batches = (
        batches.exclude(marketplace=Batch.Marketplace.REPLAY).select_related("settings", "dataset").order_by("-id")
    )
    return [publishable(batch) for batch in batches]


def publishable(batch: Batch) -> Publishable:
    reward = proposed_reward(batch).reward
    cost = preview_of(batch, reward)
    try:
        check_can_publish(batch)
    except CannotPublish as error:
        return Publishable(batch, cost, reward, error.for_page)
    problem = "" if cost.n_assignments else gettext("No answers needed yet.")
    return Publishable(batch, cost, reward, problem)


# How far it is


@dataclass(frozen=True)
class Progress:
    """Counts of a batch on the marketplace. `findings` and `statuses` count its listed assignments."""

    n_hits: int
    n_there: int
    n_over: int
    offered: int
    in_hands: int
    unconfirmed: int
    orphaned: int
    findings: Counter[str]
    statuses: Counter[str]
    n_excluded: int
    # HITs with too many unusable assignments to be offered again.
    n_stopped: int

    @property
    def handed_in(self) -> int:
        return self.statuses.total()

    @property
    def confirmed(self) -> int:
        return self.findings["confirmed"] - self.n_excluded

    @property
    def surplus(self) -> int:
        return self.findings["surplus"]

    @property
    def recovered(self) -> int:
        return self.findings["recovered"]

    @property
    def lost(self) -> int:
        """Return the number of unusable assignments: paid, and replaced."""
        return self.findings["repeated"] + self.findings["unreadable"]


def progress_of(terms: Terms) -> Progress:
    counts = terms.marketplace_hits.filter(compensates=None).aggregate(
        n=Count("pk"), there=Count("external_id"), over=Count("finished_at"), offered=Sum("n_assignments")
    )
    listed = ListedAssignment.objects.filter(marketplace_hit__terms=terms, marketplace_hit__compensates=None)
    of_batch = Submission.objects.filter(hit__batch=terms.batch_id)
    return Progress(
        n_hits=counts["n"],
        n_there=counts["there"],
        n_over=counts["over"],
        offered=counts["offered"] or 0,
        in_hands=_in_hands(terms),
        unconfirmed=of_batch.filter(state=Submission.State.PROVISIONAL, listed=None).count(),
        orphaned=Assignment.objects.filter(lease__batch=terms.batch_id, outcome="orphaned").count(),
        findings=_counts(listed, "finding"),
        statuses=_counts(listed, "status"),
        n_excluded=listed.filter(is_excluded(), finding="confirmed").count(),
        n_stopped=len(missing_in_stopped_hits(terms)),
    )


class Sureness(TypedDict):
    """An annotation: nobody else can have opened the assignment since."""

    is_sure: bool


def _rivals(**conditions: Any) -> QuerySet[Assignment]:
    """Return what other workers opened under the id of an assignment. A return on the marketplace shows here only once
    the next worker opens it. It may go back to the first worker, whose row stays the older one."""
    same = {"external_id": OuterRef("external_id"), "external_hit_id": OuterRef("external_hit_id")}
    return Assignment.objects.filter(**same, **conditions).exclude(worker=OuterRef("worker"))


def _running(terms: Terms) -> "QuerySet[WithAnnotations[Lease, Sureness]]":
    """Return the unlisted leases whose time runs and whose assignment nobody else surely opened since.

    `is_sure` where nobody else can have opened it since.
    """
    listed = ListedAssignment.objects.filter(worker=OuterRef("worker"), marketplace_hit__hit=OuterRef("hit"))
    # If a worker accepted the HIT again under another id, the end of the lease says nothing about this assignment.
    another = Assignment.objects.filter(lease=OuterRef("lease")).exclude(pk=OuterRef("pk"))
    ends = OuterRef("lease__expires_at")
    surely_later = _rivals(lease__expires_at__gt=ends + OPENED_WITHIN).filter(~Exists(another))
    open_assignments = Assignment.objects.filter(~Exists(surely_later), lease=OuterRef("pk"), outcome="")
    maybe_later = _rivals(lease__expires_at__gte=ends - OPENED_WITHIN)
    sure = open_assignments.filter(~Exists(_rivals()) | (~Exists(another) & ~Exists(maybe_later)))
    # A lease outlives its assignment by the grace in which an answer may still arrive.
    within = {"state": Lease.State.ACTIVE, "expires_at__gt": now() + GRACE}
    leases = Lease.objects.filter(
        ~Exists(listed), Exists(open_assignments), batch=terms.batch_id, takes_slot=False, **within
    )
    return leases.annotate(is_sure=Exists(sure))


def _in_hands(terms: Terms) -> int:
    """Count running leases, per HIT at most its unsubmitted assignments: anybody can open a page in any name."""
    running = Counter(_running(terms).values_list("hit", flat=True))
    marketplace_hits = terms.marketplace_hits.filter(compensates=None, finished_at=None, hit__in=running)
    n_unfilled: Counter[int] = Counter()
    for hit, n_open in marketplace_hits.annotate(n_open=F("n_assignments") - Count("listed")).values_list(
        "hit", "n_open"
    ):
        n_unfilled[hit] += n_open
    return (running & n_unfilled).total()


def _counts(rows: QuerySet[Any], field: str) -> Counter[str]:
    return Counter(dict(rows.order_by().values_list(field).annotate(n=Count("pk"))))


def terms_of_dataset(dataset: Dataset) -> list[Terms]:
    terms = Terms.objects.filter(batch__dataset=dataset).select_related("batch__settings", "batch__dataset")
    return list(terms.order_by("-batch"))


# What is to be sent


@dataclass(frozen=True)
class Calls:
    """Calls of a batch. `late`: how long one is overdue. `tried` failed so far and are retried, `refused` are not."""

    waiting: int
    unsure: int
    done: int
    failed: int
    refused: list[Call]
    tried: list[Call]
    late: timedelta | None
    to_look_at: ToLookAt | None


def calls_of(terms: Terms) -> Calls:
    """Return the calls of the batch and those that create the qualifications of all batches."""
    of_batch = calls_for(terms.batch)
    states = _counts(of_batch, "state")
    open_calls = of_batch.filter(state__in=["waiting", "unsure"])
    oldest = open_calls.order_by("next_try").values_list("next_try", flat=True).first()
    late = None if oldest is None or now() - oldest < SENT_WITHIN else now() - oldest
    return Calls(
        waiting=states["waiting"],
        unsure=states["unsure"],
        done=states["done"],
        failed=states["failed"],
        refused=list(of_batch.filter(state="failed").order_by("pk")[:CALLS_SHOWN]),
        tried=list(open_calls.exclude(last_error="").order_by("-attempts")[:CALLS_SHOWN]),
        late=late,
        to_look_at=to_look_at(terms),
    )


@dataclass(frozen=True)
class Message:
    """A message to workers of the batch, in one call; `unreached`: (pseudonym, reason)."""

    call: Call
    n_workers: int
    unreached: list[tuple[str, str]]


def messages_of(terms: Terms) -> list[Message]:
    """Return the messages, the latest first; one to more than a hundred workers is several."""
    calls = Call.objects.filter(batch=terms.batch_id, op="NotifyWorkers").order_by("-pk")[:MESSAGES_SHOWN]
    return [_message(call, terms.batch.dataset) for call in calls]


def _message(call: Call, dataset: Dataset) -> Message:
    failures = call.payload.get("unreached", [])
    unreached = [(pseudonym(dataset, failure["worker"]), failure["words"] or failure["code"]) for failure in failures]
    return Message(call, len(call.payload["workers"]), unreached)


# Its assignments and people


@dataclass(frozen=True)
class KeptOut:
    """Counts of HITs that repeat earlier questions, and of the workers who are not offered them again."""

    n_hits: int
    n_workers: int


def kept_out(terms: Terms) -> KeptOut | None:
    if terms.former_workers is None:
        return None
    calls = decided_for(terms.former_workers).values()
    return KeptOut(len(repeating_hits(terms.batch)), sum(call.state == Call.State.DONE for call in calls))


@dataclass(frozen=True)
class AssignmentShown:
    """A listed assignment as a row. `seconds` of active work, if known. `decisions`: possible ones, name to words."""

    listed: ListedAssignment
    worker: str
    seconds: float | None
    rejection: Rejection | None
    decisions: "dict[str, StrOrPromise]"
    # The end of its review time, while its approval is pending.
    waits_until: datetime | None

    @property
    def status(self) -> "StrOrPromise":
        return STATUSES[self.listed.status]

    @property
    def finding(self) -> "StrOrPromise":
        return FINDINGS[self.listed.finding]


def page_of_assignments(terms: Terms, number: str) -> "tuple[Page[DecidedAssignment], list[AssignmentShown]]":
    """Return a page of assignments, the latest first, under pseudonyms: worker ids stay in their own table."""
    page = Paginator(_assignments(terms), ASSIGNMENTS_PER_PAGE).get_page(number)
    return page, _shown(terms, list(page))


def assignment_shown(listed: ListedAssignment) -> AssignmentShown:
    terms = listed.marketplace_hit.terms
    return _shown(terms, list(_assignments(terms).filter(pk=listed.pk)))[0]


class Decisions(TypedDict):
    """Annotations of an assignment: the sum paid, whether it is excluded, its rejections (the latest first)."""

    paid: Decimal | None
    excluded: bool
    decided: list[Rejection]


def _shown(terms: Terms, page: "list[DecidedAssignment]") -> list[AssignmentShown]:
    ids = {listed.pk for listed in page}
    blocked = blocked_workers({listed.worker_id for listed in page})
    seconds = active_seconds_of(listed for listed in page if listed.submission is not None and listed.submission.lease)
    rejectable = _rejectable(terms, ids)
    waiting = waiting_approvals(ListedAssignment.objects.filter(pk__in=ids))
    until = dict(waiting.values_list("purpose", "next_try"))
    return [
        AssignmentShown(
            listed=listed,
            worker=pseudonym(terms.batch.dataset, listed.worker_id),
            seconds=seconds.get(listed.pk),
            rejection=listed.decided[0] if listed.decided else None,
            decisions=_decisions(listed, listed.pk in rejectable, listed.worker_id in blocked),
            waits_until=until.get(f"approve:{listed.pk}"),
        )
        for listed in page
    ]


def _rejectable(terms: Terms, ids: Collection[int]) -> set[int]:
    """Return the assignments (ids) whose approval can still be stopped; none once the limit is reached."""
    if n_more_rejections(terms) < 1:
        return set()
    purposes = {f"approve:{pk}": pk for pk in ids}
    unsent = Call.objects.filter(purpose__in=purposes, state__in=["waiting", "failed"], doubtful_at=None)
    return {purposes[purpose] for purpose in unsent.values_list("purpose", flat=True)}


def _assignments(terms: Terms) -> "QuerySet[DecidedAssignment]":
    standing = Prefetch("rejections", Rejection.objects.order_by("-pk"), to_attr="decided")
    assignments = ListedAssignment.objects.filter(marketplace_hit__terms=terms).annotate(
        paid=Sum("ledger__amount"), excluded=is_excluded()
    )
    assignments = assignments.select_related("submission__lease", "submission__assignment", "marketplace_hit")
    assignments = assignments.prefetch_related(standing)
    return assignments.order_by("-submitted_at", "-pk")


def _decisions(listed: "DecidedAssignment", is_rejectable: bool, is_blocked: bool) -> "dict[str, StrOrPromise]":
    stands = bool(listed.decided) and listed.decided[0].overridden_at is None
    possible = {
        "override": stands and now() - listed.submitted_at <= OVERRIDE_WITHIN,
        "reject": is_rejectable and listed.status == ListedAssignment.Status.SUBMITTED and not stands,
        "bonus": True,
        "block": not is_blocked,
        "let_in": is_blocked,
    }
    return {name: DECISIONS[name] for name in possible if possible[name]}


@dataclass(frozen=True)
class UnansweredLease:
    """A lease of a worker who opened a HIT and has not submitted it.

    `until` is the end of the worker's time; None if it is over, or another worker has the assignment now. Without
    `is_sure`, another worker may have it.
    """

    worker: str
    lease: Lease
    until: datetime | None
    is_sure: bool = True


def not_handed_in(terms: Terms) -> list[UnansweredLease]:
    """Return the latest lease of each worker who opened a HIT, according to browsers, and never submitted it.

    Compensated leases are left out, and those whose answer the marketplace may still list.
    """
    turns = without_answer(unpaid_leases(terms.batch))
    latest = turns.order_by("worker", "-id").distinct("worker").values("pk")
    leases = list(Lease.objects.filter(pk__in=latest).select_related("hit").order_by("-id")[:TURNS_SHOWN])
    running = dict(_running(terms).filter(pk__in=[lease.pk for lease in leases]).values_list("pk", "is_sure"))
    return [
        UnansweredLease(
            worker=pseudonym(terms.batch.dataset, lease.worker_id),
            lease=lease,
            until=lease.expires_at - GRACE if lease.pk in running else None,
            is_sure=running.get(lease.pk, True),
        )
        for lease in leases
    ]
