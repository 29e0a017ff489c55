"""Storage of answers from a marketplace's frame until the marketplace confirms one of them.

Anybody with a worker's ID, or even with their assignment's, can send an answer in their name. So no answer replaces
another, and each gets a receipt of its own: the answer whose receipt the marketplace lists is the worker's
(`workforce.frame.actions.confirm`).
"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy

from catalog.errors import UserError
from catalog.reads import now_given
from workforce.models import Lease, Submission
from workforce.statements import submission_values
from workforce.unverified.statements import HAND_IN_UNVERIFIED

# Of one worker on one HIT. Answers beyond are not stored here; their copies still go through the marketplace, and are
# recovered from there.
MOST_UNVERIFIED = 8

KEY_IS_USED = gettext_lazy("This page was already used for another answer. Reload the page and submit again.")
ARRIVED = gettext_lazy("We have received your answer to this task. You do not need to do anything else. Thank you.")


class AlreadySubmitted(UserError):
    """A second answer to a HIT whose answer is stored."""


@transaction.atomic
def keep_unverified(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Store an answer under `lease.assignment`, within a transaction that locked the worker.

    Returns the submission and whether this call created it. The same key returns the stored submission. A submission
    beyond the limit is not stored, and has no pk. Raises AlreadySubmitted if the marketplace has listed the
    assignment, and for the key of another assignment's answer.
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
    limits = {"assignment": submission.assignment_id, "most": MOST_UNVERIFIED}
    row = HAND_IN_UNVERIFIED.row(submission_values(submission) | limits | now_given())
    if row is None:
        return _stored_or_beyond(submission), False
    submission.pk, submission.submitted_at = row
    submission._state.adding = False
    return submission, True


def _stored_or_beyond(submission: Submission) -> Submission:
    """Return the stored submission with the same key, or this one, unstored, beyond the limit."""
    same_key = Submission.objects.filter(idempotency_key=submission.idempotency_key).first()
    if same_key is not None and same_key.assignment_id == submission.assignment_id:
        return same_key
    if same_key is not None:
        raise AlreadySubmitted(str(KEY_IS_USED))
    assignment = submission.assignment
    assert assignment is not None, "it came out of a frame"
    assignment.refresh_from_db(fields=["outcome"])
    if not assignment.is_waited_for:
        raise AlreadySubmitted(str(ARRIVED))
    return submission
