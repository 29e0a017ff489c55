"""Validation of the fields that a form page sends."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from classify_task.actions import FOREIGN_LABEL
from workforce.pages import KEY

BROKEN = gettext_lazy("This page is out of date. Nothing was saved. Reload the page and try again.")


class FormAnswer(forms.Form):
    """Selected labels and the main label, as class indexes on this form.

    The action checks their combination.
    """

    key = forms.RegexField(KEY, error_messages={"required": BROKEN, "invalid": BROKEN})
    selected = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": FOREIGN_LABEL, "invalid_list": FOREIGN_LABEL}
    )
    main = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, error_messages={"invalid_choice": FOREIGN_LABEL}
    )

    def __init__(self, fields: Mapping[str, Any], labels: Sequence[int]) -> None:
        super().__init__(fields)
        choices = [(index, index) for index in labels]
        for field in (self.fields["selected"], self.fields["main"]):
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def problem(self) -> str:
        return str(next(iter(self.errors.values()))[0])

    def selection(self) -> set[str]:
        return {str(value) for value in self["selected"].value() or []}

    def marked_main(self) -> str:
        return str(self["main"].value() or "")
