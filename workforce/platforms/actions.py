"""The sessions in which people came from a platform."""

from django.db import transaction

from workforce.models import Batch, PlatformVisit, Worker
from workforce.recruitment_links import PlatformSession

# Of one person in one batch: addresses are typed by anybody, so what they store is bounded.
MOST_VISITS = 20


@transaction.atomic
def note_session(*, batch: Batch, worker: Worker, session: PlatformSession) -> None:
    """Keep the session of a platform in which a person started. Idempotent; beyond MOST_VISITS, nothing more is kept.

    Nothing is stored if the link names no session.
    """
    if not any(session):
        return
    if PlatformVisit.objects.filter(batch=batch, worker=worker).count() < MOST_VISITS:
        visit = PlatformVisit(batch=batch, worker=worker, **session._asdict())
        PlatformVisit.objects.bulk_create([visit], ignore_conflicts=True)
