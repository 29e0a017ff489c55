"""Validation of the fields that a grid page sends."""

from collections.abc import Container, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from workforce.pages import KEY

BROKEN = gettext_lazy("This page is out of date. Nothing was saved. Reload the page and try again.")
FOREIGN_IMAGE = gettext_lazy(
    "%(value)s does not belong to this task. Nothing was saved. Reload the page and try again."
)

NOTHING_SELECTED = gettext_lazy("You selected no photograph")
IF_NONE = gettext_lazy("Nothing was saved. If no photograph matches, submit again and confirm it.")


class Selection(forms.MultipleChoiceField):
    """Handles of the page's cells, found by look-up: choices would be searched one by one for every value."""

    handles: Container[str] = ()

    def valid_value(self, value: str) -> bool:
        return value in self.handles


class GridAnswer(forms.Form):
    """Selected cells of this grid, and those with a third answer if it is three-way.

    An empty selection is an answer too, once the person confirmed it.
    """

    key = forms.RegexField(KEY, error_messages={"required": BROKEN, "invalid": BROKEN})
    selected = Selection(required=False, error_messages={"invalid_choice": FOREIGN_IMAGE})
    # The third answer, of a page that offers it.
    maybe = Selection(required=False, error_messages={"invalid_choice": FOREIGN_IMAGE})
    none = forms.CharField(required=False)

    def __init__(self, fields: Mapping[str, Any], handles: Container[str], *, with_maybe: bool = False) -> None:
        super().__init__(fields)
        for name, allowed in (("selected", handles), ("maybe", handles if with_maybe else ())):
            selection = self.fields[name]
            assert isinstance(selection, Selection)
            selection.handles = allowed

    def is_unconfirmed(self) -> bool:
        """Return whether nothing is selected or maybe, and nobody said that this is meant."""
        selected, maybe, none = (self.cleaned_data[name] for name in ("selected", "maybe", "none"))
        return not selected and not maybe and none != "yes"

    def problem(self) -> str:
        return str(next(iter(self.errors.values()))[0])
