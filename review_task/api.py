"""Rows and filters of verdicts in the REST interface."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from numerics.verdicts import STATES as STATES_OF_LABELS
from review_task.models import Item, Review, VerdictValue
from workforce.models import Submission

WITH_NAMES = gettext_lazy("Only with names=1.")
STATES = [*Submission.State.values, "excluded"]


class VerdictRow(serializers.Serializer):
    """A reviewer's verdict on a label that was said of an image. Superseded verdicts stay, and do not count."""

    image = serializers.CharField(help_text=gettext_lazy("Name of the image at import."))
    dataset_label = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Class index of the image's dataset label.")
    )
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        help_text=gettext_lazy("Class index of the label that was judged.")
    )
    verdict = serializers.ChoiceField(
        choices=VerdictValue.values, help_text=gettext_lazy("unreviewed: the verdict was taken back.")
    )
    category = serializers.CharField(help_text=gettext_lazy("Of a mistake, in a review of mistakes; else empty."))
    severity = serializers.CharField(help_text=gettext_lazy("Of a mistake, in a review of mistakes; else empty."))
    n_models = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Classifiers that rank the label first. Null in an open blind review.")
    )
    origin = serializers.ChoiceField(
        choices=Item.Origin.values,
        allow_blank=True,
        help_text=gettext_lazy("Where the label is from. Empty in an open blind review."),
    )
    counted = serializers.BooleanField(help_text=gettext_lazy("Whether it is the reviewer's last one, not excluded."))
    review = serializers.IntegerField(help_text=gettext_lazy("Number of the review."))
    item = serializers.CharField(help_text=gettext_lazy("Opaque ID of the image and label in the review."))
    worker = serializers.CharField(help_text=gettext_lazy("Pseudonym of the reviewer, different in every dataset."))
    role = serializers.ChoiceField(choices=["question"])
    state = serializers.ChoiceField(choices=STATES, help_text=gettext_lazy("Only confirmed answers count."))
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField(help_text=gettext_lazy("Settings version of the answer."))
    submission = serializers.IntegerField(help_text=gettext_lazy("Number of the submission, to exclude it."))
    label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    label_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)


class VerdictFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text=gettext_lazy("Only this image."))
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        required=False, min_value=0, source="item__label__index", help_text=gettext_lazy("Only this class index.")
    )
    review = serializers.IntegerField(
        required=False, min_value=0, source="item__page__review", help_text=gettext_lazy("Only this review.")
    )


class LabelSetRow(serializers.Serializer):
    """A label that was said of an image, with the state that a review gives it."""

    review = serializers.IntegerField(help_text=gettext_lazy("Number of the review."))
    title = serializers.CharField(help_text=gettext_lazy("Title of the review."))
    stage = serializers.ChoiceField(choices=Review.Stage.values)
    image = serializers.CharField(help_text=gettext_lazy("Name of the image at import."))
    dataset_label = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Class index of the image's dataset label.")
    )
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        help_text=gettext_lazy("Class index of the label that was judged.")
    )
    state = serializers.ChoiceField(
        choices=STATES_OF_LABELS, help_text=gettext_lazy("disputed: reviewers differ, and have not settled it yet.")
    )
    initial_state = serializers.ChoiceField(
        choices=STATES_OF_LABELS, help_text=gettext_lazy("The state before the consensus.")
    )
    n_models = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Classifiers that rank the label first. Null in an open blind review.")
    )
    n_correct = serializers.IntegerField(help_text=gettext_lazy("Reviewers who say correct."))
    n_wrong = serializers.IntegerField(help_text=gettext_lazy("Reviewers who say wrong."))
    n_unclear = serializers.IntegerField(help_text=gettext_lazy("Reviewers who say unclear."))
    n_dont_know = serializers.IntegerField(help_text=gettext_lazy("Reviewers who do not know."))
    settled = serializers.CharField(help_text=gettext_lazy("The consensus; empty without one."))
    problematic = serializers.BooleanField(
        help_text=gettext_lazy("Whether half of the reviewers or more mark the image as problematic.")
    )
    reasons = serializers.ListField(child=serializers.CharField(), help_text=gettext_lazy("Why it is problematic."))
    label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    label_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)


class LabelSetFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text=gettext_lazy("Only this image."))
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        required=False, min_value=0, source="label__index", help_text=gettext_lazy("Only this class index.")
    )
    review = serializers.IntegerField(
        required=False, min_value=0, source="page__review", help_text=gettext_lazy("Only this review.")
    )
