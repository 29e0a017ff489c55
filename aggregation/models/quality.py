"""Measures of workers and controls, which are derived, and rules and decisions, which are not.

Rows of WorkerMeasure and ControlMeasure can be deleted and computed again. The others are records.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from catalog.models import Dataset, Image, Label
from workforce.models import Batch, Worker


class VoteChange(models.Model):
    """A change of counted votes that the measures of their dataset do not follow yet.

    Every pass of the aggregation adds a row in its own transaction. Rows instead of a counter: nobody has to wait.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    # Whose votes changed; and whether their own measures follow already, though not yet those of everybody.
    workers = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    is_followed = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return f"change of votes of {self.dataset}"


class MeasuredStudy(models.Model):
    """Moment and duration of the last computation of a dataset's measures."""

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="measured")
    measured_at = models.DateTimeField()
    seconds = models.FloatField()

    class Meta:
        verbose_name_plural = "measured studies"

    def __str__(self) -> str:
        return f"measures of {self.dataset}"


class WorkerMeasure(models.Model):
    """A measure of a worker, over a batch, or without one over all of a dataset.

    `low` and `high` bound it with 95 % confidence; `expected` is what an honest worker would have. `p` is the
    probability that an honest worker looks as suspicious, `q` the same corrected for the number of workers. Null where
    the measure has none. `other` is the worker most like them.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+")
    measure = models.CharField(max_length=40)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    expected = models.FloatField(null=True)
    n = models.PositiveIntegerField()
    p = models.FloatField(null=True)
    q = models.FloatField(null=True)
    other = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "batch", "worker", "measure"],
                nulls_distinct=False,
                name="one_measure_of_a_worker_per_scope",
            ),
            models.CheckConstraint(
                condition=(Q(p=None) | Q(p__gte=0, p__lte=1)) & (Q(q=None) | Q(q__gte=0, q__lte=1)),
                name="a_false_alarm_has_a_probability",
            ),
            models.CheckConstraint(
                condition=Q(low=None) | Q(high=None) | Q(low__lte=F("high")), name="a_measure_has_its_interval_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} of {self.worker}: {self.value}"


class ControlMeasure(models.Model):
    """Answers of workers on a control: an image whose answer for a label is expected.

    `difficulty` is the share of answers that failed it; `discrimination` the correlation of passing it with the
    agreement of the worker with others, null if there is none. `n_good` and `n_good_passed` count the answers of the
    better half of the workers, by that agreement.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    expected = models.BooleanField()
    n = models.PositiveIntegerField()
    n_passed = models.PositiveIntegerField()
    n_good = models.PositiveIntegerField()
    n_good_passed = models.PositiveIntegerField()
    difficulty = models.FloatField()
    discrimination = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "image", "label"], name="one_measure_of_a_control"),
            models.CheckConstraint(
                condition=Q(n__gte=1, n_passed__lte=F("n"), n_good__lte=F("n"), n_good_passed__lte=F("n_good")),
                name="a_control_is_passed_at_most_as_often_as_shown",
            ),
        ]

    def __str__(self) -> str:
        return f"control {self.image} for {self.label}: {self.n_passed}/{self.n}"


class ControlChoice(models.Model):
    """The choice to use an image as a control for a label, or not to: the site switches off, only people switch on.

    A row without `ended_at` stands. What is switched off is left out of the measures and of grids to come.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    in_use = models.BooleanField()
    expected = models.BooleanField()
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "image", "label"],
                condition=Q(ended_at=None),
                name="one_standing_choice_per_control",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="choice_of_a_control_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.image} for {self.label}: {'in use' if self.in_use else 'switched off'}"


class QualityRule(models.Model):
    """A rule of a study: if a worker's measure meets the condition, an action follows.

    A change makes a new row and replaces the old one, so that every decision keeps the rule as it was.
    """

    class Condition(models.TextChoices):
        BELOW = "below", gettext_lazy("surely below")  # the whole interval
        ABOVE = "above", gettext_lazy("surely above")  # the whole interval
        FLAGGED = "flagged", gettext_lazy("flagged, with a false-alarm probability of at most")

    class Action(models.TextChoices):
        WARN = "warn", gettext_lazy("warn on the page")
        ASSIGN_NO_MORE = "assign_no_more", gettext_lazy("assign no more work")
        EXCLUDE = "exclude", gettext_lazy("exclude their work, and assign no more")
        ASK_A_PERSON = "ask_a_person", gettext_lazy("ask a person")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="quality_rules", db_index=False)
    measure = models.CharField(max_length=40)
    condition = models.CharField(max_length=10, choices=Condition)
    threshold = models.FloatField()
    fewest = models.PositiveIntegerField()
    action = models.CharField(max_length=20, choices=Action)
    is_on = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "measure", "condition", "action"],
                condition=Q(replaced_at=None),
                name="one_rule_per_measure_condition_and_action",
            ),
            models.CheckConstraint(
                condition=Q(condition__in=["below", "above", "flagged"]), name="condition_of_a_rule_is_known"
            ),
            models.CheckConstraint(
                condition=Q(action__in=["warn", "assign_no_more", "exclude", "ask_a_person"]),
                name="action_of_a_rule_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(measure="") & Q(fewest__gte=1), name="a_rule_needs_a_measure_and_observations"
            ),
            models.CheckConstraint(
                condition=~Q(condition="flagged") | Q(threshold__gt=0, threshold__lte=0.1),
                name="a_flag_needs_a_small_probability",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.condition} {self.threshold}: {self.action}"


class RuleDecision(models.Model):
    """The action of a rule on a worker, for a reason, until it is lifted.

    `step` marks the exclusions that follow from it. Of a question to a person, `confirmed_at` is the answer yes.
    `is_reversed`: a person took it back, and no rule of the same measure and action decides again.
    """

    rule = models.ForeignKey(QualityRule, on_delete=models.PROTECT, related_name="decisions")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    step = models.CharField(max_length=32, blank=True, default="", editable=False)
    created_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    is_reversed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "worker"], condition=Q(lifted_at=None), name="one_standing_decision_per_rule_and_worker"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="decision_of_a_rule_has_a_reason"),
            models.CheckConstraint(
                condition=Q(is_reversed=False) | Q(lifted_at__isnull=False), name="what_is_reversed_is_lifted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} on {self.worker}"
