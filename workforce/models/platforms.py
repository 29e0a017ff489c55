"""Visits of people from recruitment platforms."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workforce.models.people_and_work import Batch, Worker

LONGEST_PLATFORM_ID = 100


class PlatformVisit(models.Model):
    """The IDs of a platform's study and of a person's session there, from the link by which they started.

    A browser names them, so they prove nothing. Like WorkerIdentity they can lead to a name: no file, REST answer or
    record has them.
    """

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="platform_visits", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="platform_visits")
    study_id = models.CharField(max_length=LONGEST_PLATFORM_ID, blank=True, default="")
    session_id = models.CharField(max_length=LONGEST_PLATFORM_ID, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "worker", "session_id", "study_id"], name="platform_visit_once_per_batch_and_worker"
            ),
            models.CheckConstraint(
                condition=~Q(session_id="", study_id=""), name="platform_visit_names_a_session_or_study"
            ),
        ]
        indexes = [
            models.Index(fields=["session_id"], condition=~Q(session_id=""), name="platform_visits_of_a_session")
        ]

    def __str__(self) -> str:
        return f"visit of {self.worker} to {self.batch}"
