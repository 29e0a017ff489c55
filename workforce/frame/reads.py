"""Queries on turns at HITs that a marketplace hands out."""

from collections.abc import Mapping

from django.db.models import QuerySet

from mturk.models import MarketplaceHIT
from workforce.frame.answer_copy import RECEIPT, AnswerCopy
from workforce.frame.receipts import copy_of, is_receipt_of
from workforce.models import HIT, Assignment, Batch, Submission, Worker


def is_still_published(hit: HIT) -> bool:
    """Whether the marketplace may offer the HIT under an id that it has not told us yet."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=None).exists()


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
