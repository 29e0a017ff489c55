"""Requesters and their keys, workers, blocks and messages."""

from django.contrib.auth.hashers import make_password
from django.db import transaction

from marketplace.clock import now
from marketplace.errors import Refusal
from marketplace.models import AccessKey, Assignment, Message, Requester, Worker, WorkerBlock

MOST_BLOCKS = 100_000


@transaction.atomic
def create_requester(*, name: str, contact: str = "", is_linked: bool = True) -> Requester:
    return Requester.objects.create(name=name, contact=contact, is_linked=is_linked, created_at=now())


@transaction.atomic
def change_contact(*, requester: Requester, contact: str) -> None:
    """Change the contact of a requester; all their HITs show it."""
    Requester.objects.filter(pk=requester.pk).update(contact=contact)


@transaction.atomic
def create_access_key(*, requester: Requester) -> AccessKey:
    """Create a key; `endpoint.signatures.secret_of(key_id)` is the secret that belongs to it."""
    return AccessKey.objects.create(requester=requester, created_at=now())


@transaction.atomic
def revoke_access_key(*, key: AccessKey) -> None:
    AccessKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now())


@transaction.atomic
def create_worker(*, name: str, password: str | None = None, **facts) -> Worker:
    """Create a worker. `facts`: country, subdivision, is_adult, is_master. Without a password nobody can sign in."""
    return Worker.objects.create(name=name, password=make_password(password), created_at=now(), **facts)


@transaction.atomic
def block_worker(*, requester: Requester, worker: Worker, reason: str) -> WorkerBlock:
    Requester.objects.select_for_update(no_key=True).get(pk=requester.pk)
    if requester.blocks.exclude(worker=worker).count() >= MOST_BLOCKS:
        raise Refusal("PermissionDeniedException", f"You have blocked {MOST_BLOCKS} Workers, which is the most.")
    return WorkerBlock.objects.update_or_create(requester=requester, worker=worker, defaults={"reason": reason})[0]


@transaction.atomic
def unblock_worker(*, requester: Requester, worker: Worker) -> None:
    requester.blocks.filter(worker=worker).delete()


@transaction.atomic
def notify_workers(*, requester: Requester, workers: list[Worker], subject: str, text: str) -> list[Worker]:
    """Write to the workers whose work this requester has reviewed; return all other workers."""
    final = (Assignment.Status.APPROVED, Assignment.Status.REJECTED)
    reviewed = Assignment.objects.filter(hit__requester=requester, worker__in=workers, status__in=final)
    reviewed_ids = set(reviewed.values_list("worker_id", flat=True))
    moment = now()
    Message.objects.bulk_create(
        [
            Message(requester=requester, worker=worker, subject=subject, text=text, sent_at=moment)
            for worker in workers
            if worker.pk in reviewed_ids
        ]
    )
    return [worker for worker in workers if worker.pk not in reviewed_ids]
