"""Exclusions: submissions that are left out of every number, for a reason, until the exclusion is lifted."""

import secrets

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext

from catalog.errors import UserError
from catalog.models import Dataset
from studies.exclusions.reads import NetworkWork
from workforce.actions import exclude_submission, readmit_submission
from workforce.exclusions.actions import exclude_at_once
from workforce.models import Exclusion, Submission
from workforce.reads import submissions_of

LONGEST_REASON = 500
# Stored before the reason if all submissions of a worker are excluded: lifting leaves other exclusions alone.
OF_THE_PERSON, OF_THE_PERSON_BEFORE = "All work of this worker: ", "Of this worker nothing counts: "
OF_THE_NETWORK = "All work from one network: "
LARGEST_NUMBER = 2**63 - 1


def submission_numbered(number: int) -> Submission:
    """Return the submission; raise UserError, with the way to the numbers, if there is none."""
    submission = Submission.objects.filter(pk=number).first() if number <= LARGEST_NUMBER else None
    if submission is None:
        raise UserError(
            gettext("There is no submission %(number)s.") % {"number": number},
            shell=gettext(
                "The column “submission” of ./manage export contains_votes (or classify_votes) lists the numbers."
            ),
            page=gettext("The column “submission” in the files of votes (under Files) lists the numbers."),
        )
    return submission


@transaction.atomic
def exclude(*, number: int, reason: str) -> Exclusion:
    """Exclude a submission. Raises UserError if there is none, if it is excluded already, or without a reason."""
    submission = submission_numbered(number)
    _check_reason(reason)
    Submission.objects.select_for_update().get(pk=submission.pk)
    standing = _standing_exclusion(submission)
    if standing is not None:
        raise UserError(
            gettext("Submission %(number)s is already excluded: %(reason)s")
            % {"number": number, "reason": standing.reason},
            shell=gettext("To include the submission again, use --lift."),
            page=gettext("You can include the submission again."),
        )
    return exclude_submission(submission=submission, reason=reason.strip())


@transaction.atomic
def lift_exclusion(*, number: int) -> None:
    """Include a submission again. Raises UserError if it is not excluded."""
    submission = submission_numbered(number)
    if _standing_exclusion(submission) is None:
        raise UserError(gettext("Submission %(number)s is not excluded.") % {"number": number})
    readmit_submission(submission=submission)


@transaction.atomic
def exclude_person(*, dataset: Dataset, worker: str, reason: str) -> tuple[int, int]:
    """Exclude all submissions so far of a worker, named by pseudonym, for a dataset.

    Returns the number of the worker's submissions, and the number of those excluded now.
    """
    _check_reason(reason, LONGEST_REASON - len(OF_THE_PERSON))
    submissions = _submissions_by(dataset, worker)
    counting = [submission for submission in submissions if _standing_exclusion(submission) is None]
    for submission in counting:
        exclude_submission(submission=submission, reason=OF_THE_PERSON + reason.strip())
    return len(submissions), len(counting)


@transaction.atomic
def lift_exclusions(*, dataset: Dataset, worker: str) -> tuple[int, int]:
    """Lift the exclusions of `exclude_person`; submissions excluded singly, or rejected, stay excluded.

    Returns the number of the worker's submissions, and the number of those included again.
    """
    submissions = _submissions_by(dataset, worker)
    excluded = [
        submission
        for submission in submissions
        if (exclusion := _standing_exclusion(submission)) and _is_of_the_person(exclusion)
    ]
    for submission in excluded:
        readmit_submission(submission=submission)
    return len(submissions), len(excluded)


@transaction.atomic
def exclude_network(*, work: NetworkWork, reason: str) -> int:
    """Exclude all work so far from a network, in one step. Returns the number of submissions excluded now."""
    _check_reason(reason, LONGEST_REASON - len(OF_THE_NETWORK))
    return exclude_at_once(
        submissions=work.submissions, reason=OF_THE_NETWORK + reason.strip(), step=secrets.token_hex(8)
    )


def _is_of_the_person(exclusion: Exclusion) -> bool:
    return exclusion.reason.startswith((OF_THE_PERSON, OF_THE_PERSON_BEFORE))


def _submissions_by(dataset: Dataset, worker: str) -> list[Submission]:
    """Return the worker's submissions, locked in one order. Raises UserError if there are none."""
    return list(submissions_under(dataset, worker).select_for_update(of=("self",)).order_by("pk"))


def submissions_under(dataset: Dataset, worker: str) -> QuerySet[Submission]:
    """Return the submissions under a pseudonym. Raises UserError if there are none."""
    submissions = submissions_of(dataset, worker)
    if not submissions.exists():
        raise UserError(
            gettext("No worker “%(worker)s” has submitted work for dataset “%(dataset)s”.")
            % {"worker": worker, "dataset": dataset},
            shell=gettext(
                "The column “worker” of ./manage export contains_votes (or classify_votes) lists the pseudonyms."
            ),
            page=gettext("The column “worker” in the files of votes (under Files) lists the pseudonyms."),
        )
    return submissions


def submissions_named(dataset: Dataset, word: str) -> QuerySet[Submission]:
    """Return the submission to the dataset of this number, else those under this pseudonym. Raises UserError."""
    if word.isascii() and word.isdecimal() and int(word) <= LARGEST_NUMBER:
        numbered = Submission.objects.filter(hit__batch__dataset=dataset, pk=int(word))
        if numbered.exists():
            return numbered
    return submissions_under(dataset, word)


def _check_reason(reason: str, longest: int = LONGEST_REASON) -> None:
    if not reason.strip() or len(reason) > longest:
        raise UserError(
            ngettext(
                "An exclusion needs a reason of at most %(n)s character.",
                "An exclusion needs a reason of at most %(n)s characters.",
                longest,
            )
            % {"n": longest},
            shell=gettext("Write --reason '…'."),
        )


def _standing_exclusion(submission: Submission) -> Exclusion | None:
    return submission.exclusions.filter(lifted_at=None).first()
