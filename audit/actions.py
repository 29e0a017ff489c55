"""The only way into the record of decisions."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from audit.models import AuditEntry
from audit.reads import current_actor

Area = AuditEntry.Area


@transaction.atomic
def record(
    *,
    area: AuditEntry.Area,
    action: str,
    subject: object,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Record a decision in the transaction that carries it out: both are stored, or neither.

    Values of `before` and `after` are stored as text, unless they are numbers, lists or the like. The database chains
    the entry to the one before it when the transaction commits, so no other one waits for it until then.
    """
    actor = current_actor()
    return AuditEntry.objects.create(
        actor=actor.name[:200],
        account=actor.account,
        area=area,
        action=action,
        subject=str(subject)[:300],
        before=_as_json(before),
        after=_as_json(after),
        reason=reason,
    )


def _as_json(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    plain = (str, int, float, bool, list, dict, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in values.items()}
