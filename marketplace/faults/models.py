"""Deliberate faults of the endpoint, for the tests of its clients."""

from django.db import models
from django.db.models import Q


class FaultSettings(models.Model):
    """A single row of settings: rates of deliberate faults, delays of new rows, and the lead of the clock."""

    throttle_rate = models.FloatField(default=0)
    error_rate = models.FloatField(default=0)
    drop_before_rate = models.FloatField(default=0)
    drop_after_rate = models.FloatField(default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    hit_lag_seconds = models.PositiveIntegerField(default=0)
    assignment_lag_seconds = models.PositiveIntegerField(default=0)
    clock_ahead_seconds = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_row_of_fault_settings"),
            models.CheckConstraint(
                condition=Q(
                    throttle_rate__range=(0, 1),
                    error_rate__range=(0, 1),
                    drop_before_rate__range=(0, 1),
                    drop_after_rate__range=(0, 1),
                ),
                name="fault_rates_are_shares",
            ),
        ]

    def __str__(self) -> str:
        return "fault settings"


class PlannedFault(models.Model):
    """A fault for the next request of that operation, or of any."""

    class Kind(models.TextChoices):
        THROTTLE = "throttle"
        ERROR = "error"
        ERROR_AFTER = "error_after"
        DROP_BEFORE = "drop_before"
        DROP_AFTER = "drop_after"

    operation = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=20, choices=Kind)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["throttle", "error", "error_after", "drop_before", "drop_after"]),
                name="planned_fault_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.operation or 'any operation'}"
