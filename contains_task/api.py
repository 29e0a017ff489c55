"""Rows and filters of CONTAINS votes in the REST interface."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from contains_task.models import Role
from workforce.models import Submission

WITH_NAMES = gettext_lazy("Only with names=1.")
STATES = [*Submission.State.values, "excluded"]


class ContainsVoteRow(serializers.Serializer):
    """One worker's answer on one image of a grid, selected or not."""

    image = serializers.CharField(help_text=gettext_lazy("Name of the image at import."))
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        help_text=gettext_lazy("Class index in the question.")
    )
    rater = serializers.CharField(help_text=gettext_lazy("The same as worker, under the name in the released files."))
    answer = serializers.ChoiceField(choices=["yes", "maybe", "no"], help_text=gettext_lazy("yes: selected."))
    worker = serializers.CharField(help_text=gettext_lazy("Pseudonym of the worker, different in every dataset."))
    role = serializers.ChoiceField(choices=Role.values, help_text=gettext_lazy("Only questions count."))
    state = serializers.ChoiceField(choices=STATES, help_text=gettext_lazy("Only confirmed answers count."))
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField(help_text=gettext_lazy("Settings version of the answer."))
    dataset_label = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Class index of the image's dataset label.")
    )
    submission = serializers.IntegerField(help_text=gettext_lazy("Number of the submission, to exclude it."))
    place = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Place on the page, from 0."))
    seen_ms = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Milliseconds in which the photograph was in view.")
    )
    marks = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text=gettext_lazy("Changes: milliseconds since the page opened, then the answer (0 no, 1 yes, 2 maybe)."),
    )
    active_ms = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Milliseconds of work on the page."))
    open_ms = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Milliseconds since the page opened."))
    input = serializers.CharField(allow_null=True, help_text=gettext_lazy("Touch, mouse, keyboard or pen."))
    viewport = serializers.CharField(allow_null=True, help_text=gettext_lazy("Width, height and pixel density."))
    browser = serializers.CharField(allow_null=True, help_text=gettext_lazy("Browser, its build, and the system."))
    language = serializers.CharField(allow_null=True, help_text=gettext_lazy("Language of the page."))
    instructions = serializers.CharField(allow_null=True, help_text=gettext_lazy("Version of the instructions."))
    consent = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Version of the consent text."))
    label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    label_words = serializers.CharField(required=False, help_text=WITH_NAMES)
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)


class ContainsVoteFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text=gettext_lazy("Only this image."))
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        required=False, min_value=0, source="label__index", help_text=gettext_lazy("Only this class index.")
    )
