"""As whom we speak to the marketplace, and what is there to spend."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache

from workforce.marketplaces import mturk

# Pages renew themselves every few seconds; the marketplace is not asked as often.
BALANCE_KEPT_SECONDS = 10


@dataclass(frozen=True)
class Account:
    """`balance` is in dollars; None where it cannot be asked for, and then `problem` says why."""

    endpoint: str
    is_live: bool
    has_keys: bool
    balance: Decimal | None = None
    problem: str = ""


def account() -> Account:
    """The endpoint of the settings, which no page can change: whoever chose it could send us anywhere."""
    endpoint, key = settings.MTURK["endpoint_url"], settings.MTURK["access_key_id"]
    if not key or not settings.MTURK["secret_access_key"]:
        return Account(endpoint, settings.MTURK["is_live"], has_keys=False)
    told = cache.get_or_set(f"balance:{key}", _balance, BALANCE_KEPT_SECONDS)
    return Account(endpoint, settings.MTURK["is_live"], True, *told)


def _balance() -> tuple[Decimal | None, str]:
    try:
        return mturk.balance(), ""
    except mturk.EndpointError as error:
        return None, str(error)
