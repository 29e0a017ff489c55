"""Verdicts of reviewers: rows that are added and never changed, but for `counted`; the last one counts."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Image, Label
from review_task.models.reviews import ClassPage, Item
from workforce.models import Submission, Worker


class VerdictValue(models.TextChoices):
    CORRECT = "correct"
    WRONG = "wrong"
    UNCLEAR = "unclear"
    DONT_KNOW = "dontknow"
    UNREVIEWED = "unreviewed"  # taken back


class MistakeCategory(models.TextChoices):
    """The kinds of mistakes of Vasudevan et al. 2022."""

    FINE_GRAINED = "Fine-grained error"
    FINE_GRAINED_OOV = "Fine-grained error with OOV"
    FINE_GRAINED_MULTILABEL = "Fine-grained with Multilabel Options"
    SPURIOUS = "Spurious Correlation"
    NON_PROTOTYPICAL = "Non-prototypical"
    OTHER = "Other"


class Severity(models.TextChoices):
    MAJOR = "Major"
    MINOR = "Minor"
    BORDERLINE = "Borderline"


class Verdict(models.Model):
    """A reviewer's verdict on an item, under the submission by which they took part in its page.

    `image` is the item's. A mistake (verdict wrong) of a review of mistakes has a category and a severity.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="verdicts")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="verdicts")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, default="question", db_default="question")
    verdict = models.CharField(max_length=10, choices=VerdictValue)
    category = models.CharField(max_length=60, blank=True, default="", db_default="")
    severity = models.CharField(max_length=20, blank=True, default="", db_default="")
    # Whether it goes back to the verdict before: undoing again then goes one further back.
    takes_back = models.BooleanField(default=False, db_default=False)
    counted = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["correct", "wrong", "unclear", "dontknow", "unreviewed"]),
                name="verdict_is_known",
            ),
            models.CheckConstraint(condition=Q(role="question"), name="verdict_role_is_question"),
            models.CheckConstraint(
                condition=Q(category="", severity="") | (Q(verdict="wrong") & ~Q(category="") & ~Q(severity="")),
                name="only_a_mistake_has_category_and_severity",
            ),
            models.UniqueConstraint(
                fields=["item", "worker"], condition=Q(counted=True), name="one_counted_verdict_per_reviewer_and_item"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.item}"


class ProblemMark(models.Model):
    """A reviewer's mark of an image as problematic, with the reason; `is_set` is False where it is taken back.

    `reason` is one of the published ones (TFDS, imagenet2012_multilabel) or of the study's own. The last mark of a
    reviewer on an image counts.
    """

    class Reason(models.TextChoices):
        LABEL = "label"  # the dataset's label is incorrect or unclear
        DRAWING = "drawing"  # a drawing, painting, sketch, cartoon or render
        EDITED = "edited"  # excessively edited
        INAPPROPRIATE = "inappropriate"

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="problem_marks")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    page = models.ForeignKey(ClassPage, on_delete=models.PROTECT, related_name="problem_marks")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=100)
    is_set = models.BooleanField()
    counted = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="problem_mark_has_a_reason"),
            models.UniqueConstraint(
                fields=["page", "image", "worker"],
                condition=Q(counted=True),
                name="one_counted_problem_mark_per_reviewer_and_image",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {self.reason}"


class FurtherLabel(models.Model):
    """A label that a reviewer adds to an image: one of the set that nobody predicted, or words outside the set."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="further_labels")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    page = models.ForeignKey(ClassPage, on_delete=models.PROTECT, related_name="further_labels")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    words = models.CharField(max_length=200, blank=True)
    is_set = models.BooleanField()
    counted = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(label__isnull=False, words="") | (Q(label=None) & ~Q(words="")),
                name="further_label_is_of_the_set_or_in_words",
            ),
            models.UniqueConstraint(
                fields=["page", "image", "worker", "label", "words"],
                condition=Q(counted=True),
                nulls_distinct=False,
                name="one_counted_further_label",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.words} of {self.image}"


class Comment(models.Model):
    """Words on an item that is in consensus, for the other reviewers."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="comments")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+")
    words = models.CharField(max_length=2000)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(words=""), name="comment_has_words")]

    def __str__(self) -> str:
        return f"comment on {self.item}"


class ConsensusVerdict(models.Model):
    """The verdict on which reviewers settle who disagreed. The last of an item counts; `unreviewed` opens it again."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="consensus_verdicts")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=VerdictValue)
    category = models.CharField(max_length=60, blank=True, default="", db_default="")
    severity = models.CharField(max_length=20, blank=True, default="", db_default="")
    is_last = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["correct", "wrong", "unclear", "unreviewed"]),
                name="consensus_verdict_is_known",
            ),
            models.UniqueConstraint(
                fields=["item"], condition=Q(is_last=True), name="one_last_consensus_verdict_per_item"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.item}"
