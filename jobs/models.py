"""Long work that a researcher starts on a page."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from catalog.models import Dataset


class Job(models.Model):
    """Long work that a researcher started on a page. `problem` is the reason of a failure, `report` the result.

    `n_total` is null until the amount of work is known. `beginnings` counts the attempts since the last progress.
    """

    class Kind(models.TextChoices):
        IMPORT_IMAGES = "import_images", gettext_lazy("Importing images")
        PREDICT = "predict", gettext_lazy("Starting classifiers")
        POTENTIAL_LABELS = "potential_labels", gettext_lazy("Computing potential labels")
        OPEN_CONTAINS = "open_contains", gettext_lazy("Opening CONTAINS grids")
        SIMULATE = "simulate", gettext_lazy("Simulating people")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=20, choices=Kind)
    arguments = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # The user who stopped it before its end.
    stopped_by = models.CharField(max_length=150, blank=True)
    beginnings = models.PositiveSmallIntegerField(default=0)
    n_done = models.PositiveBigIntegerField(default=0)
    n_total = models.PositiveBigIntegerField(null=True)
    problem = models.TextField(blank=True)
    report = models.JSONField(default=list)

    class Meta:
        # The table is older than this room.
        db_table = "annotation_site_job"
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "kind"], condition=Q(finished_at=None), name="one_unfinished_job_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(n_total=None) | Q(n_done__lte=F("n_total")), name="job_does_no_more_than_all"
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(started_at__isnull=False), name="job_is_begun_before_it_is_finished"
            ),
            models.CheckConstraint(
                condition=Q(problem="") | Q(finished_at__isnull=False), name="job_with_a_problem_is_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.dataset}"
