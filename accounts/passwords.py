"""Credentials that the operator gives to accounts at the shell."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext

from accounts.actions import make_staff, reset_account
from catalog.errors import UserError
from launcher.secrets import kept_secret


@dataclass(frozen=True)
class Credentials:
    """A password, an e-mail address at the provider of single sign-on, and whether second factors are forgotten.

    Without a password, the provider alone opens the account. Without an address, that of the account stays.
    """

    password: str | None
    email: str | None = None
    forgets_factors: bool = False

    def checked(self, username: str) -> dict[str, Any]:
        """Return the fields. Raises UserError for a name, password or e-mail address that Django rejects."""
        try:
            User.username_validator(username)
            if self.password is not None:
                validate_password(self.password, User(username=username))
            if self.email:
                validate_email(self.email)
        except ValidationError as error:
            raise UserError(" ".join(error.messages)) from None
        return {"password": self.password, "email": self.email, "forgets_factors": self.forgets_factors}


def set_up_staff(*, username: str, credentials: Credentials, promotes: bool = False) -> User:
    """Create a site administrator's account, or give an existing one other credentials. Raises UserError."""
    return make_staff(username=username, promotes=promotes, **credentials.checked(username))


def reset_credentials(*, username: str, credentials: Credentials) -> User:
    """Give an existing account other credentials; its rights stay. Raises UserError."""
    return reset_account(username=username, **credentials.checked(username))


def opens_by_provider(*, username: str, email: str | None, forgets_factors: bool) -> bool:
    """Return whether an account needs no password: it has an e-mail address now, or never had a password.

    Its second factors alone are forgotten then.
    """
    if email:
        return True
    user = User.objects.filter(username=username).first()
    return forgets_factors and user is not None and not user.has_usable_password()


def random_password() -> str:
    return secrets.token_urlsafe(12)


def password_in(file: Path) -> str:
    """Return the password of a file, which gets a random one if it is absent. Raises UserError."""
    try:
        password = kept_secret(file, n_bytes=12).strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            gettext("The password file %(file)s cannot be read: %(error)s.") % {"file": file, "error": error}
        ) from None
    if not password.strip():
        raise UserError(
            gettext(
                "The password file %(file)s is empty. Write a password into it, or delete it to get a random password."
            )
            % {"file": file}
        )
    return password
