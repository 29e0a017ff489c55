"""Taking submissions out of every number, with a reason, and back in."""

from django.db import transaction

from catalog.errors import UserError
from catalog.models import Dataset
from workforce.actions import exclude_submission, readmit_submission
from workforce.models import Exclusion, Submission
from workforce.reads import submissions_of

LONGEST_REASON = 500
# Before the reason for which all that a person sent is out, so that only that is taken back with it.
OF_THE_PERSON = "Of this worker nothing counts: "


def submission_numbered(number: int) -> Submission:
    found = Submission.objects.filter(pk=number).first()
    if found is None:
        raise UserError(
            f"There is no submission {number}.",
            shell="./manage export contains_votes or classify_votes has the numbers in its column submission.",
            page="The files of votes (the page Files) have the numbers in their column submission.",
        )
    return found


@transaction.atomic
def exclude(*, number: int, reason: str) -> Exclusion:
    submission = submission_numbered(number)
    _check_reason(reason)
    Submission.objects.select_for_update().get(pk=submission.pk)
    standing = _standing_exclusion(submission)
    if standing is not None:
        raise UserError(
            f"Submission {number} is excluded already: {standing.reason}.",
            shell="--lift ends that.",
            page="It can be counted again.",
        )
    return exclude_submission(submission=submission, reason=reason.strip())


@transaction.atomic
def lift_exclusion(*, number: int) -> None:
    submission = submission_numbered(number)
    if _standing_exclusion(submission) is None:
        raise UserError(f"Submission {number} is not excluded: there is nothing to lift.")
    readmit_submission(submission=submission)


@transaction.atomic
def exclude_person(*, dataset: Dataset, worker: str, reason: str) -> tuple[int, int]:
    """Exclude what a person, named by pseudonym, sent for a dataset so far. Returns of how many submissions, and how
    many stand excluded by it now."""
    _check_reason(reason, LONGEST_REASON - len(OF_THE_PERSON))
    submissions = _submissions_by(dataset, worker)
    counting = [one for one in submissions if _standing_exclusion(one) is None]
    for submission in counting:
        exclude_submission(submission=submission, reason=OF_THE_PERSON + reason.strip())
    return len(submissions), len(counting)


@transaction.atomic
def lift_exclusions(*, dataset: Dataset, worker: str) -> tuple[int, int]:
    """End what `exclude_person` did; what was excluded by itself, or rejected, stays so.

    Returns of how many submissions, and how many count again.
    """
    submissions = _submissions_by(dataset, worker)
    excluded = [one for one in submissions if (found := _standing_exclusion(one)) and _is_of_the_person(found)]
    for submission in excluded:
        readmit_submission(submission=submission)
    return len(submissions), len(excluded)


def _is_of_the_person(exclusion: Exclusion) -> bool:
    return exclusion.reason.startswith(OF_THE_PERSON)


def _submissions_by(dataset: Dataset, worker: str) -> list[Submission]:
    """Return, locked in one order, what the person of this pseudonym sent. Raises UserError if there is nothing."""
    found = submissions_of(dataset, worker).select_for_update(of=("self",)).order_by("pk")
    if not found:
        raise UserError(
            f"Nobody named {worker!r} handed anything in for {dataset}.",
            shell="./manage export contains_votes or classify_votes has the pseudonyms in its column worker.",
            page="The files of votes (the page Files) have the pseudonyms in their column worker.",
        )
    return list(found)


def _check_reason(reason: str, longest: int = LONGEST_REASON) -> None:
    if not reason.strip() or len(reason) > longest:
        raise UserError(f"An exclusion needs a reason of at most {longest} characters.", shell="Give --reason '…'.")


def _standing_exclusion(submission: Submission) -> Exclusion | None:
    return submission.exclusions.filter(lifted_at=None).first()
