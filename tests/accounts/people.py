"""Accounts, browsers at their networks, and codes of authenticator apps, for the tests of the sign-in."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import staff_client, unique
from tests.required import Page

RIGHT = "a long pass phrase"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.77"


def make_account(*, name: str | None = None, is_staff: bool = True) -> User:
    return User.objects.create_user(name or unique("rosa"), password=RIGHT, is_staff=is_staff)


def browser_at(network: str) -> Client:
    client = staff_client(signed_in=False)
    client.defaults["REMOTE_ADDR"] = network
    return client


def try_password(user: User | str, password: str = RIGHT, *, network: str = HERE) -> Page:
    name = user if isinstance(user, str) else user.get_username()
    return browser_at(network).post("/login/", {"username": name, "password": password})


def give_app(user: User) -> str:
    """Set up an authenticator app; return its secret."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_of(secret: str, steps: int = 0) -> str:
    """The code that the app shows, or would show that many periods later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def recovery_codes_of(user: User) -> list[str]:
    row = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    codes: list[str] = row.wrap().get_unused_codes()
    return codes


def is_signed_in(client: Client) -> bool:
    return bool(client.get("/account/").status_code == 200)
