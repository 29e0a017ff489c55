"""What a researcher tells people before they begin, and why an answer is not to count."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import CharField

from studies.exclusions.actions import LONGEST_REASON
from workforce.models import Introduction

LINES = {"consent": 8, "purpose": 3, "warning": 2}


def longest(name: str) -> int:
    field = Introduction._meta.get_field(name)
    assert isinstance(field, CharField) and field.max_length is not None
    return field.max_length


def words(name: str, label: str, help_text: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": LINES[name]}) if name in LINES else forms.TextInput()
    return forms.CharField(label=label, required=False, max_length=longest(name), widget=widget, help_text=help_text)


class IntroductionForm(forms.Form):
    """Nothing is required: what is empty is not shown."""

    requester_name = words("requester_name", "Who asks", "Your group, institute or firm, as people know it.")
    contact = words("contact", "Contact", "A mail or web address. Whoever's work is refused reads it too, to object.")
    purpose = words("purpose", "What the answers are for", "In plain words, such as: to train and to test networks.")
    minutes_needed = forms.IntegerField(
        label="Minutes that one HIT takes",
        required=False,
        min_value=1,
        max_value=600,
        help_text="Rather too many than too few.",
    )
    warning = words("warning", "Warning", "Of what photographs may show. It comes first, before any photograph.")
    consent = words("consent", "Consent", "What people agree to by taking part, as your review board has it.")

    def clean_contact(self) -> str:
        contact: str = self.cleaned_data["contact"]
        if not contact.isprintable():
            raise ValidationError("Write the contact in one line, without special characters.")
        if contact and not Introduction(contact=contact).contact_link:
            raise ValidationError("Write a mail address, or a web address that begins with https://.")
        return contact

    def told(self) -> dict[str, Any]:
        """As `introduce` takes it; browsers send other ends of lines."""
        return {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in self.cleaned_data.items()
        }


class ExclusionForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=LONGEST_REASON, help_text="It is kept with the answer.")


class ReadmissionForm(forms.Form):
    """Nothing to fill in."""
