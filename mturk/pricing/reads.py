"""Prices of a marketplace like MTurk: exact amounts in dollars, no database."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

CENT = Decimal("0.01")
FEE = Decimal("0.20")
# Added to the fee on each reward if a HIT has ten or more assignments.
FEE_FOR_MANY, MANY = Decimal("0.20"), 10
FEE_FOR_MASTERS = Decimal("0.05")
# The qualification "Masters", on the marketplace and in its sandbox.
MASTERS = {"2F1QJWKUDD8XADTFD2Q0G6UTO95ALH", "2ARFPLSP75KLA8M8DH1HTEQVJT3SY6"}


@dataclass(frozen=True)
class Preview:
    """The cost of a batch in dollars; `fees_as_tens`: the fees if no HIT were divided."""

    n_hits: int
    n_assignments: int
    rewards: Decimal
    fees: Decimal
    fees_as_tens: Decimal

    @property
    def total(self) -> Decimal:
        return self.rewards + self.fees


def fee_of(amount: Decimal, n_assignments: int = 1, *, masters: bool = False) -> Decimal:
    """Return the fee on one reward (or bonus) in dollars: rounded half up to the cent, at least one cent.

    >>> [str(fee_of(Decimal("0.08"), n)) for n in (1, 9, 10)]
    ['0.02', '0.02', '0.03']
    >>> str(fee_of(Decimal("0.01"))), str(fee_of(Decimal("1.00"), masters=True))
    ('0.01', '0.25')
    """
    share = FEE + (FEE_FOR_MANY if n_assignments >= MANY else 0) + (FEE_FOR_MASTERS if masters else 0)
    return max(CENT, (amount * share).quantize(CENT, ROUND_HALF_UP))


def in_cents(amount: Decimal) -> Decimal | None:
    """Return an amount with two decimals; None if it is no whole number of cents, or less than one.

    >>> str(in_cents(Decimal("1E+1"))), str(in_cents(Decimal("0.100")))
    ('10.00', '0.10')
    >>> [in_cents(Decimal(text)) for text in ("0.105", "0", "NaN", "1E+40")]
    [None, None, None, None]
    """
    try:
        exact = amount.quantize(CENT)
        return exact if amount == exact and exact >= CENT else None
    except InvalidOperation:
        return None


def divided(n_assignments: int, most: int = MANY - 1) -> list[int]:
    """Divide the assignments of a HIT into parts of at most `most` each, as evenly as possible.

    >>> divided(9), divided(10), divided(20)
    ([9], [5, 5], [7, 7, 6])
    """
    n_parts = -(-n_assignments // most)
    return [n_assignments // n_parts + (1 if part < n_assignments % n_parts else 0) for part in range(n_parts)]


def preview(n_answers: Iterable[int], reward: Decimal, *, masters: bool = False) -> Preview:
    """Return the cost of HITs that need so many answers each.

    >>> cost = preview([10, 9], Decimal("0.10"))
    >>> cost.n_hits, cost.n_assignments, str(cost.rewards), str(cost.fees), str(cost.fees_as_tens)
    (3, 19, '1.90', '0.38', '0.58')
    """
    n_answers = [n for n in n_answers if n]
    parts = [part for n in n_answers for part in divided(n)]
    return Preview(
        n_hits=len(parts),
        n_assignments=sum(parts),
        rewards=sum(parts) * reward,
        fees=sum((n * fee_of(reward, n, masters=masters) for n in parts), Decimal(0)),
        fees_as_tens=sum((n * fee_of(reward, n, masters=masters) for n in n_answers), Decimal(0)),
    )


def asks_for_masters(requirements: Iterable[dict[str, Any]]) -> bool:
    return any(
        requirement.get("QualificationTypeId") in MASTERS and requirement.get("Comparator") != "DoesNotExist"
        for requirement in requirements
    )
