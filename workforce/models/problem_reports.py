"""What researchers and workers tell each other beside the work: who asks and why, and what went wrong."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Dataset
from workforce.models.answers import Lease


class Introduction(models.Model):
    """Who asks for the answers on a dataset, and what people are to know before they begin. What is empty is not shown.

    `contact` is an address, by mail or on the web, to which people may also write when their work was refused.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="introduction")
    requester_name = models.CharField(max_length=200, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=2000, blank=True)
    # Of one HIT, as people are told; rather too much than too little.
    minutes_needed = models.PositiveSmallIntegerField(null=True)
    consent = models.CharField(max_length=5000, blank=True)
    # Of what the photographs may show.
    warning = models.CharField(max_length=1000, blank=True)

    def __str__(self) -> str:
        return f"introduction to {self.dataset}"

    @property
    def contact_link(self) -> str:
        """What a browser opens to reach them; empty for an address of another kind."""
        if " " in self.contact:
            return ""
        if self.contact.startswith(("https://", "http://")):
            return self.contact
        return f"mailto:{self.contact}" if "@" in self.contact[1:-1] else ""


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
