"""Setting faults, planning single ones, moving the clock."""

import math

from django.db import transaction

from marketplace.faults.models import FaultSettings, PlannedFault

RATES = ("throttle_rate", "error_rate", "drop_before_rate", "drop_after_rate")
NUMBERS = ("latency_ms", "hit_lag_seconds", "assignment_lag_seconds", "clock_ahead_seconds")
MOST = 10 * 365 * 24 * 3600


class BadFault(ValueError):
    """An unknown fault, or a value outside its range."""


@transaction.atomic
def set_faults(**values: float) -> FaultSettings:
    """Change these faults and no others: rates are shares from 0 to 1, all others whole numbers."""
    for name, value in values.items():
        kind, highest = (float, 1) if name in RATES else (int, MOST)
        if name not in RATES + NUMBERS or not is_number(value, kind) or not 0 <= value <= highest:
            ranges = f"{', '.join(RATES)} go from 0 to 1; {', '.join(NUMBERS)} are whole numbers"
            raise BadFault(f"{name}={value!r}: {ranges}.")
    return FaultSettings.objects.update_or_create(id=1, defaults=values)[0]


@transaction.atomic
def advance_clock(*, seconds: int) -> FaultSettings:
    """Move the marketplace's clock ahead; it is never moved back."""
    if not is_number(seconds, int) or not 0 <= seconds <= MOST:
        raise BadFault(f"seconds={seconds!r} is no whole number from 0 to {MOST}.")
    row, _ = FaultSettings.objects.get_or_create(id=1)
    row = FaultSettings.objects.select_for_update().get(pk=row.pk)
    row.clock_ahead_seconds += seconds
    row.save()
    return row


@transaction.atomic
def plan_fault(*, kind: str, operation: str = "", times: int = 1) -> None:
    """Make the next requests of that operation, or of any, fail in that way."""
    if kind not in PlannedFault.Kind.values or not is_number(times, int) or not 1 <= times <= 1000:
        raise BadFault(f"kind must be one of {', '.join(PlannedFault.Kind.values)}, times from 1 to 1000.")
    PlannedFault.objects.bulk_create([PlannedFault(operation=operation, kind=kind) for _ in range(times)])


def take_fault(*, operation: str) -> str | None:
    """Return the kind of the next planned fault for this operation, and delete the fault."""
    faults = PlannedFault.objects.filter(operation__in=(operation, "")).order_by("pk")
    # Most requests have no planned fault, and need no transaction.
    if not faults.exists():
        return None
    with transaction.atomic():
        fault = faults.select_for_update(skip_locked=True).first()
        if fault is None:
            return None
        fault.delete()
        return fault.kind


@transaction.atomic
def clear_faults() -> None:
    """Delete all faults; the clock keeps its time."""
    PlannedFault.objects.all().delete()
    FaultSettings.objects.update(**dict.fromkeys(RATES, 0), latency_ms=0, hit_lag_seconds=0, assignment_lag_seconds=0)


def is_number(value: object, kind: type) -> bool:
    allowed = (int, float) if kind is float else int
    return isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)
