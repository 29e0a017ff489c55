"""Keys to the REST interface."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from api.models import ApiToken
from api.reads import digest_of
from audit.actions import Area, record
from catalog.models import Dataset
from catalog.reads import now

# Storing every use would turn each read into a write.
NOTE_USE_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_token(
    *, name: str, dataset: Dataset | None = None, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Create a token and its key. The key is shown only once: its hash is stored."""
    key = f"ann_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        name=name, prefix=key[:8], digest=digest_of(key), dataset=dataset, expires_at=expires_at
    )
    record(Area.PERMISSION, "token.create", f"token {token}", after={"dataset": dataset, "expires_at": expires_at})
    return token, key


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now()):
        record(Area.PERMISSION, "token.revoke", f"token {token}")


@transaction.atomic
def note_use(*, token: ApiToken) -> None:
    used_at = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=used_at - NOTE_USE_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=used_at)
