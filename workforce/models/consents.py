"""Consent to a study: the versions of its text, and the decisions of people."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Dataset
from workforce.models.answers import Assignment
from workforce.models.people_and_work import Batch, Worker


class ConsentText(models.Model):
    """A version of the consent text of a study. It never changes: another text is the next version."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="consent_texts", db_index=False)
    version = models.PositiveIntegerField()
    text = models.CharField(max_length=5000)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "version"], name="consent_version_once_per_study"),
            models.CheckConstraint(condition=~Q(text=""), name="consent_text_is_not_empty"),
            models.CheckConstraint(condition=Q(version__gte=1), name="consent_versions_begin_with_one"),
        ]

    def __str__(self) -> str:
        return f"consent text {self.version} of {self.dataset}"


class Consent(models.Model):
    """A decision of a person in a batch: that they start, under this text, or later that they decline after all.

    Rows are only appended, and the last one says what holds. `text` is null where the study has none. A decision in a
    marketplace's frame belongs to its assignment: anybody can send one in a worker's name.
    """

    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="consents", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="consents")
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, related_name="consents", db_index=False
    )
    number = models.PositiveIntegerField()
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    agreed = models.BooleanField()
    # To a coarse trace of pointer and scroll position, if the study asks for one.
    trace = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["worker", "batch", "number"], name="decision_number_once_per_batch"),
            models.CheckConstraint(condition=Q(agreed=True) | Q(trace=False), name="a_trace_needs_consent"),
        ]

    def __str__(self) -> str:
        return f"consent {self.number} of {self.worker} in {self.batch}"
