"""Storage of answers from a marketplace's frame until the marketplace confirms one of them.

Anybody with a worker's ID, or even with their assignment's, can send an answer in their name. So no answer replaces
another, and each gets a receipt of its own: the answer whose receipt the marketplace lists is the worker's
(`workforce.frame.actions.confirm`).
"""

import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.reads import now_given
from workforce.models import Lease, Submission
from workforce.reads import n_selected_in, selects_the_same
from workforce.statements import submission_values
from workforce.unverified.statements import HAND_IN_UNVERIFIED

# Of one worker on one HIT. Answers beyond are not stored here; their copies still go through the marketplace, and are
# recovered from there.
MOST_UNVERIFIED = 8

KEY_IS_USED = gettext_lazy("This page was already used for another answer. Reload the page and submit again.")
ARRIVED = gettext_lazy("We have received your answer to this task. You do not need to do anything else. Thank you.")


class AlreadySubmitted(UserError):
    """A second answer to a HIT whose answer is stored; `saved` is that raw answer, if it differs."""

    saved: dict[str, Any] | None = None


def same_answer(submission: Submission, answer: dict[str, Any]) -> Submission:
    """Return the stored submission if this is its answer. Raises AlreadySubmitted for a different one."""
    if selects_the_same(submission.answer, answer):
        return submission
    message = gettext(
        "Your answer to this task is already saved, with %(n)s selected. The different selection "
        "of this page is not saved. Continue with the next task."
    )
    error = AlreadySubmitted(message % {"n": n_selected_in(submission.answer)})
    error.saved = submission.answer
    raise error


@transaction.atomic
def keep_unverified(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Store an answer under `lease.assignment`, within a transaction that locked the worker.

    Returns the submission and whether this call created it. The same key and answer return the stored submission; a
    different answer is stored beside it. A submission beyond the limit is not stored, and has no pk. Raises
    AlreadySubmitted if the marketplace has listed the assignment, and for the key of another assignment's answer.
    """
    if lease.assignment is None:
        raise ValueError("An answer from a marketplace's frame needs an assignment: set lease.assignment.")
    submission = Submission(
        hit=lease.hit,
        worker_id=lease.worker_id,
        lease=lease,
        assignment=lease.assignment,
        settings_id=lease.hit.batch.settings_id,
        state=Submission.State.PROVISIONAL,
        answer=answer,
        idempotency_key=idempotency_key,
    )
    if _store(submission):
        return submission, True
    same_key = Submission.objects.filter(idempotency_key=submission.idempotency_key).first()
    if same_key is not None and same_key.assignment_id != submission.assignment_id:
        raise AlreadySubmitted(str(KEY_IS_USED))
    if same_key is None or selects_the_same(same_key.answer, answer):
        return same_key or _beyond(submission), False
    # All pages of an assignment have the same key.
    submission.idempotency_key = _key_of_answer(submission)
    if _store(submission):
        return submission, True
    stored = Submission.objects.filter(idempotency_key=submission.idempotency_key).first()
    return stored or _beyond(submission), False


def _store(submission: Submission) -> bool:
    """Store a submission, unless its key is used or there are too many. Returns whether it is stored."""
    limits = {"assignment": submission.assignment_id, "most": MOST_UNVERIFIED}
    row = HAND_IN_UNVERIFIED.row(submission_values(submission) | limits | now_given())
    if row is None:
        return False
    submission.pk, submission.submitted_at = row
    submission._state.adding = False
    return True


def _key_of_answer(submission: Submission) -> str:
    """Return the key of a further answer under an assignment: the same for the same selection."""
    selection = [sorted(map(str, submission.answer.get(name) or [])) for name in ("selected", "maybe")]
    text = json.dumps([submission.idempotency_key, *selection, submission.answer.get("main")])
    assert submission.lease is not None, "it came out of a frame"
    return f"{submission.lease.public_id}.{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _beyond(submission: Submission) -> Submission:
    """Return a submission beyond the limit, unstored. Raises AlreadySubmitted if its assignment is listed."""
    assignment = submission.assignment
    assert assignment is not None, "it came out of a frame"
    assignment.refresh_from_db(fields=["outcome"])
    if not assignment.is_waited_for:
        raise AlreadySubmitted(str(ARRIVED))
    return submission
