"""Exclusions of stored submissions, and their end. Locks submissions alone."""

from django.db import transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.reads import now
from workforce.models import Exclusion, Submission


class AlreadyExcluded(UserError):
    """A submission that is excluded already; the message gives the reason."""


@transaction.atomic
def exclude_submission(*, submission: Submission, reason: str, step: str = "") -> Exclusion:
    """Exclude a submission from all results. The work stays stored and paid; `readmit_submission` reverses it.

    `step` is common to what is excluded at once. Raises AlreadyExcluded, with the stored reason.
    """
    Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
    standing = submission.exclusions.filter(lifted_at=None).first()
    if standing is not None:
        message = gettext(
            "Submission %(id)s is already excluded. Reason: “%(reason)s”. To change the reason, include it again first."
        )
        raise AlreadyExcluded(message % {"id": submission.pk, "reason": standing.reason})
    exclusion = Exclusion.objects.create(submission=submission, reason=reason, step=step)
    record(Area.REVIEW, "submission.exclude", f"submission {submission.pk}", reason=reason)
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)
    return exclusion


@transaction.atomic
def readmit_submission(*, submission: Submission) -> None:
    if Exclusion.objects.filter(submission=submission, lifted_at=None).update(lifted_at=now()):
        record(Area.REVIEW, "submission.readmit", f"submission {submission.pk}")
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)
