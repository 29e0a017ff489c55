"""What a batch on the marketplace has cost and still wants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum
from django.urls import reverse

from catalog.reads import now
from mturk.models import Call, LedgerEntry, MarketplaceHIT, Terms
from mturk.pricing.reads import Preview, asks_for_masters, fee_of, preview
from mturk.wasted_assignments.reads import lost_too_many
from workforce.kinds import kind_named
from workforce.models import HIT

# A HIT is not asked for twice within this time, and no longer than this after its end.
SHORTEST_PAUSE = timedelta(seconds=10)
LISTED_WITHIN = timedelta(hours=24)
POLLING: dict[str, Any] = {
    "pause": SHORTEST_PAUSE,
    "grace": LISTED_WITHIN,
    # What a HIT was asked about so long after it came in, and that was not listed, came to nothing.
    "lag": timedelta(seconds=30),
    # An hour, in shortest pauses.
    "most_idle": 360,
}

# Free slots of a HIT that no answer can fill which is still to come in through the marketplace.
MISSING = """
    SELECT hit.id, wanted.n - coalesce(coming.n, 0) AS missing
    FROM workforce_hit hit
    JOIN (
        SELECT hit_id, count(*) AS n FROM workforce_slot WHERE batch_id = %(batch)s AND state = 'free' GROUP BY hit_id
    ) wanted ON wanted.hit_id = hit.id
    LEFT JOIN (
        SELECT made.hit_id, sum(made.n_assignments - listed.n) AS n
        FROM workforce_marketplacehit made
        CROSS JOIN LATERAL (
            -- An answer that is still to be read may fill a slot like one that is still to come.
            SELECT count(*) AS n FROM workforce_listedassignment listed
            LEFT JOIN workforce_submission submission ON submission.id = listed.submission_id
            WHERE listed.marketplace_hit_id = made.id AND submission.state IS DISTINCT FROM 'provisional'
        ) listed
        WHERE made.terms_id = %(terms)s AND made.finished_at IS NULL AND made.compensates_id IS NULL
        GROUP BY made.hit_id
    ) coming ON coming.hit_id = hit.id
    WHERE hit.closed_at IS NULL AND wanted.n > coalesce(coming.n, 0)
    ORDER BY hit.id
"""
# Assignments that may still have to be paid: those open, and those handed in and neither paid nor refused.
PROMISED = """
    SELECT made.n_assignments, count(*) FILTER (WHERE listed.status = 'submitted'), count(listed.id),
           made.finished_at IS NOT NULL
    FROM workforce_marketplacehit made
    LEFT JOIN workforce_listedassignment listed ON listed.marketplace_hit_id = made.id
    WHERE made.terms_id = %(terms)s GROUP BY made.id
"""

TO_POLL = """
    SELECT made.id
    FROM workforce_marketplacehit made
    JOIN workforce_terms terms ON terms.id = made.terms_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (WHERE status = 'submitted') AS unsettled
        FROM workforce_listedassignment listed WHERE listed.marketplace_hit_id = made.id
    ) listed
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, max(submitted_at) AS at,
               least(count(*) FILTER (WHERE submitted_at < made.polled_at - %(lag)s), %(most_idle)s) AS n_idle
        FROM workforce_submission submission
        WHERE submission.hit_id = made.hit_id AND submission.state = 'provisional'
    ) hint
    WHERE made.finished_at IS NULL AND made.external_id IS NOT NULL
      AND (made.polled_at IS NULL OR made.polled_at < now() - %(pause)s)
      AND (made.not_before IS NULL OR made.not_before < now())
      -- Anybody can hint. Each hint that came to nothing makes the next ones wait longer, unless the counters agree.
      AND (made.n_handed_in > listed.n OR made.polled_at < now() - %(pause)s * (1 + hint.n_idle) OR hint.n_idle = 0
           OR made.polled_at IS NULL)
      AND (
        made.n_handed_in > listed.n
        OR (hint.at IS NOT NULL AND (made.polled_at IS NULL OR made.polled_at < hint.at
            OR made.polled_at < now() - (now() - hint.at) / 10))
        OR (listed.unsettled > 0 AND made.polled_at < now() - terms.auto_approval_seconds * interval '0.1 second')
        OR (made.expires_at + terms.assignment_seconds * interval '1 second' < now()
            AND (made.polled_at < made.expires_at + terms.assignment_seconds * interval '1 second'
                 OR made.expires_at + terms.assignment_seconds * interval '1 second' + %(grace)s < now()))
      )
    -- What is complete first: one question then tells everything of a HIT.
    ORDER BY (hint.n_idle = 0 AND hint.n + listed.n >= made.n_assignments) DESC, made.polled_at NULLS FIRST, made.id
    LIMIT %(limit)s
"""


def missing_answers(terms: Terms) -> dict[int, int]:
    """Per HIT (id): how many answers are wanted beyond those that may still come in, and are to be asked for."""
    missing = _missing(terms)
    too_many = lost_too_many(terms) if missing else set()
    return {hit: missing[hit] for hit in missing if hit not in too_many}


def missing_in_stopped_hits(terms: Terms) -> dict[int, int]:
    """Per HIT (id) that lost too many assignments to be offered again: how many answers it still wants."""
    missing = _missing(terms)
    too_many = lost_too_many(terms) if missing else set()
    return {hit: missing[hit] for hit in missing if hit in too_many}


def _missing(terms: Terms) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(MISSING, {"batch": terms.batch_id, "terms": terms.pk})
        return {hit: int(n) for hit, n in cursor.fetchall()}


def cost_of(n_answers: Iterable[int], terms: Terms) -> Preview:
    return preview(n_answers, terms.reward, masters=asks_for_masters(terms.requirements))


def spent(terms: Terms) -> Decimal:
    """What the marketplace took for the batch, fees included."""
    return LedgerEntry.objects.filter(batch=terms.batch_id).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def committed(terms: Terms) -> Decimal:
    """What was spent on the batch, and what it may still cost without any further decision."""
    masters = asks_for_masters(terms.requirements)
    with connection.cursor() as cursor:
        cursor.execute(PROMISED, {"terms": terms.pk})
        rows = cursor.fetchall()
    rewards = sum(
        (
            (submitted + (0 if finished else n - listed)) * (terms.reward + fee_of(terms.reward, n, masters=masters))
            for n, submitted, listed, finished in rows
        ),
        Decimal(0),
    )
    return spent(terms) + rewards + _bonuses_on_their_way(terms)


@dataclass(frozen=True)
class Outstanding:
    """Assignments that nobody can accept any more and that may still come in: until `held_until` from who holds one,
    and until `over_at` the marketplace may list it late. So long they have to stay promised: `amount` dollars, with
    fees."""

    n: int
    amount: Decimal
    held_until: datetime
    over_at: datetime

    @property
    def may_be_held(self) -> bool:
        return self.held_until > now()


def outstanding(terms: Terms) -> Outstanding | None:
    """What `committed` promises for HITs that have left the marketplace; None where nothing can come of those.

    Who holds one, the marketplace alone knows, so all of them stay promised: a cap that counted on less could be
    overrun by work that was handed in in time.
    """
    ended = terms.marketplace_hits.filter(finished_at=None, external_id__isnull=False, expires_at__lte=now())
    ended = ended.annotate(n_open=F("n_assignments") - Count("listed")).filter(n_open__gt=0)
    open_hits = ended.values_list("n_open", "n_assignments", "expires_at")
    if not open_hits:
        return None
    masters = asks_for_masters(terms.requirements)
    amounts = [n_open * (terms.reward + fee_of(terms.reward, n, masters=masters)) for n_open, n, _ in open_hits]
    held_until = max(end for *_, end in open_hits) + timedelta(seconds=terms.assignment_seconds)
    total = sum(amounts, Decimal(0))
    return Outstanding(sum(n_open for n_open, *_ in open_hits), total, held_until, held_until + LISTED_WITHIN)


def _bonuses_on_their_way(terms: Terms) -> Decimal:
    waiting = Call.objects.filter(batch=terms.batch_id, op="SendBonus", state__in=["waiting", "unsure"])
    amounts = [Decimal(call.payload["BonusAmount"]) for call in waiting]
    return sum((amount + fee_of(amount) for amount in amounts), Decimal(0))


def settled_hits() -> QuerySet[MarketplaceHIT]:
    """HITs of which everything was listed, and all of that is approved or rejected."""
    counted = MarketplaceHIT.objects.filter(finished_at=None).annotate(
        n_listed=Count("listed"), n_open=Count("listed", filter=Q(listed__status="submitted"))
    )
    return counted.filter(n_listed__gte=F("n_assignments"), n_open=0)


def question_address(hit: HIT) -> str:
    """The page of a HIT, which the marketplace shows in a frame. Its id is random: nobody can guess another's."""
    # By the whole table: the staff side, where somebody may be publishing, has none of the worker pages.
    page = reverse(kind_named(hit.batch.kind).page, args=[hit.public_id], urlconf=settings.ROOT_URLCONF)
    return settings.WORKER_ORIGIN + page


def compensation_address(marketplace_hit: MarketplaceHIT) -> str:
    return settings.WORKER_ORIGIN + reverse(
        "compensation", args=[marketplace_hit.public_id], urlconf=settings.ROOT_URLCONF
    )


def to_poll(limit: int) -> list[MarketplaceHIT]:
    """HITs that the marketplace may have something new of: those that are complete first, then who waits the longest.

    Something new: it counted more answers than it listed to us; somebody handed in here, which is a hint (asked for
    ever more rarely while it stays one, and if others before it came to nothing); or the end has passed, and with it
    the time in which answers may come.
    """
    with connection.cursor() as cursor:
        cursor.execute(TO_POLL, POLLING | {"limit": limit})
        ids = [pk for (pk,) in cursor.fetchall()]
    marketplace_hits = MarketplaceHIT.objects.select_related("terms", "hit__batch").in_bulk(ids)
    return [marketplace_hits[pk] for pk in ids]
