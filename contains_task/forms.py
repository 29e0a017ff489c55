"""What a grid page may send."""

from collections.abc import Container, Mapping
from typing import Any

from django import forms

from workforce.pages import KEY


class Ticks(forms.MultipleChoiceField):
    """Of what is shown, which is looked up: choices would be gone through one by one for every tick."""

    shown: Container[str] = ()

    def valid_value(self, value: str) -> bool:
        return value in self.shown


class GridAnswer(forms.Form):
    """Ticked cells, of this grid only. None ticked is an answer too."""

    key = forms.RegexField(
        KEY, error_messages={"required": "The page's key is missing.", "invalid": "The page's key is broken."}
    )
    selected = Ticks(required=False, error_messages={"invalid_choice": "%(value)s is not an image of this grid."})

    def __init__(self, sent: Mapping[str, Any], shown: Container[str]) -> None:
        super().__init__(sent)
        ticks = self.fields["selected"]
        assert isinstance(ticks, Ticks)
        ticks.shown = shown

    def problem(self) -> str:
        first = next(iter(self.errors.values()))[0]
        return f"{first} Nothing was stored; reload the page and try again."
