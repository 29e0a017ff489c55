"""Comparison of our ledger with the payments that the marketplace lists."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from mturk import endpoint
from mturk.models import LedgerEntry, ListedAssignment, MarketplaceHIT, Terms
from mturk.pricing.reads import asks_for_masters, fee_of

MOST_HITS, SECONDS, CALLS_A_HIT = 100, 8, 2


@dataclass(frozen=True)
class Compared:
    """The dollars with fees paid for a HIT: `ours` as booked here, `theirs` as listed on the marketplace."""

    marketplace_hit: MarketplaceHIT
    ours: Decimal
    theirs: Decimal

    @property
    def differs(self) -> bool:
        return self.ours != self.theirs


def compare(terms: Terms, number: str) -> "tuple[Page[MarketplaceHIT], list[Compared]]":
    """Return a page of the HITs with submissions, compared: as many as can be polled in a few seconds.

    Raises mturk.endpoint.EndpointError.
    """
    per_page = min(MOST_HITS, max(1, settings.MTURK["calls_per_second"] * SECONDS // CALLS_A_HIT))
    worked_on = terms.marketplace_hits.filter(Q(n_handed_in__gt=0) | Exists(_listed()), external_id__isnull=False)
    page = Paginator(worked_on.select_related("terms").order_by("pk"), per_page).get_page(number)
    booked = LedgerEntry.objects.filter(
        listed__marketplace_hit__in=[marketplace_hit.pk for marketplace_hit in page]
    ).order_by()
    ours = dict(booked.values_list("listed__marketplace_hit").annotate(Sum("amount")))
    return page, [
        Compared(marketplace_hit, ours.get(marketplace_hit.pk, Decimal(0)), _paid_there(marketplace_hit))
        for marketplace_hit in page
    ]


def _listed() -> QuerySet[ListedAssignment]:
    return ListedAssignment.objects.filter(marketplace_hit=OuterRef("pk"))


def _paid_there(marketplace_hit: MarketplaceHIT) -> Decimal:
    masters = asks_for_masters(marketplace_hit.terms.requirements)
    reward = marketplace_hit.terms.reward + fee_of(
        marketplace_hit.terms.reward, marketplace_hit.n_assignments, masters=masters
    )
    n_approved = sum(
        assignment.status == "approved"
        for assignment in endpoint.handed_in(marketplace_hit.confirmed_id, marketplace_hit.n_assignments)
    )
    bonuses = [
        Decimal(bonus["BonusAmount"])
        for bonus in endpoint.pages("ListBonusPayments", "BonusPayments", HITId=marketplace_hit.confirmed_id)
    ]
    return n_approved * reward + sum((amount + fee_of(amount) for amount in bonuses), Decimal(0))
