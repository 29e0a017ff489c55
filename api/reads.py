"""Tokens of the REST interface, by their keys."""

import hashlib

from django.db.models import Q

from api.models import ApiToken
from catalog.reads import now


def digest_of(key: str) -> str:
    # The key has 256 random bits: trying out keys for a plain hash is hopeless.
    return hashlib.sha256(key.encode()).hexdigest()


def token_of_key(key: str) -> ApiToken | None:
    """Return the valid token with this key; None if there is none."""
    valid = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None)
    return valid.select_related("dataset").filter(digest=digest_of(key)).first()
