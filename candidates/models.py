"""Runs of classifiers over a dataset, and the potential labels derived from their predictions."""

from django.db import models
from django.db.models import F, Q

from catalog.models import Classifier, Dataset, Image, Label


class Run(models.Model):
    """A run of a classifier over a dataset. Its portions are the queue: a worker claims one by locking its row.

    `problem` is the reason why the run stopped, until it is started again: for pages, as `shell_problem` is for the
    shell. The latter is empty where both are the same.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="prediction_runs")
    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, related_name="runs")
    top_k = models.PositiveSmallIntegerField()
    problem = models.CharField(max_length=1000, blank=True)
    shell_problem = models.CharField(max_length=1000, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier"],
                condition=Q(finished_at=None),
                name="one_unfinished_run_per_classifier",
            ),
            models.CheckConstraint(condition=Q(top_k__gte=1), name="run_keeps_a_label"),
        ]

    def __str__(self) -> str:
        return f"{self.classifier} over {self.dataset}"

    @property
    def problem_for_shell(self) -> str:
        return self.shell_problem or self.problem


class Portion(models.Model):
    """Some images of a run, by id from `first` to `last`. A killed worker's lock ends with it, so nothing is stuck.

    `beginnings` counts the attempts since the run was last started.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="portions", db_index=False)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    n_images = models.PositiveIntegerField()
    done_at = models.DateTimeField(null=True)
    beginnings = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "first"], name="portion_once_per_run"),
            models.CheckConstraint(condition=Q(first__lte=F("last"), n_images__gte=1), name="portion_has_images"),
        ]
        indexes = [models.Index(fields=["run", "beginnings", "id"], condition=Q(done_at=None), name="portions_to_do")]

    def __str__(self) -> str:
        return f"images {self.first} to {self.last} of {self.run}"


class Unpredicted(models.Model):
    """An image that a run could not predict, with the reason: it stops nothing, and a new run retries it."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="unpredicted")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "image"], name="unpredicted_once_per_run")]

    def __str__(self) -> str:
        return f"{self.image}: {self.reason}"


class PotentialLabel(models.Model):
    """A label that people are asked about for an image, and its sources. Derived: can be computed again.

    `sources` is a list of {classifier, rank} (rank from 1), ordered by rank; `is_dataset_label` marks the label of the
    dataset itself (Tsipras et al. 2020, section 3.1).
    """

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="potential_labels", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    is_dataset_label = models.BooleanField()
    sources = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "label"], name="potential_label_once_per_image"),
            models.CheckConstraint(
                condition=Q(is_dataset_label=True) | ~Q(sources=[]), name="potential_label_has_a_source"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {self.label}"
