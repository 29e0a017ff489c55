"""Settings of the researchers' sign-in: passwords, second factors, and single sign-on."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import env_choice, env_int, env_str, is_loopback

OIDC = "openid_connect"
# The part of the callback's address that names the provider: there is one.
OIDC_PROVIDER = "sso"


def second_factor_is_required() -> bool:
    return env_choice("STAFF_SECOND_FACTOR", "OPTIONAL", ("OPTIONAL", "REQUIRED")) == "REQUIRED"


def single_sign_on() -> dict[str, Any]:
    """Return allauth's settings of the provider; without OIDC_ISSUER there is none."""
    provider_class = "accounts.single_sign_on.provider.Provider"
    issuer, client, secret = env_str("OIDC_ISSUER"), env_str("OIDC_CLIENT_ID"), env_str("OIDC_CLIENT_SECRET")
    if not (issuer or client or secret):
        return {OIDC: {"provider_class": provider_class, "APPS": []}}
    if not (issuer and client and secret):
        raise ImproperlyConfigured(
            "Single sign-on needs OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET. Set all three, or none."
        )
    parts = urlsplit(issuer)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            f"OIDC_ISSUER={issuer!r} is not the address of an issuer. Write one with https, such as "
            "https://login.example.org/realms/lab."
        )
    app = {
        "provider_id": OIDC_PROVIDER,
        "name": env_str("OIDC_NAME", "single sign-on"),
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": issuer.rstrip("/"), "issuer": issuer, "oauth_pkce_enabled": True},
    }
    return {OIDC: {"provider_class": provider_class, "APPS": [app]}}


STAFF_SECOND_FACTOR_REQUIRED = second_factor_is_required()
# A password or code of this age still confirms money, rejections and exports of people's ids.
STAFF_CONFIRMED_MINUTES = env_int("STAFF_CONFIRMED_MINUTES", 15, lowest=1)
# An unused session ends after this time.
STAFF_IDLE_HOURS = env_int("STAFF_IDLE_HOURS", 12, lowest=1)
SESSION_COOKIE_AGE = STAFF_IDLE_HOURS * 3600

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SingleSignOnAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Attempts are counted in Postgres (accounts.attempts); allauth's limits live in a cache of each process.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Image annotation"
# One period before and after, for clocks that differ.
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = single_sign_on()
