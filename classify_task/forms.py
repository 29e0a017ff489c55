"""Validation of the fields that a form page sends."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from classify_task.actions import FOREIGN_LABEL, InvalidAnswer
from workforce.pages import KEY

BROKEN = gettext_lazy("This page is out of date. Nothing was saved. Reload the page and try again.")


class FormAnswer(forms.Form):
    """Selected labels and the main label, as class indexes on this form; `unloaded` has the handle of the photograph
    if its worker says that it did not load.

    The action checks the combination of labels.
    """

    key = forms.RegexField(KEY, error_messages={"required": BROKEN, "invalid": BROKEN})
    selected = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": FOREIGN_LABEL, "invalid_list": FOREIGN_LABEL}
    )
    main = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, error_messages={"invalid_choice": FOREIGN_LABEL}
    )

    unloaded = forms.MultipleChoiceField(
        required=False, error_messages={"invalid_choice": BROKEN, "invalid_list": BROKEN}
    )

    def __init__(self, fields: Mapping[str, Any], *, labels: Sequence[int], handle: str) -> None:
        super().__init__(fields)
        indexes = [(index, index) for index in labels]
        for name, choices in (("selected", indexes), ("main", indexes), ("unloaded", [(handle, handle)])):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def problem(self) -> InvalidAnswer:
        """Return the first error, with the group of fields where it is."""
        group, messages = next(iter(self.errors.items()))
        return InvalidAnswer(str(messages[0]), group="main" if group == "main" else "selected")

    def selection(self) -> set[str]:
        return {str(value) for value in self["selected"].value() or []}

    def says_unloaded(self) -> bool:
        return bool(self["unloaded"].value())

    def marked_main(self) -> str:
        return str(self["main"].value() or "")
