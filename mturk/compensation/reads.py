"""Queries on turns at HITs that are not paid, and whether they may still be."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from catalog.reads import now
from mturk.models import ListedAssignment, MarketplaceHIT
from workforce.frame.actions import GRACE, LISTED_WITHIN
from workforce.models import HIT, Batch, Lease, Submission, Worker

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class SentAt(TypedDict):
    """When the latest answer came that still waits for the marketplace's word."""

    sent_at: datetime | None


def unpaid_leases(batch: Batch) -> "QuerySet[WithAnnotations[Lease, SentAt]]":
    """Of turns of which nothing is listed and that are not compensated. What is listed is paid, with or without an
    answer. `sent_at`: when the latest answer came that still waits for the marketplace's word."""
    listed = ListedAssignment.objects.filter(worker=OuterRef("worker"), marketplace_hit__hit=OuterRef("hit"))
    compensated = MarketplaceHIT.objects.filter(compensates=OuterRef("worker"), hit=OuterRef("hit"))
    answers = Submission.objects.filter(lease=OuterRef("pk"), state=Submission.State.PROVISIONAL)
    leases = Lease.objects.filter(~Exists(listed), ~Exists(compensated), batch=batch, takes_slot=False)
    return leases.annotate(sent_at=Subquery(answers.order_by("-submitted_at").values("submitted_at")[:1]))


def not_handed_in(leases: QuerySet[Lease]) -> QuerySet[Lease]:
    """Of unpaid leases those without an answer that may still be listed."""
    begin = now() - LISTED_WITHIN
    return leases.filter(Q(sent_at=None) | Q(sent_at__lte=begin, expires_at__lte=begin))


@dataclass(frozen=True)
class UnpaidWork:
    lease: Lease
    sent_at: datetime | None

    @property
    def held_until(self) -> datetime:
        """When the person's time ends. A lease outlives it by the grace in which an answer may still arrive."""
        return self.lease.expires_at - GRACE

    @property
    def listed_until(self) -> datetime:
        """From then on the marketplace lists nothing of it any more."""
        if self.sent_at is None:
            return self.held_until + LISTED_WITHIN
        return max(self.lease.expires_at, self.sent_at) + LISTED_WITHIN

    @property
    def may_be_paid(self) -> bool:
        return self.listed_until > now()

    @property
    def is_handed_in(self) -> bool:
        return self.sent_at is not None and self.may_be_paid


def unpaid_turns(batch: Batch, worker: Worker, hit: HIT | None = None) -> list[UnpaidWork]:
    """A worker's, the latest first; at one of their HITs, or at all."""
    leases = unpaid_leases(batch).filter(worker=worker).order_by("-id")
    if hit is not None:
        leases = leases.filter(hit=hit)
    return [UnpaidWork(lease, lease.sent_at) for lease in leases]
