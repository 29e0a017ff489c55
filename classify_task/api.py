"""What the REST interface says about CLASSIFY votes: their rows and what may narrow them."""

from rest_framework import serializers

from classify_task.models import Role
from workforce.models import Submission

WITH_NAMES = "Only with names=1."
STATES = [*Submission.State.values, "excluded"]


class ClassifyVoteRow(serializers.Serializer):
    """One person's answer to a form: a label for each distinct object, and the main one."""

    image = serializers.CharField(help_text="Name under which the image was imported.")
    dataset_label = serializers.IntegerField(allow_null=True, help_text="Class index in the dataset's label set.")
    annotator = serializers.IntegerField(help_text="How many answers to the image came before.")
    main = serializers.IntegerField(help_text="Class index of the main object.")
    selected = serializers.ListField(child=serializers.IntegerField(), help_text="Class indexes, in the order given.")
    worker = serializers.CharField(help_text="Pseudonym of the person, another one in every dataset.")
    role = serializers.ChoiceField(choices=Role.values, help_text="Only questions count.")
    state = serializers.ChoiceField(choices=STATES, help_text="Only confirmed answers count.")
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField(help_text="Under which settings of the study it was given.")
    submission = serializers.IntegerField(help_text="Number of the submission, by which it can be excluded.")
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    main_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    main_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    selected_wnid = serializers.ListField(child=serializers.CharField(), required=False, help_text=WITH_NAMES)
    selected_words = serializers.ListField(child=serializers.CharField(), required=False, help_text=WITH_NAMES)


class ClassifyVoteFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text="Only this image.")
