"""Forms for the study's introduction and for excluding submissions."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import CharField
from django.utils.translation import gettext, gettext_lazy

from studies.exclusions.actions import LONGEST_REASON, OF_THE_NETWORK
from workforce.models import Introduction

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

LINES = {"consent": 8, "purpose": 3, "warning": 2}


def longest(name: str) -> int:
    """Return the longest text that the model field of this name stores."""
    field = Introduction._meta.get_field(name)
    assert isinstance(field, CharField) and field.max_length is not None
    return field.max_length


def text_field(name: str, label: "StrPromise", help_text: "StrPromise") -> forms.CharField:
    """Return an optional field for a text of the model."""
    widget = forms.Textarea(attrs={"rows": LINES[name]}) if name in LINES else forms.TextInput()
    return forms.CharField(label=label, required=False, max_length=longest(name), widget=widget, help_text=help_text)


class IntroductionForm(forms.Form):
    """The study's introduction. Nothing is required, as pages leave out empty fields."""

    requester_name = text_field(
        "requester_name",
        gettext_lazy("Researchers"),
        gettext_lazy("Your group, institute or company, as workers know it."),
    )
    contact = text_field(
        "contact",
        gettext_lazy("Contact"),
        gettext_lazy("An email or web address. Workers whose work is rejected see it too, so that they can object."),
    )
    purpose = text_field(
        "purpose",
        gettext_lazy("Purpose"),
        gettext_lazy("The use of the answers, in plain words, such as: to train and test image classifiers."),
    )
    pay = text_field(
        "pay",
        gettext_lazy("Pay"),
        gettext_lazy("For people who come by a link, such as: £0.60 for each task. A marketplace shows its reward."),
    )
    minutes_needed = forms.IntegerField(
        label=gettext_lazy("Minutes per HIT"),
        required=False,
        min_value=1,
        max_value=600,
        help_text=gettext_lazy("Estimate generously."),
    )
    warning = text_field(
        "warning",
        gettext_lazy("Content warning"),
        gettext_lazy("Anything upsetting that the photographs may show. Workers see it before any photograph."),
    )
    consent = text_field(
        "consent",
        gettext_lazy("Consent"),
        gettext_lazy(
            "The statement that workers agree to by taking part, as approved by your review board. If you change it, "
            "everybody is asked again before their next task."
        ),
    )
    trace = forms.BooleanField(
        label=gettext_lazy("Ask workers for a coarse trace"),
        required=False,
        help_text=gettext_lazy(
            "Where the pointer is and how far the page is scrolled, at most once a second. Only workers who check an "
            "extra box are traced. Say in the consent statement what it is for."
        ),
    )

    def clean_contact(self) -> str:
        contact: str = self.cleaned_data["contact"]
        if not contact.isprintable():
            raise ValidationError(gettext("Enter the contact on one line, without special characters."))
        if contact and not Introduction(contact=contact).contact_link:
            raise ValidationError(gettext("Enter an email address, or a web address that begins with https://."))
        return contact

    def values(self) -> dict[str, Any]:
        """Return the fields as `introduce` takes them, with the line ends of browsers made plain."""
        return {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in self.cleaned_data.items()
        }


class ExclusionForm(forms.Form):
    """The reason for an exclusion."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("It is stored with the submission."),
    )


class ReadmissionForm(forms.Form):
    """A form without fields: readmitting needs no reason."""


class NetworkForm(forms.Form):
    """Work whose network is in question."""

    of = forms.CharField(
        label=gettext_lazy("Submission or worker"),
        max_length=40,
        help_text=gettext_lazy("The number of a submission, or a worker's pseudonym, as in the files of votes."),
    )


class NetworkExclusionForm(forms.Form):
    """The reason to exclude all work from a network."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON - len(OF_THE_NETWORK),
        help_text=gettext_lazy("It is stored with every submission."),
    )


class LinksForm(forms.Form):
    """The IDs of a researcher's own participants."""

    ids = forms.CharField(
        label=gettext_lazy("IDs, one on each line"),
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy("Use IDs that are not names. Each participant needs a different one."),
    )
