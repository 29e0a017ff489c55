"""Each constraint of accounts and of the record of decisions broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable

from accounts.models import SignInAttempt, SignInNetwork, SpentCode
from audit.models import AuditEntry
from catalog.reads import now

DECISION = {"actor": "rosa", "area": "config", "action": "settings.change", "subject": "dataset birds"}


def decide(**changed: str) -> None:
    AuditEntry.objects.create(**DECISION | changed)


def sign_in_twice_at_a_network() -> None:
    for _ in range(2):
        SignInNetwork.objects.create(account="a", network="n", last_at=now())


def spend_a_code_twice() -> None:
    for _ in range(2):
        SpentCode.objects.create(account="a", code="c", spent_at=now())


BREAKERS: dict[str, Callable[[], object]] = {
    "attempt_proves_something": lambda: SignInAttempt.objects.create(
        proof="charm", account="a", network="n", tried_at=now()
    ),
    "network_of_account_is_listed_once": sign_in_twice_at_a_network,
    "code_is_spent_once": spend_a_code_twice,
    "audit_area_is_known": lambda: decide(area="weather"),
    "audit_names_actor_and_action": lambda: decide(actor=""),
}
