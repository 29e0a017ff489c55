"""Decisions about pay, as the record of decisions has them."""

from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import QuerySet

from audit.actions import Area, record
from mturk.models import ListedAssignment

MOST_NUMBERS = 1000


def record_approvals(listed: QuerySet[ListedAssignment], n_approved: int) -> int:
    """Record that approvals were sent before their time, if any were. Return their number."""
    if n_approved:
        numbers = list(listed.order_by("pk").values_list("pk", flat=True)[:MOST_NUMBERS])
        subject = f"{n_approved} assignments"
        record(area=Area.MONEY, action="assignments.approve", subject=subject, after={"assignments": numbers})
    return n_approved


def record_bonus(listed: ListedAssignment, amount: Decimal, reason: str) -> None:
    subject = f"assignment {listed.external_id}"
    record(area=Area.MONEY, action="bonus.pay", subject=subject, after={"amount": amount}, reason=reason)


def record_rejection(listed: ListedAssignment, reason: str, decided_by: User, seconded_by: User | None) -> None:
    subject, people = f"assignment {listed.external_id}", {"decided_by": decided_by, "seconded_by": seconded_by}
    record(area=Area.REVIEW, action="assignment.reject", subject=subject, after=people, reason=reason)


def record_reversal(listed: ListedAssignment, reason: str) -> None:
    subject = f"assignment {listed.external_id}"
    record(area=Area.REVIEW, action="rejection.reverse", subject=subject, reason=reason)
