"""As whom we speak to the marketplace, and what is there to spend."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache

from mturk import endpoint

# Pages renew themselves every few seconds; the marketplace is not asked as often.
BALANCE_KEPT_SECONDS = 10


@dataclass(frozen=True)
class Account:
    """`balance` is in dollars; None where it is not known, and then `why_unknown` says why."""

    endpoint: str
    is_live: bool
    has_keys: bool
    balance: Decimal | None = None
    problem: str = ""

    @property
    def why_unknown(self) -> str:
        return self.problem or ("It is being asked for." if self.has_keys else "There are no keys.")


def account() -> Account:
    """The endpoint of the settings, which no page can change: whoever chose it could send us anywhere.

    One page at a time asks for the balance, and not for long; meanwhile the others show what was told last. So a
    marketplace that hangs keeps no more than one thread of this process, which serves workers' pages too.
    """
    endpoint, key = settings.MTURK["endpoint_url"], settings.MTURK["access_key_id"]
    if not key or not settings.MTURK["secret_access_key"]:
        return Account(endpoint, settings.MTURK["is_live"], has_keys=False)
    place = f"balance:{key}:{endpoint}"
    if cache.add(f"{place}:asked", True, BALANCE_KEPT_SECONDS):
        cache.set(place, _balance(), None)
    balance_and_problem = cache.get(place, (None, ""))
    return Account(endpoint, settings.MTURK["is_live"], True, *balance_and_problem)


def _balance() -> tuple[Decimal | None, str]:
    try:
        return endpoint.balance_soon(), ""
    except endpoint.EndpointError as error:
        return None, str(error)
