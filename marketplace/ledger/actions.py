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
    """Put money on the account; a negative amount takes some of what is available off it."""
    return book(requester_id=requester.pk, movements=[(Kind.DEPOSIT, cents, 0)], at=now())[0]


@transaction.atomic(savepoint=False)
def book(
    *,
    requester_id: int,
    movements: Sequence[tuple[str, int, int]],
    at: datetime,
    hit: HIT | None = None,
    assignment: Assignment | None = None,
    bonus: BonusPayment | None = None,
) -> list[LedgerEntry]:
    """Write (kind, change of available, change of held) rows; refuse if either balance would fall below nothing.

    Locks the requester until the transaction ends: take every other lock before.
    """
    requester = Requester.objects.select_for_update(no_key=True).get(pk=requester_id)
    last = last_entry(requester)
    number, available_after, held_after = (last.number, last.available_after, last.held_after) if last else (0, 0, 0)
    entries = []
    for kind, available, held in movements:
        number, available_after, held_after = number + 1, available_after + available, held_after + held
        entries.append(
            LedgerEntry(
                requester=requester,
                number=number,
                kind=kind,
                available=available,
                held=held,
                available_after=available_after,
                held_after=held_after,
                hit=hit,
                assignment=assignment,
                bonus=bonus,
                created_at=at,
            )
        )
        if available_after < 0 or held_after < 0:
            raise InsufficientFunds
    return LedgerEntry.objects.bulk_create(entries)
