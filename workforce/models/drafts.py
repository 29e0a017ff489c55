"""Drafts: what a person has selected on a page and not submitted."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from workforce.models.answers import Assignment, Lease

MOST_CHARACTERS = 32_000


class Draft(models.Model):
    """The unsubmitted state of a lease's page, of an assignment's in a frame. It is no answer, and casts no vote.

    `answer` is the JSON text of the page's own script, and nobody else reads it: text, so that saving is cheap and no
    character of it troubles the database. `version` counts the savings.
    """

    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="drafts", db_index=False)
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, related_name="drafts", db_index=False
    )
    version = models.PositiveIntegerField()
    answer = models.TextField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lease"], condition=Q(assignment=None), name="one_draft_per_lease"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(assignment__isnull=False), name="one_draft_per_assignment"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="draft_versions_begin_with_one"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length(F("answer")), Value(MOST_CHARACTERS)), name="draft_is_short"
            ),
        ]
        indexes = [models.Index(fields=["updated_at"], name="drafts_by_age")]

    def __str__(self) -> str:
        return f"draft of {self.lease}"
