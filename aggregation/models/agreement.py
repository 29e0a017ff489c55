"""Agreement of people and the worker model. Every row can be deleted and computed again from the counted votes."""

from django.db import models
from django.db.models import F, Q

from catalog.models import Dataset, Image, Label
from workforce.models import Batch, Worker


class AgreementOfStudy(models.Model):
    """The agreement over all counted votes of a dataset's grids, and its noise floor.

    `three_answers`: maybe is among the answers. `otherwise` is the share of pairs that a second panel of the same size
    would decide otherwise, `yes_lost` and `no_lost` the same of the yes and of the no decisions; null without any. Of
    the worker model: the share of pairs that it holds for present, and whether its rounds came to an end.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="agreement")
    # The moment before the votes were read, so that later ones are noticed; null before the first time.
    computed_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0.0)
    n_votes = models.PositiveIntegerField(default=0)
    n_pairs = models.PositiveIntegerField(default=0)
    n_workers = models.PositiveIntegerField(default=0)
    three_answers = models.BooleanField(default=False)
    n_yes = models.PositiveIntegerField(default=0)
    otherwise = models.FloatField(null=True)
    yes_lost = models.FloatField(null=True)
    no_lost = models.FloatField(null=True)
    present = models.FloatField(null=True)
    converged = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "agreements of studies"

    def __str__(self) -> str:
        return f"agreement in {self.dataset}"

    @property
    def otherwise_percent(self) -> float | None:
        return percent(self.otherwise)

    @property
    def yes_lost_percent(self) -> float | None:
        return percent(self.yes_lost)

    @property
    def present_percent(self) -> float | None:
        return percent(self.present)


def percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


class Alpha(models.Model):
    """Krippendorff's alpha over the pairs of a batch or of a label, or without either over all of a dataset.

    Null where it is not defined: no two answers to compare, or the same answer throughout.
    """

    class Answers(models.TextChoices):
        YES = "yes"  # yes against all other answers
        THREE = "three"  # no, maybe, yes

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    answers = models.CharField(max_length=5, choices=Answers)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    n_pairs = models.PositiveIntegerField()
    n_answers = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "batch", "label", "answers"], nulls_distinct=False, name="one_alpha_per_scope"
            ),
            models.CheckConstraint(condition=Q(batch=None) | Q(label=None), name="alpha_is_of_a_batch_or_a_label"),
            models.CheckConstraint(condition=Q(answers__in=["yes", "three"]), name="answers_of_alpha_are_known"),
        ]

    def __str__(self) -> str:
        return f"alpha of {self.answers}: {self.value}"


class SharedAnswers(models.Model):
    """The answers of two workers to pairs that both answered. Two without a pair in common have no row."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    first = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    second = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    n_both = models.PositiveIntegerField()
    n_same = models.PositiveIntegerField()
    # Cohen's kappa; null where both gave one and the same answer throughout.
    kappa = models.FloatField(null=True)

    class Meta:
        verbose_name_plural = "shared answers"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "first", "second"], name="two_workers_are_compared_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="the_first_of_two_workers_is_the_older"),
            models.CheckConstraint(
                condition=Q(n_both__gte=1, n_same__lte=F("n_both")), name="same_answers_are_shared_answers"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} and {self.second}: {self.n_same}/{self.n_both}"


class Contradiction(models.Model):
    """Two labels that people take for each other: images asked about both, and expected contradictions on them."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    first = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    second = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    n_images = models.PositiveIntegerField()
    expected = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "first", "second"], name="two_labels_are_compared_once"),
            models.CheckConstraint(condition=~Q(first=F("second")), name="a_label_does_not_contradict_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.first} or {self.second}: {self.expected:.2f} of {self.n_images}"


class PairPosterior(models.Model):
    """The uncertainty of a selection frequency, and the worker model's answer in its place.

    `mean`, `low` and `high`: posterior of the frequency. `otherwise`: the probability that a second panel of the same
    size decides otherwise. `present`: the worker model's probability that the label is in the image.
    """

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="posteriors", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    n_selected = models.PositiveIntegerField()
    n_shown = models.PositiveIntegerField()
    mean = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    otherwise = models.FloatField()
    present = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "label"], name="one_posterior_per_pair"),
            models.CheckConstraint(
                condition=Q(low__gte=0, low__lte=F("mean"), mean__lte=F("high"), high__lte=1),
                name="the_mean_of_a_posterior_is_within_its_interval",
            ),
            models.CheckConstraint(
                condition=Q(n_shown__gte=1, n_selected__lte=F("n_shown")), name="a_posterior_has_votes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"

    @property
    def frequency(self) -> float:
        return self.n_selected / self.n_shown

    @property
    def otherwise_percent(self) -> float:
        return 100 * self.otherwise
