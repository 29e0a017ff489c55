"""Tables derived from the votes. Every row can be deleted and computed again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.models import Image, Label, SettingsVersion
from numerics.candidates import Split
from numerics.confidence import Decision
from workforce.models import Batch


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


class ConfidenceTable(models.Model):
    """Confidence in a class, learnt from the initial subset of an adaptive batch (Deng et al. 2009, section 3.2).

    `p_good[yes][no]` is the probability that an image is good after so many votes (figure 7), null without data;
    `seen[yes][no]` is the number of images behind it. The row without a label is learnt from all classes together, for
    classes with too few images. `expected_votes` is the average number of votes that the stopping rule takes on the
    images of the subset: the harder the class, the more.
    """

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="confidence_tables")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    n_images = models.PositiveIntegerField()
    p_good = models.JSONField()
    seen = models.JSONField()
    expected_votes = models.FloatField()
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "label"], nulls_distinct=False, name="one_confidence_table_per_batch_and_label"
            ),
        ]

    def __str__(self) -> str:
        return f"confidence table of {self.label or 'all classes'} from {self.n_images} images"


class StoppedPair(models.Model):
    """The decision after which an adaptive batch asks no more about a pair. A pair without a row waits for votes."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="stopped_pairs", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    decision = models.CharField(max_length=10, choices=[(d.value, d.value) for d in Decision if d != Decision.MORE])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "label", "image"], name="a_pair_stops_once_per_batch"),
            models.CheckConstraint(
                condition=Q(decision__in=["accept", "reject", "undecided"]), name="a_stopped_pair_has_a_decision"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}, {self.label}: {self.decision}"
