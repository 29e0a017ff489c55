"""Queries for unpaid leases of HITs, and whether they may still be paid."""

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
    """An annotation: the time of the latest answer that the marketplace has not confirmed yet."""

    sent_at: datetime | None


def unpaid_leases(batch: Batch) -> "QuerySet[WithAnnotations[Lease, SentAt]]":
    """Return the leases that are neither listed nor compensated. Listed ones are paid, with or without an answer.

    `sent_at`: the time of the latest answer that the marketplace has not confirmed yet.
    """
    listed = ListedAssignment.objects.filter(worker=OuterRef("worker"), marketplace_hit__hit=OuterRef("hit"))
    compensated = MarketplaceHIT.objects.filter(compensates=OuterRef("worker"), hit=OuterRef("hit"))
    answers = Submission.objects.filter(lease=OuterRef("pk"), state=Submission.State.PROVISIONAL)
    leases = Lease.objects.filter(~Exists(listed), ~Exists(compensated), batch=batch, takes_slot=False)
    return leases.annotate(sent_at=Subquery(answers.order_by("-submitted_at").values("submitted_at")[:1]))


def not_handed_in(leases: QuerySet[Lease]) -> QuerySet[Lease]:
    """Return the unpaid leases without an answer that may still be listed."""
    begin = now() - LISTED_WITHIN
    return leases.filter(Q(sent_at=None) | Q(sent_at__lte=begin, expires_at__lte=begin))


@dataclass(frozen=True)
class UnpaidWork:
    """An unpaid lease, with the time of its latest unconfirmed answer."""

    lease: Lease
    sent_at: datetime | None

    @property
    def held_until(self) -> datetime:
        """Return the end of the worker's time. The lease ends later, by the grace in which an answer may arrive."""
        return self.lease.expires_at - GRACE

    @property
    def listed_until(self) -> datetime:
        """Return the time after which the marketplace no longer lists a submission."""
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
    """Return the unpaid leases of a worker, the latest first; of one HIT, or of all."""
    leases = unpaid_leases(batch).filter(worker=worker).order_by("-id")
    if hit is not None:
        leases = leases.filter(hit=hit)
    return [UnpaidWork(lease, lease.sent_at) for lease in leases]
