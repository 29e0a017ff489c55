"""Forms of decisions about a worker."""

from django import forms
from django.utils.translation import gettext_lazy

from studies.exclusions.actions import LONGEST_REASON, OF_THE_PERSON


class WorkerExclusionForm(forms.Form):
    """The reason to exclude all work of a worker."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON - len(OF_THE_PERSON),
        help_text=gettext_lazy("It is stored with every submission. The worker does not see it."),
    )


class WorkerReadmissionForm(forms.Form):
    """A form without fields: readmitting needs no reason."""
