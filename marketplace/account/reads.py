"""Queries of a worker's account: messages, pay, qualifications."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet, Sum

from marketplace.models import Assignment, BonusPayment, Message, Qualification, QualificationRequest, Worker
from marketplace.work.reads import submitted_by


def messages_to(worker: Worker) -> QuerySet[Message]:
    return worker.messages.select_related("requester").order_by("-sent_at", "-pk")


def n_unread(worker: Worker) -> int:
    return worker.messages.filter(read_at=None).count()


def work_of(worker: Worker, state: str) -> QuerySet[Assignment]:
    """Return submitted assignments, newest first, with their bonuses.

    `state` is submitted, approved, rejected or bonus; anything else means all.
    """
    rows = submitted_by(worker).prefetch_related(Prefetch("bonuses", BonusPayment.objects.order_by("pk")))
    if state == "bonus":
        return rows.filter(pk__in=worker.bonuses.values("assignment"))
    return rows.filter(status=state.title()) if state in ("submitted", "approved", "rejected") else rows


def rejected_cents_of(worker: Worker) -> int:
    """Return the rewards of rejected work in cents."""
    rejected = worker.assignments.filter(status=Assignment.Status.REJECTED)
    return rejected.aggregate(cents=Sum("reward_cents"))["cents"] or 0


@dataclass(frozen=True)
class Qualifications:
    granted: QuerySet[Qualification]
    requested: QuerySet[QualificationRequest]


def qualifications_of(worker: Worker) -> Qualifications:
    granted = Qualification.objects.filter(worker=worker, revoked_at=None).order_by("-granted_at", "-pk")
    requests = worker.qualification_requests.filter(granted_at=None).order_by("-submitted_at", "-pk")
    with_type = "qualification_type__requester"
    return Qualifications(granted.select_related(with_type), requests.select_related(with_type))
