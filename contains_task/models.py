"""CONTAINS: which of these images contain an X? (Tsipras et al. 2020, section 2)"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.models import Image, Label
from workforce.models import HIT, Submission, Worker


class Role(models.TextChoices):
    QUESTION = "question"
    CONTROL = "control"
    PADDING = "padding"
    REPEAT = "repeat"


class Grid(models.Model):
    hit = models.OneToOneField(HIT, on_delete=models.PROTECT, related_name="grid")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"grid for {self.label}"


class GridCell(models.Model):
    grid = models.ForeignKey(Grid, on_delete=models.PROTECT, related_name="cells", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=10, choices=Role, default=Role.QUESTION)
    # Of a control: whether it shows the class; null for a replayed control. The worker's answer is in the vote.
    expected = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role="control") | Q(expected__isnull=True), name="only_a_control_has_an_expected_answer"
            ),
            models.UniqueConstraint(fields=["grid", "position"], name="cell_position_once_per_grid"),
            models.UniqueConstraint(fields=["grid", "image"], name="image_once_per_grid"),
            models.CheckConstraint(
                condition=Q(role__in=["question", "control", "padding", "repeat"]), name="cell_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"cell {self.position} of {self.grid}"


class ContainsVote(models.Model):
    """One worker's answer on one image of a grid; an unselected image has a row too.

    `counted`: part of the selection frequency. It follows from the state of the submission, the role and exclusions,
    and is stored so that a constraint allows one counted vote per worker and pair. `surplus`: it would count, but its
    batch has as many votes on the pair as were asked for without it.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="contains_votes", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    selected = models.BooleanField()
    # The third answer of a batch that offers it; settings say what it counts as.
    maybe = models.BooleanField(default=False, db_default=False)
    # Facts of its page, from the raw answer, so that a row of a file of votes need not look for its image there: the
    # place of the image, milliseconds in view, and the changes of the answer as [milliseconds, answer, …] (0 no, 1 yes,
    # 2 maybe). Null where the page sent none.
    place = models.PositiveSmallIntegerField(null=True)
    seen_ms = models.PositiveIntegerField(null=True)
    marks = ArrayField(models.PositiveIntegerField(), null=True)
    role = models.CharField(max_length=10, choices=Role)
    counted = models.BooleanField()
    surplus = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "image"], name="one_contains_vote_per_cell"),
            models.UniqueConstraint(
                fields=["image", "label", "worker"],
                condition=Q(counted=True),
                name="one_counted_contains_vote_per_worker_and_pair",
            ),
            models.CheckConstraint(
                condition=Q(counted=False) | Q(role="question"), name="only_a_question_counts_in_contains"
            ),
            models.CheckConstraint(
                condition=Q(surplus=False) | Q(role="question", counted=False),
                name="surplus_does_not_count_in_contains",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["question", "control", "padding", "repeat"]), name="contains_role_is_known"
            ),
            models.CheckConstraint(condition=~Q(selected=True, maybe=True), name="a_maybe_is_not_selected"),
        ]
        # For all votes of one image, and for a file of votes in the order of images.
        indexes = [
            models.Index(fields=["image", "label"], name="contains_votes_of_a_pair"),
            models.Index(fields=["image", "label"], condition=Q(maybe=True), name="maybe_votes_of_a_pair"),
            models.Index(fields=["image", "label"], condition=Q(surplus=True), name="surplus_votes_of_a_pair"),
        ]

    def __str__(self) -> str:
        return f"{self.image} contains {self.label}: {self.answer}"

    @property
    def answer(self) -> str:
        return "maybe" if self.maybe else "yes" if self.selected else "no"
