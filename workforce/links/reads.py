"""Participants of study links, and the limits of their networks."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.db import connection
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.reads import NOW, PreparedStatement, now_given
from workforce.introductions.reads import introduction_of
from workforce.models import Batch, ListedID, Slot

# Other rooms import these from here.
from workforce.recruitment_links import LONGEST_ID as LONGEST_ID
from workforce.recruitment_links import NoParticipant as NoParticipant
from workforce.recruitment_links import checked_id as checked_id
from workforce.recruitment_links import external_id
from workforce.recruitment_links import similar_ids as similar_ids

SIGNATURE_SALT = "workforce.signed_link"
SIGNATURE = "sig"
LIST_SALT = "workforce.listed_id"
MARK_SALT = "workforce.network_mark"
# More transactions than Postgres runs at once: so far below its cap a network is counted without a lock.
MOST_AT_ONCE = 200
# Overdue leases are not counted: their slots are free for whoever asks next.
STANDING_SQL = f"""
    SELECT (
        SELECT count(*) FROM workforce_lease
        WHERE batch_id = %(batch)s AND worker_id = %(worker)s AND state = 'submitted'
    ), (
        SELECT count(*) FROM workforce_lease
        WHERE batch_id = %(batch)s AND network_mark = %(mark)s AND network_mark <> '' AND state = 'active'
          AND expires_at > {NOW}
    ), EXISTS (
        SELECT FROM workforce_bar
        WHERE worker_id = %(worker)s AND dataset_id = %(dataset)s AND lifted_at IS NULL
    )
"""
STANDING = PreparedStatement(STANDING_SQL)
NOBODY = 0
FULL = gettext_lazy(
    "Many tasks of this study are open from your network right now. Try again in a few minutes. Nothing was lost."
)


class NotAdmitted(UserError):
    """A participant for whom the batch was not opened: an ID that is not listed, or a link without its signature."""


class NetworkFull(UserError):
    """A network whose participants hold as many tasks of a batch as its cap allows."""


class WorkerStanding(NamedTuple):
    """HITs of a batch that a worker has submitted, tasks that their network holds, and whether they get no more."""

    n_submitted: int
    n_open: int
    is_barred: bool


@dataclass(frozen=True)
class LinkVisit:
    """A request for work by a study link: the mark of its network, and the cap of its unsubmitted leases in a batch."""

    mark: str
    most_open: int


def participant_in(parameters: Mapping[str, str], batch: Batch) -> str:
    """Return the ID in a link's parameters. Raises NoParticipant, and NotAdmitted if it may not work on the batch."""
    participant = external_id(parameters)
    if batch.admission == Batch.Admission.SIGNED and not is_signed(batch, participant, parameters.get(SIGNATURE, "")):
        raise NotAdmitted(
            gettext("This link is not valid for your ID. Open the link exactly as you received it. Nothing was saved.")
        )
    if batch.admission == Batch.Admission.LISTED and not is_listed(batch, participant):
        raise NotAdmitted(
            gettext("Your ID is not on the list of this study. Please ask the researchers. Nothing was saved.")
        )
    return participant


def link_query(batch: Batch, participant: str) -> str:
    """Return the query of the addresses of one participant, with its signature if the batch requires one."""
    query = {"worker": participant}
    if batch.admission == Batch.Admission.SIGNED:
        query[SIGNATURE] = _signer().signature(_signed_text(batch, participant))
    return urlencode(query)


def is_signed(batch: Batch, participant: str, signature: str) -> bool:
    """Return whether this site signed the link, also with a key of SECRET_KEY_FALLBACKS."""
    try:
        _signer().unsign(f"{_signed_text(batch, participant)}:{signature}")
    except signing.BadSignature:
        return False
    return True


def _signer() -> signing.Signer:
    return signing.Signer(salt=SIGNATURE_SALT)


def _signed_text(batch: Batch, participant: str) -> str:
    # A digest, so that no ID is too odd for the separator.
    return f"{batch.public_id}/{hashlib.sha256(participant.encode()).hexdigest()}"


def is_listed(batch: Batch, participant: str) -> bool:
    return ListedID.objects.filter(batch=batch, digest=listed_digest(batch, participant)).exists()


def listed_digest(batch: Batch, participant: str) -> str:
    """Return the digest under which a list has an ID. The key of the dataset outlives a rotated SECRET_KEY."""
    key = f"{LIST_SALT}/{batch.dataset.pseudonym_key}"
    return hmac.new(key.encode(), participant.encode(), hashlib.sha256).hexdigest()


def network_mark(batch: Batch, network: str) -> str:
    """Return the keyed mark of a network within a dataset: it names no address, and links no two datasets."""
    text = f"{MARK_SALT}/{batch.dataset_id}/{network}"
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")[:16].hex()


def standing_of(batch: Batch, worker_id: int, mark: str) -> WorkerStanding:
    """Return the standing of a worker in a batch, with the mark of their network."""
    key = {"batch": batch.pk, "dataset": batch.dataset_id, "worker": worker_id, "mark": mark}
    return WorkerStanding(*STANDING.only_row(key | now_given()))


def first_lease_seconds(batch: Batch) -> int:
    """Return the length of the lease of an ID that has submitted nothing: short, but twice what the task needs."""
    introduction = introduction_of(batch.dataset_id)
    minutes = introduction.minutes_needed if introduction else None
    return min(batch.settings.lease_seconds, max(settings.FIRST_LEASE_SECONDS, 120 * (minutes or 0)))


def check_network(batch: Batch, visit: LinkVisit, n_open: int) -> None:
    """Refuse a network beyond its cap; near it, one assignment after the other, within a transaction.

    Called with the worker and their leases locked, and no slot. Raises NetworkFull.
    """
    if n_open + MOST_AT_ONCE > visit.most_open:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [visit.mark, batch.pk])
        n_open = standing_of(batch, NOBODY, visit.mark).n_open
    if n_open >= visit.most_open:
        raise NetworkFull(str(FULL))
    # Where each participant has a network of their own, none takes more than it leaves to the others.
    if n_open and batch.networks == Batch.Networks.OWN and not has_free_slots(batch, n_open + 1):
        raise NetworkFull(str(FULL))


def has_free_slots(batch: Batch, n_slots: int) -> bool:
    """Return whether so many slots of a batch are free."""
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE).order_by()
    return len(free.values_list("pk", flat=True)[:n_slots]) == n_slots
