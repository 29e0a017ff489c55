"""What a grid page may send."""

from collections.abc import Iterable, Mapping

from django import forms

from workforce.pages import KEY


class GridAnswer(forms.Form):
    """Ticked cells, of this grid only. None ticked is an answer too."""

    key = forms.RegexField(
        KEY, error_messages={"required": "The page's key is missing.", "invalid": "The page's key is broken."}
    )
    selected = forms.MultipleChoiceField(
        required=False, error_messages={"invalid_choice": "%(value)s is not an image of this grid."}
    )

    def __init__(self, sent: Mapping, shown: Iterable[str]) -> None:
        super().__init__(sent)
        self.fields["selected"].choices = [(public_id, public_id) for public_id in shown]

    def problem(self) -> str:
        first = next(iter(self.errors.values()))[0]
        return f"{first} Nothing was stored; reload the page and try again."
