"""Queries for the cost of a published batch, its missing answers, and the HITs to poll."""

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

# A HIT is not polled twice within SHORTEST_PAUSE, nor later than LISTED_WITHIN after its end.
SHORTEST_PAUSE = timedelta(seconds=10)
LISTED_WITHIN = timedelta(hours=24)
POLLING: dict[str, Any] = {
    "pause": SHORTEST_PAUSE,
    "grace": LISTED_WITHIN,
    # A submission that is not listed this long after it was received was no real one.
    "lag": timedelta(seconds=30),
    # An hour, in shortest pauses.
    "most_idle": 360,
}

# Free slots of a HIT beyond the answers that may still come from the marketplace.
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
            -- An answer that is not processed yet may fill a slot, like one that is still to come.
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
# Assignments that may still have to be paid: open ones, and pending submissions.
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
      -- Anybody can hint. Each false hint makes the next ones wait longer, unless the counters agree.
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
    -- Complete HITs first: one query then gets all of their assignments.
    ORDER BY (hint.n_idle = 0 AND hint.n + listed.n >= made.n_assignments) DESC, made.polled_at NULLS FIRST, made.id
    LIMIT %(limit)s
"""


def missing_answers(terms: Terms) -> dict[int, int]:
    """Return the number of answers to request per HIT (id), beyond those that may still come in."""
    missing = _missing(terms)
    too_many = lost_too_many(terms) if missing else set()
    return {hit: missing[hit] for hit in missing if hit not in too_many}


def missing_in_stopped_hits(terms: Terms) -> dict[int, int]:
    """Return the number of missing answers per HIT (id) with too many unusable assignments to be offered again."""
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
    """Return the amount spent on the batch, fees included."""
    return LedgerEntry.objects.filter(batch=terms.batch_id).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def committed(terms: Terms) -> Decimal:
    """Return the amount spent on the batch, plus all that may still be due without a further decision."""
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
    """Assignments that nobody can accept any more but that may still be submitted: `amount` dollars, with fees.

    Workers can submit until `held_until`, and the marketplace may list submissions until `over_at`.
    """

    n: int
    amount: Decimal
    held_until: datetime
    over_at: datetime

    @property
    def may_be_held(self) -> bool:
        return self.held_until > now()


def outstanding(terms: Terms) -> Outstanding | None:
    """Return the commitment for expired HITs; None without any.

    Only the marketplace knows which assignments are in progress, so all of them stay committed: otherwise work that is
    submitted in time could exceed the cap.
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
    """Return the HITs whose assignments are all listed, and all approved or rejected."""
    counted = MarketplaceHIT.objects.filter(finished_at=None).annotate(
        n_listed=Count("listed"), n_open=Count("listed", filter=Q(listed__status="submitted"))
    )
    return counted.filter(n_listed__gte=F("n_assignments"), n_open=0)


def question_address(hit: HIT) -> str:
    """Return the address of the page of a HIT in the marketplace's frame. The id in it is random, not to be guessed."""
    # By the root URL table: the staff side, which publishes, has no worker pages.
    page = reverse(kind_named(hit.batch.kind).page, args=[hit.public_id], urlconf=settings.ROOT_URLCONF)
    return settings.WORKER_ORIGIN + page


def compensation_address(marketplace_hit: MarketplaceHIT) -> str:
    return settings.WORKER_ORIGIN + reverse(
        "compensation", args=[marketplace_hit.public_id], urlconf=settings.ROOT_URLCONF
    )


def to_poll(limit: int) -> list[MarketplaceHIT]:
    """Return the HITs that may have news on the marketplace: complete ones first, then those that wait longest.

    News: the counters exceed the listed assignments; a browser submitted, which is a hint (polled less often the longer
    it stays one, and after false hints); or the end has passed, and with it the time for submissions.
    """
    with connection.cursor() as cursor:
        cursor.execute(TO_POLL, POLLING | {"limit": limit})
        ids = [pk for (pk,) in cursor.fetchall()]
    marketplace_hits = MarketplaceHIT.objects.select_related("terms", "hit__batch").in_bulk(ids)
    return [marketplace_hits[pk] for pk in ids]
