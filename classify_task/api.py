"""Rows and filters of CLASSIFY votes in the REST interface."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from classify_task.models import Role
from workforce.models import Submission

WITH_NAMES = gettext_lazy("Only with names=1.")
STATES = [*Submission.State.values, "excluded"]


class ClassifyVoteRow(serializers.Serializer):
    """One worker's answer to a form: a label for each distinct object, and the main one."""

    image = serializers.CharField(help_text=gettext_lazy("Name of the image at import."))
    dataset_label = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Class index in the dataset's label set.")
    )
    annotator = serializers.IntegerField(help_text=gettext_lazy("Number of earlier answers to the image."))
    main = serializers.IntegerField(help_text=gettext_lazy("Class index of the main object."))
    selected = serializers.ListField(
        child=serializers.IntegerField(), help_text=gettext_lazy("Selected class indexes, in the order of the answer.")
    )
    worker = serializers.CharField(help_text=gettext_lazy("Pseudonym of the worker, different in every dataset."))
    role = serializers.ChoiceField(choices=Role.values, help_text=gettext_lazy("Only questions count."))
    state = serializers.ChoiceField(choices=STATES, help_text=gettext_lazy("Only confirmed answers count."))
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField(help_text=gettext_lazy("Settings version of the answer."))
    submission = serializers.IntegerField(help_text=gettext_lazy("Number of the submission, to exclude it."))
    shown = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text=gettext_lazy("Class indexes in the order in which the page showed them."),
    )
    seen_ms = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Milliseconds in which the photograph was in view.")
    )
    marks = serializers.ListField(
        child=serializers.ListField(),
        allow_null=True,
        help_text=gettext_lazy("Changes: milliseconds since the page opened, class index or “main”, and the answer."),
    )
    active_ms = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Milliseconds of work on the page."))
    open_ms = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Milliseconds since the page opened."))
    input = serializers.CharField(allow_null=True, help_text=gettext_lazy("Touch, mouse, keyboard or pen."))
    viewport = serializers.CharField(allow_null=True, help_text=gettext_lazy("Width, height and pixel density."))
    browser = serializers.CharField(allow_null=True, help_text=gettext_lazy("Browser, its build, and the system."))
    language = serializers.CharField(allow_null=True, help_text=gettext_lazy("Language of the page."))
    instructions = serializers.CharField(allow_null=True, help_text=gettext_lazy("Version of the instructions."))
    consent = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Version of the consent text."))
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    main_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    main_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    selected_wnid = serializers.ListField(child=serializers.CharField(), required=False, help_text=WITH_NAMES)
    selected_words = serializers.ListField(child=serializers.CharField(), required=False, help_text=WITH_NAMES)


class ClassifyVoteFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text=gettext_lazy("Only this image."))
