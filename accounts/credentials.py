"""Checks of passwords, codes and passkeys. Each is counted before it is made, and each failure is logged."""

import logging
from collections.abc import Callable
from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from access.networks.reads import network_of
from accounts.attempts.actions import (
    CODE,
    PASSWORD,
    AttemptSubject,
    TooManyAttempts,
    begin_attempt,
    forget_attempts,
    spend_code,
    subject_of,
    withdraw_attempt,
)
from accounts.errors import TooBusy
from accounts.hashing import is_password_of
from accounts.models import SignInAttempt
from accounts.passkeys import PasskeyForm

log = logging.getLogger(__name__)
# Attempts that were refused or put off before any check: wait, and try again.
NoAttempt = (TooManyAttempts, TooBusy)


class SignInForm(forms.Form):
    username = forms.CharField(
        max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        max_length=4096, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


def code_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"})
    return forms.CharField(label=gettext_lazy("Code"), max_length=20, widget=widget)


class CodeForm(AuthenticateForm):
    """A code of the authenticator app, once; or a recovery code."""

    code = code_field()

    def clean_code(self) -> str:
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP:
            use_up(self.user, code)
        return code


class NewAuthenticatorForm(ActivateTOTPForm):
    """The first code of a new authenticator app."""

    code = code_field()

    def clean_code(self) -> str:
        code: str = super().clean_code()
        use_up(self.user, code)
        return code


def use_up(user: User, code: str) -> None:
    if not spend_code(user=user, code=normalize_user_code(code)):
        raise ValidationError(gettext("This code was already used. Wait for the next one."))


def user_of_password(request: HttpRequest, name: str, password: str) -> User | None:
    """Return the active account of this name and password. Raises TooManyAttempts or TooBusy."""
    user = User.objects.filter(username=User.normalize_username(name)).first()
    return user if is_right_password(request, user, password, name) else None


def is_right_password(request: HttpRequest, user: User | None, password: str, name: str = "") -> bool:
    """Return whether the password is that of the account, and the account active."""

    def check(subject: AttemptSubject) -> bool:
        is_right = is_password_of(user, password, is_at_home=subject.is_at_home)
        return is_right and user is not None and user.is_active

    return _counted(request, PASSWORD, user, name, check)


def is_right_factor(request: HttpRequest, user: User, form: forms.Form) -> bool:
    """Return whether the form has a right code or passkey of the account."""
    return _counted(request, CODE, user, "", lambda subject: form.is_valid() and user.is_active)


def problem_of(form: forms.Form) -> str:
    """Return the errors of a form in one line."""
    return " ".join(str(text) for texts in form.errors.values() for text in texts)


def factor_form(user: User, data: Any) -> forms.Form:
    """Return the form of what was sent: a code or a passkey."""
    return PasskeyForm(data, user=user) if data.get("credential") else CodeForm(data, user=user)


def _counted(
    request: HttpRequest,
    proof: SignInAttempt.Proof,
    user: User | None,
    name: str,
    check: Callable[[AttemptSubject], bool],
) -> bool:
    network = network_of(request)
    subject = subject_of(proof=proof, user=user, name=name, network=network)
    # A name that is no account's may be a password in the wrong field, or a worker's id.
    words = (proof, user.get_username() if user else "of an unknown name", network)
    try:
        attempt = begin_attempt(subject=subject)
    except TooManyAttempts as error:
        log.warning("Sign-in refused for %d s, without a check: %s, account %s, network %s", error.seconds, *words)
        raise
    try:
        is_right = check(subject)
    except TooBusy:
        withdraw_attempt(attempt=attempt)
        log.warning("Sign-in put off, as others are in progress: %s, account %s, network %s", *words)
        raise
    if is_right:
        forget_attempts(subject=subject)
    else:
        log.warning("Sign-in failed: %s, account %s, network %s", *words)
    return is_right
