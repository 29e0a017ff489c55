"""Passwords of the logins to the researcher's pages."""

import secrets
from pathlib import Path

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext

from accounts.actions import forget_second_factors, make_staff
from catalog.errors import UserError
from launcher.secrets import kept_secret


def set_up_staff(
    *, username: str, password_file: Path | None, email: str | None = None, forgets_factors: bool = False
) -> str:
    """Create a staff user, or give an existing one a new password: the file's, or a random one. Returns the password.

    Raises UserError for a name, password or e-mail address that Django rejects, and for a file that cannot be read or
    created.
    """
    password = _password_in(password_file) if password_file else secrets.token_urlsafe(12)
    try:
        User.username_validator(username)
        validate_password(password, User(username=username))
        if email:
            validate_email(email)
    except ValidationError as error:
        raise UserError(" ".join(error.messages)) from None
    user = make_staff(username=username, password=password, email=email)
    if forgets_factors:
        forget_second_factors(user=user)
    return password


def _password_in(file: Path) -> str:
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
