"""What a form page may send."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from workforce.pages import KEY

FOREIGN = "A chosen label is not on this form. Nothing was stored; reload the page and choose again."
BROKEN = "The page's key is missing or broken. Nothing was stored; reload the page and try again."


class FormAnswer(forms.Form):
    """Chosen labels and the main one, as class indexes of this form only.

    What they must make together, the action checks.
    """

    key = forms.RegexField(KEY, error_messages={"required": BROKEN, "invalid": BROKEN})
    selected = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": FOREIGN, "invalid_list": FOREIGN}
    )
    main = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, error_messages={"invalid_choice": FOREIGN}
    )

    def __init__(self, sent: Mapping[str, Any], labels: Sequence[int]) -> None:
        super().__init__(sent)
        choices = [(index, index) for index in labels]
        for field in (self.fields["selected"], self.fields["main"]):
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def problem(self) -> str:
        return str(next(iter(self.errors.values()))[0])

    def ticked(self) -> set[str]:
        return {str(value) for value in self["selected"].value() or []}

    def marked_main(self) -> str:
        return str(self["main"].value() or "")
