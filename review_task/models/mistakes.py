"""Mistakes of a classifier: the labels that were in force when its queue was opened."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from review_task.models.reviews import Item


class LabelsInForce(models.Model):
    """The labels (indexes) of an item's image under which its label was a mistake, and where they are from.

    They are kept, as the label sets go on changing. A panel's file does not say its labels: there they are empty.
    """

    class Source(models.TextChoices):
        REVIEWS = "reviews"
        PEOPLE = "people"
        DATASET = "dataset"
        PANEL = "panel"

    item = models.OneToOneField(Item, on_delete=models.PROTECT, related_name="in_force")
    source = models.CharField(max_length=10, choices=Source)
    labels = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        verbose_name_plural = "labels in force"
        constraints = [
            models.CheckConstraint(
                condition=Q(source="panel", labels__len=0)
                | Q(source__in=["reviews", "people", "dataset"], labels__len__gte=1),
                name="labels_in_force_have_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.labels} of {self.item}"
