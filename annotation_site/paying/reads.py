"""What the pages of the marketplace show of a batch: its progress, its calls, its people by pseudonym."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from statistics import median

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Sum

from catalog.models import Dataset
from catalog.reads import now
from workforce.marketplaces.costs import CENT, Preview, fee_of
from workforce.models import (
    Assignment,
    Batch,
    Call,
    Lease,
    ListedAssignment,
    MarketplaceHIT,
    Qualification,
    Rejection,
    Submission,
    Terms,
)
from workforce.offers.actions import SOFT_BLOCK, CannotPublish, check_can_publish
from workforce.offers.publishing import preview_of
from workforce.pay.actions import OVERRIDE_WITHIN
from workforce.pay.reads import SECONDS_PER_HOUR, active_seconds
from workforce.reads import pseudonym

# Dollars an hour that pay is reckoned from: the upper end of what workers' own guidelines ask for, $0.15 to $0.20 a
# minute (Dynamo, Guidelines for Academic Requesters).
TARGET_WAGE = Decimal("12.00")
# Of work that nobody did yet: to read the question, and for each photograph or label.
SECONDS_TO_READ, SECONDS_EACH = 10, 2
LABELS_OF_A_FORM = 5
# The latest answers that tell how long the work takes.
ANSWERS_LOOKED_AT, FEWEST_ANSWERS = 200, 5
ASSIGNMENTS_PER_PAGE = 50
ACTS = {"override": "Pay after all", "reject": "Reject", "bonus": "Bonus", "block": "Block"}
CALLS_SHOWN, TURNS_SHOWN = 10, 20
# Tasks look every two seconds for what is to be sent.
SENT_WITHIN = timedelta(minutes=1)


# Before it is published


@dataclass(frozen=True)
class Proposed:
    reward: Decimal
    why: str


def proposed_reward(batch: Batch) -> Proposed:
    """The reward that pays the target wage, by how long the work took so far, or by how much there is to look at."""
    took = _seconds_taken(batch)
    if len(took) >= FEWEST_ANSWERS:
        seconds = median(took)
        basis = f"{len(took)} answers like these took {seconds:.0f} seconds (median)"
    else:
        seconds = _seconds_expected(batch)
        basis = f"Nobody did work like this here yet; {seconds:.0f} seconds are assumed"
    reward = pay_for(seconds)
    return Proposed(reward, f"{basis}; at ${TARGET_WAGE} an hour that is ${reward}, rounded up.")


def pay_for(seconds: float) -> Decimal:
    """At the target wage, rounded up to the cent.

    >>> str(pay_for(30)), str(pay_for(0.5))
    ('0.10', '0.01')
    """
    return (TARGET_WAGE * Decimal(seconds) / SECONDS_PER_HOUR).quantize(CENT, ROUND_UP)


def _seconds_taken(batch: Batch) -> list[float]:
    # What nobody confirmed, a forger may have sent.
    sure = [Submission.State.CONFIRMED, Submission.State.SURPLUS]
    alike = Submission.objects.filter(hit__batch__dataset=batch.dataset_id, hit__batch__kind=batch.kind, state__in=sure)
    found = alike.exclude(lease=None).order_by("-id").values_list("submitted_at", "lease__created_at")
    return [max(1.0, (end - begin).total_seconds()) for end, begin in found[:ANSWERS_LOOKED_AT]]


def _seconds_expected(batch: Batch) -> float:
    n_shown = batch.settings.images_per_grid if batch.kind == Batch.Kind.CONTAINS else LABELS_OF_A_FORM
    return SECONDS_TO_READ + SECONDS_EACH * n_shown


@dataclass(frozen=True)
class Publishable:
    """A batch that could be published, what it costs at the proposed reward, or why it cannot be."""

    batch: Batch
    cost: Preview
    reward: Decimal
    problem: str = ""


def not_published(dataset: Dataset) -> list[Publishable]:
    """The open batches that are not on the marketplace, the newest first; empty ones say that they want nothing."""
    batches = Batch.objects.filter(dataset=dataset, closed_at=None, terms=None)
    found = batches.exclude(marketplace=Batch.Marketplace.REPLAY).select_related("settings", "dataset").order_by("-id")
    return [publishable(batch) for batch in found]


def publishable(batch: Batch) -> Publishable:
    reward = proposed_reward(batch).reward
    cost = preview_of(batch, reward)
    try:
        check_can_publish(batch)
    except CannotPublish as error:
        return Publishable(batch, cost, reward, str(error))
    problem = "" if cost.n_assignments else "It wants no answers: there is nothing to publish yet."
    return Publishable(batch, cost, reward, problem)


# How far it is


@dataclass(frozen=True)
class Progress:
    """Of a batch on the marketplace. `findings` counts what the marketplace listed by what it did for us."""

    n_hits: int
    n_there: int
    n_over: int
    offered: int
    in_hands: int
    unconfirmed: int
    orphaned: int
    findings: Counter
    statuses: Counter

    @property
    def handed_in(self) -> int:
        return self.statuses.total()

    @property
    def confirmed(self) -> int:
        return self.findings["confirmed"]

    @property
    def surplus(self) -> int:
        return self.findings["surplus"]

    @property
    def recovered(self) -> int:
        return self.findings["recovered"]

    @property
    def lost(self) -> int:
        """Paid and asked for again."""
        return self.findings["repeated"] + self.findings["unreadable"]


def progress_of(terms: Terms) -> Progress:
    made = terms.marketplace_hits.filter(compensates=None).aggregate(
        n=Count("pk"), there=Count("external_id"), over=Count("finished_at"), offered=Sum("n_assignments")
    )
    listed = ListedAssignment.objects.filter(marketplace_hit__terms=terms, marketplace_hit__compensates=None)
    of_batch = Submission.objects.filter(hit__batch=terms.batch_id)
    return Progress(
        n_hits=made["n"],
        n_there=made["there"],
        n_over=made["over"],
        offered=made["offered"] or 0,
        in_hands=Lease.objects.filter(batch=terms.batch_id, state=Lease.State.ACTIVE, expires_at__gt=now()).count(),
        unconfirmed=of_batch.filter(state=Submission.State.PROVISIONAL, listed=None).count(),
        orphaned=Assignment.objects.filter(lease__batch=terms.batch_id, outcome="orphaned").count(),
        findings=_counts(listed, "finding"),
        statuses=_counts(listed, "status"),
    )


def _counts(rows: QuerySet, field: str) -> Counter:
    return Counter(dict(rows.order_by().values_list(field).annotate(n=Count("pk"))))


def terms_of_dataset(dataset: Dataset) -> list[Terms]:
    found = Terms.objects.filter(batch__dataset=dataset).select_related("batch__settings", "batch__dataset")
    return list(found.order_by("-batch"))


# What is to be sent


@dataclass(frozen=True)
class Calls:
    """`late`: since when something that is due waits, if that is too long. `tried` failed so far and are repeated."""

    waiting: int
    unsure: int
    done: int
    failed: int
    refused: list[Call]
    tried: list[Call]
    late: timedelta | None


def calls_of(terms: Terms) -> Calls:
    """Of the batch, and of the qualifications that all batches share."""
    of_batch = Call.objects.filter(Q(batch=terms.batch_id) | Q(batch=None))
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
    )


# Its assignments and people


@dataclass(frozen=True)
class AssignmentShown:
    """`seconds` of active work, where they are known. `acts` is what may be decided about it, by name, in words."""

    listed: ListedAssignment
    worker: str
    seconds: float | None
    rejection: Rejection | None
    acts: dict[str, str]


def page_of_assignments(terms: Terms, number: str) -> tuple[Page, list[AssignmentShown]]:
    """The latest first, under pseudonyms: the ids of workers stay in their own table."""
    page = Paginator(_assignments(terms), ASSIGNMENTS_PER_PAGE).get_page(number)
    blocked = blocked_workers([listed.worker_id for listed in page])
    return page, [_shown(listed, terms.batch.dataset, listed.worker_id in blocked) for listed in page]


def _assignments(terms: Terms) -> QuerySet[ListedAssignment]:
    standing = Prefetch("rejections", Rejection.objects.order_by("-pk"), to_attr="decided")
    found = ListedAssignment.objects.filter(marketplace_hit__terms=terms).annotate(paid=Sum("ledger__amount"))
    found = found.select_related("submission__lease", "marketplace_hit").prefetch_related(standing)
    return found.order_by("-submitted_at", "-pk")


def _shown(listed: ListedAssignment, dataset: Dataset, is_blocked: bool) -> AssignmentShown:
    rejection = listed.decided[0] if listed.decided else None
    has_lease = listed.submission is not None and listed.submission.lease is not None
    return AssignmentShown(
        listed=listed,
        worker=pseudonym(dataset, listed.worker_id),
        seconds=active_seconds(listed) if has_lease else None,
        rejection=rejection,
        acts=_acts(listed, rejection, is_blocked),
    )


def _acts(listed: ListedAssignment, rejection: Rejection | None, is_blocked: bool) -> dict[str, str]:
    stands = rejection is not None and rejection.overridden_at is None
    possible = {
        "override": stands and now() - listed.submitted_at <= OVERRIDE_WITHIN,
        "reject": listed.status == ListedAssignment.Status.SUBMITTED and not stands,
        "bonus": True,
        "block": not is_blocked,
    }
    return {act: ACTS[act] for act in possible if possible[act]}


def blocked_workers(workers: list[int]) -> set[int]:
    """Who of them is offered no more HITs."""
    kind = Qualification.objects.filter(name=SOFT_BLOCK).first()
    if kind is None:
        return set()
    purposes = [f"qualify:{kind.pk}:{worker}:1" for worker in workers]
    return set(Call.objects.filter(purpose__in=purposes).values_list("worker", flat=True))


@dataclass(frozen=True)
class Turn:
    """Of somebody who was given a HIT and has not handed it in."""

    worker: str
    lease: Lease
    is_over: bool


def not_handed_in(terms: Terms) -> list[Turn]:
    """Who looked at a HIT of the batch as its worker, by what browsers say, and never handed it in; the latest of each.

    Those whose turn is compensated are left out.
    """
    listed = ListedAssignment.objects.filter(worker=OuterRef("worker"), marketplace_hit__hit=OuterRef("hit"))
    compensated = MarketplaceHIT.objects.filter(compensates=OuterRef("worker"), hit=OuterRef("hit"))
    turns = Lease.objects.filter(~Exists(listed), ~Exists(compensated), batch=terms.batch_id, takes_slot=False)
    latest = turns.order_by("worker", "-id").distinct("worker").values("pk")
    found = Lease.objects.filter(pk__in=latest).order_by("-id")[:TURNS_SHOWN]
    return [Turn(pseudonym(terms.batch.dataset, one.worker_id), one, one.expires_at <= now()) for one in found]


# Pay below the target


@dataclass(frozen=True)
class TopUp:
    """What raises every paid assignment to `level` dollars; of `n` assignments, `total` with fees."""

    level: Decimal
    n: int
    bonuses: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        return self.bonuses + self.fees


def level_of(terms: Terms) -> Decimal | None:
    """The pay with which half of the assignments earn the target wage; None while none is paid."""
    paid = ListedAssignment.objects.filter(
        marketplace_hit__terms=terms, status="approved", submission__lease__isnull=False
    )
    seconds = [active_seconds(listed) for listed in paid.select_related("submission__lease")]
    return pay_for(median(seconds)) if seconds else None


def below(terms: Terms, level: Decimal) -> list[tuple[ListedAssignment, Decimal]]:
    """The approved assignments that earned less than `level`, bonuses on their way included, and how much less."""
    coming: Counter = Counter()
    for call in Call.objects.filter(batch=terms.batch_id, op="SendBonus", state__in=["waiting", "unsure"]):
        coming[call.payload["AssignmentId"]] += Decimal(call.payload["BonusAmount"])
    paid = ListedAssignment.objects.filter(marketplace_hit__terms=terms, status="approved")
    paid = paid.filter(marketplace_hit__compensates=None).annotate(
        earned=Sum("ledger__amount", filter=Q(ledger__kind__in=["reward", "bonus"]))
    )
    found = ((one, level - (one.earned or 0) - coming[one.external_id]) for one in paid.order_by("pk"))
    return [(one, lacking) for one, lacking in found if lacking >= CENT]


def top_up_of(terms: Terms) -> TopUp | None:
    """What is proposed where half of the assignments earn less than the target wage."""
    level = level_of(terms)
    lacking = [amount for _, amount in below(terms, level)] if level else []
    if not lacking:
        return None
    return TopUp(level, len(lacking), sum(lacking, Decimal(0)), sum(map(fee_of, lacking), Decimal(0)))
