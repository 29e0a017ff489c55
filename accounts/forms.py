"""Forms of the account's pages."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext, gettext_lazy

from accounts.hashing import hash_of

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
        return hash_of(self.cleaned_data["new"], is_at_home=True)
