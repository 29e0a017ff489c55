"""Contents of the pages of second factors: challenges of passkeys, and the picture of a new secret."""

from typing import Any

import qrcode
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.models import User
from django.http import HttpRequest

from accounts.reads import factors_of, passkeys_are_possible


def passkey_request(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return the challenge for the passkeys of an account, if it has any that work on this origin."""
    has_passkey = factors_of(user).filter(type=Authenticator.Type.WEBAUTHN).exists()
    if not (has_passkey and passkeys_are_possible()):
        return {"passkey": None}
    return {"passkey": {"request_options": auth.begin_authentication(user)}}


def picture_of_secret(user: User, secret: str) -> dict[str, Any]:
    """Return the code that an authenticator app scans, as the path of an SVG, and the secret in groups of four."""
    code = qrcode.QRCode(border=4)
    code.add_data(get_adapter().build_totp_url(user, secret))
    rows = code.get_matrix()
    squares = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return {"qr_path": "".join(squares), "qr_size": len(rows), "secret": groups}
