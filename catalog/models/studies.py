"""Datasets, images, labels and the versioned settings of a study."""

import secrets
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


def new_public_id() -> str:
    """Return an opaque name for use outside: 128 random bits, so that it reveals nothing and cannot be guessed."""
    return secrets.token_urlsafe(16)


class LabelSet(models.Model):
    """The classes a dataset is labelled with; shared between datasets."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Synset(models.Model):
    """A node of the WordNet hierarchy above the classes."""

    wnid = models.CharField(max_length=20, primary_key=True)
    words = models.TextField()
    gloss = models.TextField(blank=True)
    hypernyms = models.ManyToManyField("self", symmetrical=False, related_name="hyponyms")

    def __str__(self) -> str:
        return f"{self.wnid} ({self.words})"


class Label(models.Model):
    """A class: models predict its `index`, and exported files hold it."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="labels")
    index = models.PositiveIntegerField()
    wnid = models.CharField(max_length=20, blank=True)
    words = models.TextField()
    gloss = models.TextField(blank=True)
    superclass = models.CharField(max_length=100, blank=True)
    wikipedia_url = models.URLField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["label_set", "index"], name="label_index_once_per_label_set"),
        ]

    def __str__(self) -> str:
        return f"{self.index}: {self.words}"

    @property
    def name(self) -> str:
        """Return the first of the words, as tables have room for no more."""
        return self.words.split(",")[0]


class Dataset(models.Model):
    name = models.CharField(max_length=100, unique=True)
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="datasets")
    # Keys the workers' pseudonyms in exports: two datasets cannot be joined by worker.
    pseudonym_key = models.CharField(max_length=64, default=secrets.token_hex, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class ReferencePage(models.Model):
    """A page of a study's own that explains a class to its workers, in place of the label's `wikipedia_url`."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="reference_pages")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="reference_pages")
    position = models.PositiveSmallIntegerField()
    url = models.URLField(max_length=500)
    title = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "label", "position"], name="one_reference_page_per_dataset_label_and_position"
            ),
            models.UniqueConstraint(
                fields=["dataset", "label", "url"], name="reference_page_once_per_dataset_and_label"
            ),
            models.CheckConstraint(
                condition=Q(url__startswith="https://") | Q(url__startswith="http://"),
                name="reference_page_is_on_the_web",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.url}"


WITHOUT_PICTURES = ~Q(original="") & Q(pictures_problem="") & (Q(display="") | Q(thumbnail=""))


class Image(models.Model):
    """An image of a dataset. `name` is the researcher's (it may give the class away); workers see `public_id` only.

    `display` and `thumbnail` are made from `original` (catalog.photographs.reads.Pictures) by a task, or when a page
    first shows them. `pictures_problem` is the reason why that failed; importing the image again replaces the file.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="images")
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    name = models.CharField(max_length=500)
    dataset_label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    original = models.FileField(max_length=300, blank=True)
    display = models.FileField(max_length=300, blank=True)
    thumbnail = models.FileField(max_length=300, blank=True, db_default="")
    pictures_problem = models.CharField(max_length=500, blank=True, db_default="")
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    # SHA-256 of the original; blank for images stored before it was kept, until examples are imported.
    digest = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="image_name_once_per_dataset"),
            models.CheckConstraint(condition=~Q(name=""), name="image_has_a_name"),
        ]
        indexes = [
            # The task queries these every few seconds.
            models.Index(fields=["id"], condition=WITHOUT_PICTURES, name="image_without_pictures"),
            # A page of work looks up whether an example is an image of the study.
            models.Index(fields=["digest"], condition=~Q(digest=""), name="image_by_digest"),
        ]

    def __str__(self) -> str:
        return self.name


class NegativesFrom(models.TextChoices):
    """Sources of the similar classes whose images serve as hard negative controls."""

    HIERARCHY = "hierarchy"
    CONFUSION = "confusion"
    LIST = "list"


class MaybeCounts(models.TextChoices):
    """The count of a vote “maybe”, in a batch that offers it; never half a vote."""

    YES = "yes"
    NO = "no"
    NOTHING = "nothing"


class SettingsVersion(models.Model):
    """The figures of a study. A change is a new version; every submission records the one it was made under.

    Defaults: Tsipras et al. 2020 as far as text and released data tell (docs/settings.md).
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="settings_versions")
    version = models.PositiveIntegerField()
    images_per_grid = models.PositiveSmallIntegerField(default=48)
    contains_answers = models.PositiveSmallIntegerField(default=9)
    classify_answers = models.PositiveSmallIntegerField(default=9)
    # Candidate labels: n_shown >= min_shown, frequency >= the ratio of the dataset label's, the highest few.
    min_shown = models.PositiveSmallIntegerField(default=5)
    ratio_numerator = models.PositiveSmallIntegerField(default=1)
    ratio_denominator = models.PositiveSmallIntegerField(default=2)
    max_other_labels = models.PositiveSmallIntegerField(default=5)
    maybe_counts = models.CharField(max_length=10, choices=MaybeCounts, default=MaybeCounts.NO, db_default="no")
    # Further answers to a pair or a form, at most, in place of answers that gave no vote.
    most_further_answers = models.PositiveSmallIntegerField(default=3, db_default=3)
    # Whether somebody else is asked in place of an excluded answer, and how often at most for one grid or form.
    asks_again = models.BooleanField(default=True, db_default=True)
    most_replacements = models.PositiveSmallIntegerField(default=100, db_default=100)
    lease_seconds = models.PositiveIntegerField(default=3600)
    # Potential labels: the top_k of these classifiers (none named: of all that predicted), with the dataset's own.
    classifiers = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    top_k = models.PositiveSmallIntegerField(default=5)
    always_dataset_label = models.BooleanField(default=True)
    # Controls of a CONTAINS grid, and where negative ones come from.
    positive_controls = models.PositiveSmallIntegerField(default=5)
    negative_controls = models.PositiveSmallIntegerField(default=0)
    negatives_from = models.CharField(max_length=10, choices=NegativesFrom, default=NegativesFrom.HIERARCHY)
    control_pool = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # Dollars an hour, from which pay on a marketplace is computed: the upper end of the workers' own guidelines,
    # $0.15 to $0.20 a minute (Dynamo, Guidelines for Academic Requesters).
    target_wage = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal("12.00"))
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "version"], name="settings_version_once_per_dataset"),
            models.CheckConstraint(
                condition=Q(images_per_grid__gte=1, contains_answers__gte=1, classify_answers__gte=1, min_shown__gte=1),
                name="settings_counts_are_positive",
            ),
            # What a person can look through; a page's answer must stay below DATA_UPLOAD_MAX_NUMBER_FIELDS, too.
            models.CheckConstraint(condition=Q(images_per_grid__lte=500), name="settings_grid_of_500_images_or_fewer"),
            models.CheckConstraint(
                condition=Q(ratio_numerator__gte=1, ratio_numerator__lte=F("ratio_denominator")),
                name="settings_ratio_is_above_0_and_at_most_1",
            ),
            # The partition search is exact up to 12 labels: the dataset's own and 11 others.
            models.CheckConstraint(
                condition=Q(max_other_labels__gte=1, max_other_labels__lte=11), name="settings_candidates_fit_a_form"
            ),
            models.CheckConstraint(condition=Q(lease_seconds__gte=30), name="settings_lease_of_30_seconds_or_more"),
            models.CheckConstraint(condition=Q(top_k__gte=1), name="settings_top_k_is_positive"),
            models.CheckConstraint(
                condition=Q(images_per_grid__gt=F("positive_controls") + F("negative_controls")),
                name="settings_grid_has_room_for_questions",
            ),
            models.CheckConstraint(
                condition=Q(negatives_from__in=["hierarchy", "confusion", "list"]), name="settings_negatives_are_known"
            ),
            models.CheckConstraint(
                condition=Q(target_wage__gt=0, target_wage__lte=1000), name="settings_wage_is_above_0_and_at_most_1000"
            ),
            models.CheckConstraint(
                condition=Q(maybe_counts__in=["yes", "no", "nothing"]), name="settings_maybe_counts_is_known"
            ),
            models.CheckConstraint(
                condition=Q(most_further_answers__lte=100), name="settings_further_answers_are_at_most_100"
            ),
            models.CheckConstraint(
                condition=Q(most_replacements__lte=1000), name="settings_replacements_are_at_most_1000"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.version}"


class ExampleSet(models.Model):
    """The example photographs of a study from a settings version on, until a later version has others."""

    settings = models.OneToOneField(SettingsVersion, on_delete=models.PROTECT, related_name="example_set")

    def __str__(self) -> str:
        return f"examples of {self.settings}"


class Example(models.Model):
    """A photograph that shows a class, or, with `look_alike`, another class that it is often confused with.

    It is no image of the study: `digest` is the SHA-256 of its file, as that of an image.
    """

    example_set = models.ForeignKey(ExampleSet, on_delete=models.PROTECT, related_name="examples")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    look_alike = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    picture = models.FileField(max_length=300)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["example_set", "label", "digest"], name="example_once_per_set_and_label"),
            models.CheckConstraint(condition=~Q(digest=""), name="example_has_a_digest"),
            models.CheckConstraint(
                condition=Q(look_alike=None) | ~Q(look_alike=F("label")), name="look_alike_is_another_label"
            ),
        ]

    def __str__(self) -> str:
        return f"example of {self.look_alike or self.label} for {self.label}"


class Classifier(models.Model):
    """A member of the ensemble: a network, or a view (crop, flip) of one, which is recorded as a view and no model.

    `weights` is the SHA-256 of the weights; predictions that were computed elsewhere may have none.
    """

    name = models.CharField(max_length=200)
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="classifiers")
    network = models.CharField(max_length=200)
    view = models.CharField(max_length=100, blank=True)
    weights = models.CharField(max_length=64, blank=True)
    input_size = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["label_set", "name"], name="classifier_name_once_per_label_set"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(network=""), name="classifier_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Prediction(models.Model):
    """The class indexes that a classifier ranks highest for an image, best first, with their scores if available."""

    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, related_name="predictions")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="predictions", db_index=False)
    labels = ArrayField(models.PositiveIntegerField())
    scores = ArrayField(models.FloatField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "classifier"], name="one_prediction_per_image_and_classifier"),
            models.CheckConstraint(condition=Q(labels__len__gte=1), name="prediction_names_a_label"),
            models.CheckConstraint(
                condition=Q(scores__len=0) | Q(scores__len=F("labels__len")), name="prediction_has_all_scores_or_none"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.classifier} on {self.image}: {self.labels}"
