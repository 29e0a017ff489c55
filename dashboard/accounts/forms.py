"""Forms of the account's pages."""

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from dashboard.accounts.hashing import hash_of

NEW = {"autocomplete": "new-password"}
LONGEST_PASSWORD = 4096


class NewPasswordForm(forms.Form):
    """A new password, twice. The confirmation of the page has asked for the old one."""

    code_names: frozenset[str] = frozenset()
    new = forms.CharField(
        label=gettext_lazy("New password"),
        help_text=gettext_lazy("At least eight characters, not only digits, and none of the common passwords."),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs=NEW),
    )
    again = forms.CharField(
        label=gettext_lazy("New password, again"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs=NEW),
    )

    def __init__(self, *arguments: Any, user: User, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.user = user

    def clean_new(self) -> str:
        validate_password(self.cleaned_data["new"], self.user)
        return str(self.cleaned_data["new"])

    def clean(self) -> None:
        if "new" in self.cleaned_data and self.cleaned_data["new"] != self.cleaned_data.get("again"):
            self.add_error("again", gettext("The two new passwords differ."))

    def password_hash(self) -> str:
        return hash_of(self.cleaned_data["new"])


class PasskeyNameForm(AddWebAuthnForm):
    """A name for a new passkey, and its answer to the page's challenge."""

    code_names: frozenset[str] = frozenset()
    name = forms.CharField(
        label=gettext_lazy("Name of the passkey"),
        help_text=gettext_lazy("Such as the device that holds it."),
        required=False,
        max_length=60,
    )

    def clean(self) -> Any:
        try:
            return super().clean()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValidationError(gettext("This passkey was not accepted.")) from None

    def values(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"], "credential": self.cleaned_data["credential"]}
