"""Problems that people report from the page they work on."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workforce.models.answers import Lease


class Report(models.Model):
    """A problem that a person told of from the page they work on: once of each kind. It decides nothing by itself."""

    class Kind(models.TextChoices):
        PICTURES = "pictures", "Pictures do not load"
        QUESTION = "question", "The question is unclear"
        HANDING_IN = "handing in", "I cannot hand in"
        OTHER = "other", "Something else"

    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="reports", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    words = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lease", "kind"], name="reported_once_per_lease_and_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=["pictures", "question", "handing in", "other"]), name="report_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"report on {self.lease} ({self.kind})"
