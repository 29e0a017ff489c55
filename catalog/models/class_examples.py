"""Example images of classes, drawn once from a training set: for people who label or review, never for workers."""

from django.db import models
from django.db.models import F, Q

from catalog.models.studies import Dataset, Label, new_public_id

MOST_EXAMPLES_OF_A_CLASS = 1000
# What the column holds.
LARGEST_SEED = 2**63 - 1


class ExampleDraw(models.Model):
    """The draw of a study's example images: of each class up to `per_class`, in the order that `seed` gives.

    `finished_at` is null while classes are missing, as after a stop half-way.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="example_draw")
    seed = models.BigIntegerField()
    per_class = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(per_class__gte=1, per_class__lte=MOST_EXAMPLES_OF_A_CLASS),
                name="example_draw_takes_1_to_1000_a_class",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(finished_at__gte=F("started_at")),
                name="example_draw_is_finished_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"examples of {self.dataset}"


class ClassExample(models.Model):
    """An image of a training set that shows a class. `place` is its place in the draw, `name` its path in the set.

    It is no image of the study: `digest` is the SHA-256 of its file, as that of an image.
    """

    draw = models.ForeignKey(ExampleDraw, on_delete=models.PROTECT, related_name="examples")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=500)
    digest = models.CharField(max_length=64)
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    display = models.FileField(max_length=300)
    thumbnail = models.FileField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draw", "label", "digest"], name="class_example_once_per_draw_and_label"),
            models.UniqueConstraint(fields=["draw", "label", "place"], name="class_example_place_once_per_label"),
            models.CheckConstraint(condition=~Q(digest=""), name="class_example_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"example {self.place} of {self.label}"
