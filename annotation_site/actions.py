"""Keys to the REST interface, logins to the researcher's pages, and what came of the work that pages ask for."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from annotation_site.models import ApiToken, Job
from annotation_site.reads import digest_of
from catalog.models import Dataset
from catalog.reads import now

# Writing down every use would make each read a write.
NOTE_USE_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_token(
    *, name: str, dataset: Dataset | None = None, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new token and its key. The key is shown this once: only its hash is kept."""
    key = f"ann_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        name=name, prefix=key[:8], digest=digest_of(key), dataset=dataset, expires_at=expires_at
    )
    return token, key


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now())


@transaction.atomic
def note_use(*, token: ApiToken) -> None:
    used = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=used - NOTE_USE_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=used)


@transaction.atomic
def make_staff(*, username: str, password: str) -> User:
    """A login to the researcher's pages; one that is there becomes active staff with this password."""
    user = User.objects.select_for_update().filter(username=username).first() or User(username=username)
    user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    return user


@transaction.atomic
def note_outcome(*, job: Job, lines: list[str]) -> None:
    """Keep what came of a job with what it did, in one transaction: who begins it again must not do it again."""
    job.arguments = job.arguments | {"outcome": lines}
    Job.objects.filter(pk=job.pk).update(arguments=job.arguments)
