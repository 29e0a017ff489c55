"""Tokens of the REST interface, by their keys."""

import hashlib
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from access.permissions.reads import May, is_administrator, permissions_in
from api.models import ApiToken
from catalog.models import Dataset
from catalog.reads import now


def digest_of(key: str) -> str:
    # The key has 256 random bits: trying out keys for a plain hash is hopeless.
    return hashlib.sha256(key.encode()).hexdigest()


def token_of_key(key: str) -> ApiToken | None:
    """Return the valid token with this key and its powers; None if there is none, or it may read nothing any more."""
    valid = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None)
    token = valid.select_related("dataset", "created_by").filter(digest=digest_of(key)).first()
    if token is not None:
        token.powers = powers_of(token)
    return token if token and token.powers else None


def powers_of(token: ApiToken) -> frozenset[May]:
    """Return what a token may read now: its scopes, as far as its author may still read them."""
    scopes = frozenset(May(scope) for scope in token.scopes)
    author = token.created_by
    if author is None:
        return scopes
    if token.dataset is None:
        return scopes if is_administrator(author) else frozenset()
    return scopes & permissions_in(author, token.dataset)


def with_powers(tokens: Iterable[ApiToken]) -> list[ApiToken]:
    """Return tokens with what each may read now: nothing, where its author lost the role."""
    listed = list(tokens)
    for token in listed:
        token.powers = powers_of(token)
    return listed


def tokens_of(dataset: Dataset) -> QuerySet[ApiToken]:
    """Return the tokens for a study alone that are not revoked, the latest first."""
    return all_tokens().filter(dataset=dataset)


def all_tokens() -> QuerySet[ApiToken]:
    """Return the tokens that are not revoked, the latest first."""
    tokens = ApiToken.objects.filter(revoked_at=None).select_related("dataset", "created_by")
    return tokens.order_by("-pk")
