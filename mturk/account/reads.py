"""The account at the marketplace, and its balance."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext

from mturk import endpoint

# Pages refresh every few seconds; the marketplace is asked less often.
BALANCE_KEPT_SECONDS = 10


@dataclass(frozen=True)
class Account:
    """An account. `balance` is in dollars; if it is None, `why_unknown` gives the reason."""

    endpoint: str
    is_live: bool
    has_keys: bool
    balance: Decimal | None = None
    problem: str = ""

    @property
    def why_unknown(self) -> str:
        return self.problem or (gettext("Loading…") if self.has_keys else gettext("No marketplace keys are set."))


def account() -> Account:
    """Return the account of the settings. No page can change the endpoint, for security.

    One page at a time asks for the balance, and only briefly; other pages show the last one. So a marketplace that
    hangs blocks at most one thread of this process, which also serves workers' pages.
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
