"""Exclusions of stored submissions, and their end. Locks submissions alone."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import now
from workforce.models import Exclusion, Submission

# Of what is excluded at once, so many are named in the record of decisions.
MOST_RECORDED = 1000


class AlreadyExcluded(UserError):
    """A submission that is excluded already; the message gives the reason."""


@transaction.atomic
def exclude_submission(*, submission: Submission, reason: str) -> Exclusion:
    """Exclude a submission from all results. The work stays stored and paid; `readmit_submission` reverses it.

    Raises AlreadyExcluded, with the stored reason.
    """
    Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
    standing = submission.exclusions.filter(lifted_at=None).first()
    if standing is not None:
        message = gettext(
            "Submission %(id)s is already excluded. Reason: “%(reason)s”. To change the reason, include it again first."
        )
        raise AlreadyExcluded(message % {"id": submission.pk, "reason": standing.reason})
    exclusion = Exclusion.objects.create(submission=submission, reason=reason)
    record(area=Area.REVIEW, action="submission.exclude", subject=f"submission {submission.pk}", reason=reason)
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)
    return exclusion


@transaction.atomic
def readmit_submission(*, submission: Submission) -> None:
    if Exclusion.objects.filter(submission=submission, lifted_at=None).update(lifted_at=now()):
        record(area=Area.REVIEW, action="submission.readmit", subject=f"submission {submission.pk}")
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)


@transaction.atomic
def exclude_at_once(*, submissions: QuerySet[Submission], reason: str, step: str) -> int:
    """Exclude those of the submissions that count; `lift_step` reverses it. Returns their number."""
    ids = _lock(submissions)
    excluded = set(Exclusion.objects.filter(submission__in=ids, lifted_at=None).values_list("submission", flat=True))
    counting = [pk for pk in ids if pk not in excluded]
    Exclusion.objects.bulk_create(
        [Exclusion(submission_id=pk, reason=reason, step=step) for pk in counting], batch_size=5000
    )
    Submission.objects.filter(pk__in=counting).update(aggregated_at=None)
    if counting:
        subject, after = f"{len(counting)} submissions", {"step": step, "submissions": counting[:MOST_RECORDED]}
        record(area=Area.REVIEW, action="submissions.exclude", subject=subject, after=after, reason=reason)
    return len(counting)


@transaction.atomic
def lift_step(*, step: str) -> int:
    """Include the submissions again that are excluded since this step. Returns their number."""
    standing = Exclusion.objects.filter(step=step, lifted_at=None).exclude(step="")
    ids = _lock(Submission.objects.filter(pk__in=standing.values("submission")))
    standing.filter(submission__in=ids).update(lifted_at=now())
    Submission.objects.filter(pk__in=ids).update(aggregated_at=None)
    if ids:
        subject, before = f"{len(ids)} submissions", {"step": step, "submissions": ids[:MOST_RECORDED]}
        record(area=Area.REVIEW, action="submissions.readmit", subject=subject, before=before)
    return len(ids)


@transaction.atomic
def mark_excluded(*, dataset: Dataset) -> None:
    """Mark the excluded submissions of a dataset for aggregation, which asks in their place as the settings say."""
    standing = Exclusion.objects.filter(lifted_at=None, submission__hit__batch__dataset=dataset)
    ids = _lock(Submission.objects.filter(pk__in=standing.values("submission")))
    Submission.objects.filter(pk__in=ids).update(aggregated_at=None)


def _lock(submissions: QuerySet[Submission]) -> list[int]:
    """Lock the submissions by id, as the aggregation does, and return their ids."""
    rows = submissions.order_by("pk").select_for_update(of=("self",), no_key=True)
    return list(rows.values_list("pk", flat=True))
