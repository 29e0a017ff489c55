"""What follows from the votes. Every row here can be deleted and computed again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from aggregation.numerics.candidates import Split
from catalog.models import Image, Label, SettingsVersion


class SelectionFrequency(models.Model):
    """Counts of an (image, label) pair over counted votes. A pair nobody was shown has no row: that is not 0."""

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="selection_frequencies", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    n_selected = models.PositiveIntegerField()
    n_shown = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "selection frequencies"
        constraints = [
            models.UniqueConstraint(fields=["image", "label"], name="one_frequency_per_pair"),
            models.CheckConstraint(condition=Q(n_shown__gte=1), name="a_frequency_was_shown"),
            models.CheckConstraint(
                condition=Q(n_selected__lte=F("n_shown")), name="selected_at_most_as_often_as_shown"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.n_selected}/{self.n_shown}"

    @property
    def frequency(self) -> float:
        return self.n_selected / self.n_shown


class CandidateSet(models.Model):
    """The outcome of pruning an image's potential labels (Tsipras et al. 2020, section 3.1)."""

    image = models.OneToOneField(Image, on_delete=models.PROTECT, related_name="candidate_set")
    settings = models.ForeignKey(SettingsVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    split = models.CharField(max_length=20, choices=[(split.value, split.value) for split in Split])
    labels = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(split__in=[s.value for s in Split]), name="split_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.split}: {self.labels}"


class Annotation(models.Model):
    """Objects, main label and number of objects of an image (Tsipras et al. 2020, section 3.2).

    `objects_found` is a list of {label, labels: [{label, share, frequency}], main_votes}; labels are class indexes and
    `main_object`, `dataset_label_object` index it. `main_may_differ` and `main_must_differ`: is the main object
    another than the dataset label's under some, under every choice among tied partitions and tied main votes?
    """

    image = models.OneToOneField(Image, on_delete=models.PROTECT, related_name="annotation")
    settings = models.ForeignKey(SettingsVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    main_label = models.PositiveIntegerField()
    n_objects = models.PositiveSmallIntegerField()
    n_annotators = models.PositiveIntegerField()
    n_optimal_partitions = models.PositiveIntegerField()
    objects_found = models.JSONField()
    unplaced = ArrayField(models.PositiveIntegerField())
    main_object = models.PositiveSmallIntegerField(null=True)
    dataset_label_object = models.PositiveSmallIntegerField(null=True)
    main_may_differ = models.BooleanField()
    main_must_differ = models.BooleanField()
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(n_objects__gte=1, n_annotators__gte=1), name="annotation_has_votes"),
            models.CheckConstraint(
                condition=Q(main_must_differ=False) | Q(main_may_differ=True), name="what_must_differ_may_differ"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {self.n_objects} objects, main {self.main_label}"
