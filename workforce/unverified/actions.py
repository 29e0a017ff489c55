"""Keeping what a marketplace's frame sends until the marketplace says which of it is true.

Whoever knows a worker's id, or even which assignment they hold, can send an answer in their name. So no answer ever
takes the place of another, and each is answered with the receipt of its own: the one whose receipt the marketplace
lists is the worker's (`workforce.frame.actions.confirm`).
"""

from typing import Any

from django.db import transaction

from catalog.errors import UserError
from catalog.reads import now_given
from workforce.models import Lease, Submission
from workforce.statements import submission_values
from workforce.unverified.statements import HAND_IN_UNVERIFIED

# Of one person on one HIT. What comes beyond is not kept here; its copy goes through the marketplace all the same, and
# is recovered from there.
MOST_UNVERIFIED = 8


class AlreadySubmitted(UserError):
    """The answer to this HIT is on record; another one for it is refused."""


@transaction.atomic
def keep_unverified(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Within a transaction that locked the person: store an answer under the assignment of `lease.assignment`.

    Returns the submission and whether this call made it. The same key again returns what is stored. One that was
    not kept, since too many are already, has no pk. Raises AlreadySubmitted if the marketplace has listed the
    assignment, and for the key of another assignment's answer.
    """
    if lease.assignment is None:
        raise ValueError("What comes from a marketplace's frame is sent under an assignment: set lease.assignment.")
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
    under = {"assignment": submission.assignment_id, "most": MOST_UNVERIFIED}
    row = HAND_IN_UNVERIFIED.row(submission_values(submission) | under | now_given())
    if row is None:
        return _known(submission), False
    submission.pk, submission.submitted_at = row
    submission._state.adding = False
    return submission, True


def _known(submission: Submission) -> Submission:
    stored = Submission.objects.filter(idempotency_key=submission.idempotency_key).first()
    if stored is not None and stored.assignment_id == submission.assignment_id:
        return stored
    if stored is not None:
        raise AlreadySubmitted("This answer carries the key of another one. Reload the page and send it again.")
    assignment = submission.assignment
    assert assignment is not None, "it came out of a frame"
    assignment.refresh_from_db(fields=["outcome"])
    if not assignment.is_waited_for:
        raise AlreadySubmitted("Your answer to this HIT has arrived. There is nothing more to do here. Thank you.")
    return submission
