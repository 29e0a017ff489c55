"""Forms of decisions about a worker."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from catalog.models import Dataset
from dashboard.workers.table import BatchField
from studies.exclusions.actions import LONGEST_REASON, OF_THE_PERSON
from workforce.links.reads import LONGEST_ID
from workforce.models import Batch


class WorkerExclusionForm(forms.Form):
    """The reason to exclude all work of a worker."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON - len(OF_THE_PERSON),
        help_text=gettext_lazy("It is stored with every submission. The worker does not see it."),
    )
    stop = forms.BooleanField(
        label=gettext_lazy("Assign this worker no more work of this study"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Otherwise their next answers count."),
    )


class WorkerReadmissionForm(forms.Form):
    """A form without fields: readmitting needs no reason."""


class LookUpForm(forms.Form):
    """An ID of a platform."""

    id = forms.CharField(
        label=gettext_lazy("ID on the platform"),
        max_length=LONGEST_ID,
        help_text=gettext_lazy("Of a participant or worker, or of a session, such as a submission ID of Prolific."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class WithdrawalForm(forms.Form):
    """The people who withdraw, and the reason."""

    ids = forms.CharField(
        label=gettext_lazy("IDs on the platform, one on each line"),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "off"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON - len(OF_THE_PERSON),
        initial=gettext_lazy("Consent withdrawn"),
        help_text=gettext_lazy("It is stored with every submission. Do not write the ID here."),
    )


class RecruitmentForm(forms.Form):
    """A platform's file of submissions, and the batch that its participants worked on."""

    batch = BatchField(label=gettext_lazy("Batch"), queryset=Batch.objects.none(), empty_label=None)
    file = forms.FileField(
        label=gettext_lazy("Submissions"),
        help_text=gettext_lazy("The CSV file that Prolific exports for one study. It is read and not stored."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def __init__(self, *arguments: Any, dataset: Dataset) -> None:
        super().__init__(*arguments)
        field = self.fields["batch"]
        assert isinstance(field, BatchField)
        of_links = Batch.objects.filter(dataset=dataset, marketplace=Batch.Marketplace.LINK)
        field.queryset = of_links.select_related("dataset").order_by("-pk")
