"""Amounts: the costs of assignments and bonuses, and dollars in the API's format. Whole cents throughout."""

# From this many assignments on, a HIT costs a further 20 %.
MANY_ASSIGNMENTS = 10
BASE_PERCENT, MANY_PERCENT, MASTERS_PERCENT = 20, 20, 5


def reward_fee(reward_cents: int, max_assignments: int, masters: bool = False) -> int:
    """Return the fee of one assignment.

    >>> reward_fee(10, 9), reward_fee(10, 10), reward_fee(1, 9), reward_fee(10, 9, masters=True)
    (2, 4, 1, 3)
    """
    percent = BASE_PERCENT + (MANY_PERCENT if max_assignments >= MANY_ASSIGNMENTS else 0)
    return share(reward_cents, percent + (MASTERS_PERCENT if masters else 0))


def bonus_fee(cents: int) -> int:
    return share(cents, BASE_PERCENT)


def share(cents: int, percent: int) -> int:
    """Return that percentage, rounded half up, and never less than a cent."""
    return max(1, (cents * percent + 50) // 100)


def cents_of(amount: str) -> int:
    """Return an amount of the API in cents.

    >>> cents_of("5"), cents_of("5."), cents_of("0.1"), cents_of("101.42")
    (500, 500, 10, 10142)
    """
    whole, _, part = amount.partition(".")
    return int(whole or 0) * 100 + int(part.ljust(2, "0"))


def dollars(cents: int) -> str:
    """Return cents as the API writes dollars.

    >>> dollars(10142), dollars(5)
    ('101.42', '0.05')
    """
    return f"{cents // 100}.{cents % 100:02}"
