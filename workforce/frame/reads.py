"""Queries on turns at HITs that a marketplace hands out, and what the frame has to know of the offers there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from workforce.frame.answer_copy import RECEIPT, AnswerCopy
from workforce.frame.receipts import copy_of, is_receipt_of
from workforce.models import HIT, Assignment, Batch, Submission, Worker


@dataclass(frozen=True)
class FrameOffers:
    """How HITs are offered: filled in by the room above that makes the offers; the setting FRAME_OFFERS says where.

    The first two are SQL, parts of statements that everybody waits for. `is_offered`: whether the HIT %(hit)s is
    offered under the marketplace's id %(external_hit)s. `seconds`: the time that people have for a HIT of the batch
    %(batch)s, null if it has no terms. `is_being_published`: whether a HIT may be offered under an id that is not known
    here yet. `terms_of`: what pages show of a batch's terms, if it has any.
    """

    is_offered: str
    seconds: str
    is_being_published: Callable[[HIT], bool]
    terms_of: Callable[[Batch], object | None]


def frame_offers() -> FrameOffers:
    """Return the record that FRAME_OFFERS names."""
    return cast(FrameOffers, import_string(settings.FRAME_OFFERS))


def answers_of(hit: HIT, worker: Worker) -> QuerySet[Submission]:
    """All that was ever sent of this HIT in this person's name, by whomever."""
    return Submission.objects.filter(lease__hit=hit, lease__worker=worker, assignment__isnull=False)


def answers_under(assignment: Assignment) -> list[Submission]:
    """What was sent under an assignment and may be handed over, the last one first."""
    sent = Submission.objects.filter(lease=assignment.lease_id, assignment__isnull=False).filter(assignment=assignment)
    return list(sent.filter(answer__has_key="selected").order_by("-id"))


def is_proven_by(answer: Submission, fields: Mapping[str, str], copy: AnswerCopy | None) -> bool:
    """Whether what the marketplace lists of its assignment is this answer.

    By our receipt, or by the same answer, of a person who never saw the receipt.
    """
    if "selected" not in answer.answer:
        return False  # recovered, and nobody could read it
    assert answer.assignment is not None, "it came out of a frame"
    if is_receipt_of(answer.assignment, answer.answer, fields.get(RECEIPT, "")):
        return True
    return copy is not None and answer.lease is not None and copy.says_the_same_as(copy_of(answer.lease, answer.answer))


def share_is_confirmed(batch: Batch, worker: Worker) -> bool:
    """Whether this person has handed in, by the marketplace's word, all that one person may."""
    if batch.hits_per_worker is None:
        return False
    sure = Submission.objects.filter(worker=worker, hit__batch=batch, state__in=["confirmed", "surplus"])
    return sure.count() >= batch.hits_per_worker
