"""The ways in which an account can prove who it is."""

import ipaddress
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import HttpRequest

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def factors_of(user: User | AnonymousUser) -> QuerySet[Authenticator]:
    """Return the second factors: an authenticator app and passkeys. Recovery codes alone are none."""
    factors: QuerySet[Authenticator] = Authenticator.objects.filter(user=user.pk, type__in=FACTORS)
    return factors.order_by("pk")


def must_set_up_second_factor(user: User | AnonymousUser) -> bool:
    return settings.STAFF_SECOND_FACTOR_REQUIRED and not factors_of(user).exists()


def passkeys_are_possible() -> bool:
    """Return whether browsers offer passkeys on the staff origin: its host must be a name."""
    try:
        ipaddress.ip_address(urlsplit(settings.STAFF_ORIGIN).hostname or "")
    except ValueError:
        return True
    return False


def proof_times(request: HttpRequest) -> dict[str, float]:
    """Return when the account last proved itself in this session, by method: password, mfa, socialaccount."""
    records = get_authentication_records(request, request.user)
    return {record["method"]: float(record["at"]) for record in records}


def is_closed(username: str) -> bool:
    """Return whether there is such an account, and it is closed."""
    return User.objects.filter(username=username, is_active=False).exists()
