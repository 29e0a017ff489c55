"""Keys to the REST interface."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext

from api.models import ApiToken, Scope
from api.reads import digest_of
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import now

# Storing every use would turn each read into a write.
NOTE_USE_EVERY = timedelta(minutes=1)


class TokenNameTaken(UserError):
    """An error: a token of this name exists, or has been revoked."""


def create_token(
    *,
    name: str,
    dataset: Dataset | None = None,
    expires_at: datetime | None = None,
    scopes: Sequence[str] = tuple(Scope.values),
    created_by: User | None = None,
) -> tuple[ApiToken, str]:
    """Create a token and its key, which is shown only once: its hash is stored. Raises TokenNameTaken."""
    key = f"ann_{secrets.token_urlsafe(32)}"
    token = ApiToken(name=name, prefix=key[:8], digest=digest_of(key), dataset=dataset, expires_at=expires_at)
    token.scopes, token.created_by = [*scopes], created_by
    try:
        with transaction.atomic():
            token.save()
            after = {"dataset": dataset, "expires_at": expires_at, "scopes": token.scopes}
            record(area=Area.PERMISSION, action="token.create", subject=f"token {token}", after=after)
    except IntegrityError as error:
        if "token_name_once" not in str(error):
            raise
        words = gettext("A token “%(name)s” exists already, or has been revoked. Choose another name.")
        raise TokenNameTaken(words % {"name": name}) from None
    return token, key


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User | None = None) -> None:
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now(), revoked_by=by):
        record(area=Area.PERMISSION, action="token.revoke", subject=f"token {token}")


@transaction.atomic
def note_use(*, token: ApiToken) -> None:
    used_at = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=used_at - NOTE_USE_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=used_at)
