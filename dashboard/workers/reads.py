"""Reads for the page of one worker and of one answer."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator

from catalog.models import Dataset
from contains_task.answers.reads import controls_passed
from workforce.kinds import kind_named
from workforce.models import Exclusion, Submission, Worker
from workforce.people.reads import timeline_of
from workforce.reads import n_selected_in, pause_of, pseudonym

SUBMISSIONS_PER_PAGE = 25


@dataclass(frozen=True)
class SubmissionShown:
    """A submission as a line of its worker's timeline.

    `seconds` of work as far as known; `n_passed` of `n_controls` answered controls; `reason` of a standing exclusion.
    """

    submission: Submission
    seconds: int | None
    n_selected: int | None
    n_shown: int
    n_unseen: int
    n_passed: int
    n_controls: int
    reason: str


def page_of_timeline(dataset: Dataset, worker: Worker, number: str) -> tuple[Page[Submission], list[SubmissionShown]]:
    """Return a page of a worker's submissions, the latest first."""
    page = Paginator(timeline_of(dataset, worker), SUBMISSIONS_PER_PAGE).get_page(number)
    return page, submissions_shown(list(page))


def submissions_shown(submissions: list[Submission]) -> list[SubmissionShown]:
    """Return submissions with what their lines show, in the same order."""
    ids = [submission.pk for submission in submissions]
    passed = controls_passed(ids)
    reasons = dict(Exclusion.objects.filter(submission__in=ids, lifted_at=None).values_list("submission", "reason"))
    return [
        SubmissionShown(
            submission,
            seconds_of(submission),
            n_selected_in(submission.answer) if "selected" in submission.answer else None,
            len(submission.answer.get("shown", ())),
            len(submission.answer.get("unseen", ())),
            *passed.get(submission.pk, (0, 0)),
            reasons.get(submission.pk, ""),
        )
        for submission in submissions
    ]


def seconds_of(submission: Submission) -> int | None:
    """Return the seconds from opening the page to submission, without pauses; None for replayed answers."""
    opened = submission.assignment or submission.lease
    if opened is None:
        return None
    seconds = (submission.submitted_at - opened.opened_at).total_seconds() - pause_of(submission.answer)
    return max(1, round(seconds))


def answer_context(submission: Submission) -> dict[str, Any]:
    """Return what the page of one answer shows of it: the template of its kind of task, and the template's context."""
    shown = kind_named(submission.hit.batch.kind).answer_shown
    if shown is None or "selected" not in submission.answer:
        return {}
    return {"template": shown.template, "content": shown.context(submission.hit_id, submission)}


def name_of(submission: Submission) -> str:
    return pseudonym(submission.hit.batch.dataset, submission.worker_id)
