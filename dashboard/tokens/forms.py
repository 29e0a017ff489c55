"""Forms that create tokens."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, ngettext

from access.permissions.reads import May
from api.models import ApiToken, Scope
from catalog.models import Dataset
from catalog.reads import now

DAYS = (30, 90, 180, 365)
USUAL_DAYS = 90


def in_days(n: int) -> str:
    return ngettext("%(n)s day", "%(n)s days", n) % {"n": n}


class TokenForm(forms.Form):
    """The name, scopes and days of validity of a token. Its author can read all scopes that are offered."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=ApiToken._meta.get_field("name").max_length,
        help_text=gettext_lazy("The program or person that will use it."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May read"),
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.ANNOTATIONS],
        error_messages={"required": gettext_lazy("Choose at least one.")},
        help_text=gettext_lazy("Annotations include selection frequencies. Votes have pseudonyms of workers."),
    )
    days = forms.TypedChoiceField(label=gettext_lazy("Valid for"), coerce=int, initial=USUAL_DAYS)

    def __init__(self, *args: Any, may: frozenset[May], **options: Any) -> None:
        super().__init__(*args, **options)
        scopes, days = self.fields["scopes"], self.fields["days"]
        assert isinstance(scopes, forms.ChoiceField) and isinstance(days, forms.ChoiceField)
        scopes.choices = [(scope.value, scope.label) for scope in Scope if May(scope.value) in may]
        days.choices = [(n, in_days(n)) for n in DAYS]

    def values(self) -> dict[str, Any]:
        """Return the fields as `create_token` takes them."""
        cleaned = self.cleaned_data
        expires_at = now() + timedelta(days=cleaned["days"])
        return {"name": cleaned["name"], "scopes": cleaned["scopes"], "expires_at": expires_at}


class SiteTokenForm(TokenForm):
    """A token for one study, or for all of them."""

    dataset = forms.ModelChoiceField(
        Dataset.objects.order_by("name"),
        label=gettext_lazy("Study"),
        required=False,
        empty_label=gettext_lazy("all studies"),
    )
    field_order = ("name", "dataset")

    def values(self) -> dict[str, Any]:
        return super().values() | {"dataset": self.cleaned_data["dataset"]}
