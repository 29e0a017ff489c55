"""The only way into the record of decisions."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit.models import AuditEntry
from audit.reads import current_actor

Area = AuditEntry.Area
NOTE_USE_EVERY = timedelta(minutes=1)
LONGEST_SUBJECT = 300


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

    **Record last.** At commit, the deferred checks run in the order in which they were asked for: rows that are stored
    after the entry, and have foreign keys, are checked while all other decisions wait for this link of the chain.

    Values of `before` and `after` are stored as text, unless they are numbers, lists or the like. The database chains
    the entry to the one before it when the transaction commits, so no other one waits for it until then.
    """
    fields = _fields(area, action, subject, after)
    return AuditEntry.objects.create(before=_as_json(before), reason=reason, **fields)


@transaction.atomic
def record_use(*, area: AuditEntry.Area, action: str, subject: object, after: Mapping[str, Any]) -> None:
    """Record a mark of use, such as a download: once a minute for the same person and the same thing."""
    same = AuditEntry.objects.filter(at__gt=Now() - NOTE_USE_EVERY, **_fields(area, action, subject, after))
    if not same.exists():
        record(area=area, action=action, subject=subject, after=after)


def _fields(area: AuditEntry.Area, action: str, subject: object, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what makes two marks of use the same, as an entry stores it."""
    actor = current_actor()
    return {
        "actor": actor.name[:200],
        "account": actor.account,
        "area": area,
        "action": action,
        "subject": str(subject)[:LONGEST_SUBJECT],
        "after": _as_json(after),
    }


def _as_json(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    plain = (str, int, float, bool, list, dict, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in values.items()}
