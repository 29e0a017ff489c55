"""Forms with the answer of a passkey. Whatever a sender makes of it is refused, not an error of ours."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

# An answer has a few hundred bytes, with a large certificate some thousands.
MOST_CHARACTERS = 64 * 1024


class CredentialField(forms.JSONField):
    """JSON, also too deep or with numbers too long for the parser."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            raise not_accepted()
        try:
            return super().to_python(value)
        except (RecursionError, ValueError):
            raise not_accepted() from None


def not_accepted() -> ValidationError:
    return ValidationError(gettext("This passkey was not accepted."))


class PasskeyForm(AuthenticateWebAuthnForm):
    """The answer of a passkey to the page's challenge."""

    credential = CredentialField(widget=forms.HiddenInput)

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()
        except ValidationError:
            raise
        except Exception:  # its parsers meet bytes of strangers, and raise whatever they like
            raise not_accepted() from None


class NewPasskeyForm(AddWebAuthnForm):
    """A name for a new passkey, and its answer to the page's challenge."""

    code_names: frozenset[str] = frozenset()
    name = forms.CharField(
        label=gettext_lazy("Name of the passkey"),
        help_text=gettext_lazy("Such as the device that holds it."),
        required=False,
        max_length=60,
    )
    credential = CredentialField(widget=forms.HiddenInput)

    def clean(self) -> Any:
        try:
            return super().clean()
        except ValidationError:
            raise
        except Exception:  # as above
            raise not_accepted() from None

    def values(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"], "credential": self.cleaned_data["credential"]}
