"""Problems that people report from a page of work."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from workforce.models.answers import Lease


class Report(models.Model):
    """A problem that a person reported from a page of work, once of each kind. Nothing follows from it by itself."""

    class Kind(models.TextChoices):
        PICTURES = "pictures", "Photographs do not load"
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

    @property
    def kind_name(self) -> str:
        """Return the kind as pages name it."""
        return str(KIND_NAMES[self.kind])

    def __str__(self) -> str:
        return f"report on {self.lease} ({self.kind})"


# Names on pages. The labels of the choices are part of the migrations.
KIND_NAMES = {
    Report.Kind.PICTURES.value: gettext_lazy("Photographs do not load"),
    Report.Kind.QUESTION.value: gettext_lazy("The question is unclear"),
    Report.Kind.HANDING_IN.value: gettext_lazy("I cannot submit"),
    Report.Kind.OTHER.value: gettext_lazy("Something else"),
}
