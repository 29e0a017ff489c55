"""Moving a requester's money. Every movement is a row; rows only follow one another."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from marketplace.clock import now
from marketplace.errors import InsufficientFunds
from marketplace.models import HIT, Assignment, BonusPayment, LedgerEntry, Requester
from marketplace.reads import last_entry

Kind = LedgerEntry.Kind


@transaction.atomic
def deposit(*, requester: Requester, cents: int) -> LedgerEntry:
    """Add money to the account; a negative amount takes available money off it."""
    return book(requester_id=requester.pk, movements=[(Kind.DEPOSIT, cents, 0)], moment=now())[0]


@transaction.atomic(savepoint=False)
def book(
    *,
    requester_id: int,
    movements: Sequence[tuple[str, int, int]],
    moment: datetime,
    hit: HIT | None = None,
    assignment: Assignment | None = None,
    bonus: BonusPayment | None = None,
) -> list[LedgerEntry]:
    """Write (kind, change of available, change of held) rows; refuse a negative balance.

    Locks the requester until the transaction ends: take every other lock before.
    """
    requester = Requester.objects.select_for_update(no_key=True).get(pk=requester_id)
    last = last_entry(requester)
    number, available_after, held_after = (last.number, last.available_after, last.held_after) if last else (0, 0, 0)
    entries = []
    for kind, available_change, held_change in movements:
        number, available_after, held_after = number + 1, available_after + available_change, held_after + held_change
        entries.append(
            LedgerEntry(
                requester=requester,
                number=number,
                kind=kind,
                available=available_change,
                held=held_change,
                available_after=available_after,
                held_after=held_after,
                hit=hit,
                assignment=assignment,
                bonus=bonus,
                created_at=moment,
            )
        )
        if available_after < 0 or held_after < 0:
            raise InsufficientFunds
    return LedgerEntry.objects.bulk_create(entries)
