"""Queries on assignments that a marketplace gives out, and on their offers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from catalog.reads import CachedQuery, Given
from workforce.frame.answer_copy import RECEIPT, AnswerCopy
from workforce.frame.ids import FrameVisit
from workforce.frame.receipts import is_copy_of, is_receipt_of
from workforce.models import HIT, Assignment, Batch, Submission, Worker

ASSIGNMENT = CachedQuery(
    lambda: Assignment.objects.filter(
        external_id=Given("external_id"), worker=Given("worker"), external_hit_id=Given("external_hit")
    ),
    related=["lease"],
)


@dataclass(frozen=True)
class FrameOffers:
    """Access to the offers of HITs, from the room that publishes them; the setting FRAME_OFFERS names the record.

    The first two are SQL, parts of statements that workers wait for. `is_offered`: whether the HIT %(hit)s is offered
    under the marketplace's id %(external_hit)s. `seconds`: the time allowed for a HIT of the batch %(batch)s, null
    without terms. `is_being_published`: whether a HIT may be offered under an id that is not stored yet. `terms_of`:
    the terms of a batch for pages, if any. `not_offered`: the free slots of a batch, by HIT id, for which no answer is
    on offer there or may still come from there.
    """

    is_offered: str
    seconds: str
    is_being_published: Callable[[HIT], bool]
    terms_of: Callable[[Batch], object | None]
    not_offered: Callable[[Batch], Mapping[int, int]]


def frame_offers() -> FrameOffers:
    """Return the record that FRAME_OFFERS names."""
    return cast(FrameOffers, import_string(settings.FRAME_OFFERS))


def named_assignment(visit: FrameVisit, worker: Worker) -> Assignment | None:
    """Return the stored assignment that a visit names, with its lease."""
    return ASSIGNMENT.first(external_id=visit.assignment_id, worker=worker.pk, external_hit=visit.hit_id)


def answers_of(hit: HIT, worker: Worker) -> QuerySet[Submission]:
    """Return all answers to a HIT in a worker's name, whoever sent them."""
    return Submission.objects.filter(lease__hit=hit, lease__worker=worker, assignment__isnull=False)


def answers_under(assignment: Assignment) -> list[Submission]:
    """Return the answers under an assignment that may be handed over, the latest first."""
    answers = Submission.objects.filter(lease=assignment.lease_id, assignment__isnull=False, assignment=assignment)
    return list(answers.filter(answer__has_key="selected").order_by("-id"))


def is_proven_by(answer: Submission, fields: Mapping[str, str], copy: AnswerCopy | None) -> bool:
    """Return whether the fields that the marketplace lists prove this answer.

    They prove it by our receipt, or, for a worker who never got the receipt, by the same answer.
    """
    if "selected" not in answer.answer:
        return False  # recovered, but unreadable
    assert answer.assignment is not None, "it came out of a frame"
    if is_receipt_of(answer.assignment, answer.answer, fields.get(RECEIPT, "")):
        return True
    return copy is not None and answer.lease is not None and is_copy_of(copy, answer.lease, answer.answer)


def share_is_confirmed(batch: Batch, worker: Worker) -> bool:
    """Return whether the marketplace confirmed as many submissions of a worker as one worker may make."""
    if batch.hits_per_worker is None:
        return False
    confirmed = Submission.objects.filter(worker=worker, hit__batch=batch, state__in=["confirmed", "surplus"])
    return confirmed.count() >= batch.hits_per_worker
