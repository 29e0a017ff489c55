"""What the REST interface says about CONTAINS votes: their rows and what may narrow them."""

from rest_framework import serializers

from contains_task.models import Role
from workforce.models import Submission

WITH_NAMES = "Only with names=1."
STATES = [*Submission.State.values, "excluded"]


class ContainsVoteRow(serializers.Serializer):
    """One image as one person saw it in a grid, selected or not."""

    image = serializers.CharField(help_text="Name under which the image was imported.")
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        help_text="Class index that was asked for."
    )
    rater = serializers.CharField(help_text="The same as worker: what the released files call it.")
    answer = serializers.ChoiceField(choices=["yes", "no"], help_text="yes: selected.")
    worker = serializers.CharField(help_text="Pseudonym of the person, another one in every dataset.")
    role = serializers.ChoiceField(choices=Role.values, help_text="Only questions count.")
    state = serializers.ChoiceField(choices=STATES, help_text="Only confirmed answers count.")
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField(help_text="Under which settings of the study it was given.")
    dataset_label = serializers.IntegerField(allow_null=True, help_text="Class index of the image's own label.")
    submission = serializers.IntegerField(help_text="Number of the submission, by which it can be excluded.")
    label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    label_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)


class ContainsVoteFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text="Only this image.")
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        required=False, min_value=0, source="label__index", help_text="Only this class index."
    )
