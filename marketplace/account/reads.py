"""What workers see of their account: messages, pay, qualifications."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet, Sum

from marketplace.models import Assignment, BonusPayment, Message, Qualification, QualificationRequest, Worker
from marketplace.work.reads import handed_in_by


def messages_to(worker: Worker) -> QuerySet[Message]:
    return worker.messages.select_related("requester").order_by("-sent_at", "-pk")


def n_unread(worker: Worker) -> int:
    return worker.messages.filter(read_at=None).count()


def work_of(worker: Worker, state: str) -> QuerySet[Assignment]:
    """What they handed in, newest first, with its bonuses; `state` submitted, approved, rejected, bonus, or all."""
    rows = handed_in_by(worker).prefetch_related(Prefetch("bonuses", BonusPayment.objects.order_by("pk")))
    if state == "bonus":
        return rows.filter(pk__in=worker.bonuses.values("assignment"))
    return rows.filter(status=state.title()) if state in ("submitted", "approved", "rejected") else rows


def lost_of(worker: Worker) -> int:
    """Cents of the rewards of rejected work."""
    rejected = worker.assignments.filter(status=Assignment.Status.REJECTED)
    return rejected.aggregate(cents=Sum("reward_cents"))["cents"] or 0


@dataclass(frozen=True)
class Qualifications:
    granted: QuerySet[Qualification]
    asked_for: QuerySet[QualificationRequest]


def qualifications_of(worker: Worker) -> Qualifications:
    granted = Qualification.objects.filter(worker=worker, revoked_at=None).order_by("-granted_at", "-pk")
    asked = worker.qualification_requests.filter(granted_at=None).order_by("-submitted_at", "-pk")
    with_type = "qualification_type__requester"
    return Qualifications(granted.select_related(with_type), asked.select_related(with_type))
