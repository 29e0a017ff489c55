"""CLASSIFY: all labels, one per distinct object, and the main one. (Tsipras et al. 2020, section 3.2)"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import BooleanField, Func, Q

from catalog.models import Image
from workforce.models import HIT, Submission, Worker


class Role(models.TextChoices):
    QUESTION = "question"
    CONTROL = "control"
    REPEAT = "repeat"


def has_distinct_elements(column: str) -> Func:
    """A check that an int[] column repeats nothing; the SQL function comes with the first migration."""
    return Func(column, function="has_distinct_elements", output_field=BooleanField())


class Form(models.Model):
    """One image with the class indexes of its candidate labels, ascending."""

    hit = models.OneToOneField(HIT, on_delete=models.PROTECT, related_name="form")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="forms")
    labels = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            # 12: what the partition search can place exactly (numerics.partition).
            models.CheckConstraint(
                condition=Q(labels__len__gte=1, labels__len__lte=12), name="form_offers_1_to_12_labels"
            ),
            models.CheckConstraint(condition=has_distinct_elements("labels"), name="form_offers_a_label_once"),
        ]

    def __str__(self) -> str:
        return f"form for {self.image}"


class ClassifyVote(models.Model):
    """One person's answer to a form. `counted` and `surplus` as in contains_task."""

    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="classify_vote")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+", db_index=False)
    selected = ArrayField(models.PositiveIntegerField())
    main = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=Role)
    counted = models.BooleanField()
    surplus = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "worker"],
                condition=Q(counted=True),
                name="one_counted_classify_vote_per_worker_and_image",
            ),
            models.CheckConstraint(condition=Q(selected__len__gte=1), name="at_least_one_label_is_selected"),
            models.CheckConstraint(condition=has_distinct_elements("selected"), name="a_label_is_selected_once"),
            models.CheckConstraint(
                condition=Func(
                    "main",
                    "selected",
                    arg_joiner=" = ANY(",
                    output_field=BooleanField(),
                    template="(%(expressions)s))",
                ),
                name="main_label_is_among_the_selected",
            ),
            models.CheckConstraint(
                condition=Q(counted=False) | Q(role="question"), name="only_a_question_counts_in_classify"
            ),
            models.CheckConstraint(
                condition=Q(surplus=False) | Q(role="question", counted=False),
                name="surplus_does_not_count_in_classify",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["question", "control", "repeat"]), name="classify_role_is_known"
            ),
        ]
        indexes = [models.Index(fields=["image", "submission"], name="classify_votes_of_an_image")]

    def __str__(self) -> str:
        return f"{self.image}: {self.selected}, main {self.main}"
