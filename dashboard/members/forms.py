"""Forms of the people of a study."""

from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from access.memberships.actions import NameTaken
from access.models import Role
from accounts.pages import hash_of_new_account


class RoleForm(forms.Form):
    """A role to give."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[(role.value, role.label) for role in Role],
        initial=Role.READER,
        error_messages={"invalid_choice": gettext_lazy("Choose one of the roles.")},
    )

    @property
    def chosen(self) -> Role:
        return Role(self.cleaned_data["role"])


class AccountForm(BaseUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """The name and password of a new account. Names that differ by case alone are taken."""

    class Meta:
        model = User
        fields = ("username",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["username"].label = gettext_lazy("Name")
        self.fields["username"].help_text = gettext_lazy("Letters, digits and @ . + - _. Other people see it.")
        self.fields["username"].widget.attrs.pop("autofocus", None)
        self.fields["password1"].help_text = gettext_lazy(
            "At least 8 characters. Not a common password, and not digits alone."
        )
        self.fields["password2"].label = gettext_lazy("Password again")
        self.fields["password2"].help_text = ""

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError(NameTaken().for_page)
        return name

    def password_hash(self) -> str:
        return hash_of_new_account(self.cleaned_data["password1"])
