"""Forms that create tokens."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy, ngettext

from access.permissions.reads import May
from api.models import ApiToken, Scope
from catalog.models import Dataset
from catalog.reads import now

DAYS = (30, 90, 180, 365)
USUAL_DAYS = 90
ALL_STUDIES = "all"


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

    study = forms.ChoiceField(label=gettext_lazy("Study"))
    field_order = ("name", "study")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        study = self.fields["study"]
        assert isinstance(study, forms.ChoiceField)
        # Nothing is chosen at first: a key to all studies must not be a slip.
        names = Dataset.objects.order_by("name").values_list("pk", "name")
        study.choices = [("", gettext("choose")), (ALL_STUDIES, gettext("all studies")), *names]

    def values(self) -> dict[str, Any]:
        study = self.cleaned_data["study"]
        dataset = None if study == ALL_STUDIES else Dataset.objects.get(pk=study)
        return super().values() | {"dataset": dataset}
