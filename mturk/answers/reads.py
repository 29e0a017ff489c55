"""What was handed in with an assignment, for who decides about its pay: the question, and what they said to it."""

from dataclasses import dataclass, field
from typing import Any

from mturk.endpoint import scrubbed
from mturk.models import ListedAssignment
from mturk.payments.reads import active_seconds_of
from mturk.xml_documents import UnreadableAnswers, answers_in
from workforce.kinds import kind_named
from workforce.models import Submission
from workforce.reads import is_recovered

FIELDS_SHOWN, LONGEST_NAME, LONGEST_FIELD = 12, 60, 300
Finding = ListedAssignment.Finding
NONE_KEPT = {
    Finding.COMPENSATION: "A compensation asks nothing: there is no answer.",
    Finding.REPEATED: "This person had answered the HIT before. That answer stands; this one does not count.",
    Finding.UNREADABLE: "What was handed in cannot be read as an answer to this HIT: it does not count.",
}
NOT_READ_YET = "The answer came through the marketplace alone and is not read yet: look again in a few minutes."
NO_ANSWER = "What came through the marketplace is no answer to this HIT: it does not count."


@dataclass(frozen=True)
class Answer:
    """What was asked and answered: `content`, for the template of its kind of task; empty if nothing was asked.

    `problem` says why there is no answer to show; `kept` is what the marketplace keeps in its place, by field.
    `seconds` of active work, where they are known.
    """

    template: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    problem: str = ""
    kept: list[tuple[str, str]] = field(default_factory=list)


def answer_of(listed: ListedAssignment) -> Answer:
    if listed.finding == Finding.COMPENSATION:
        return Answer(problem=NONE_KEPT[Finding.COMPENSATION])
    submission = listed.submission
    seconds = None if submission is None or submission.lease is None else active_seconds_of([listed])[listed.pk]
    problem = NONE_KEPT.get(Finding(listed.finding), NO_ANSWER) if submission is None else problem_of(submission)
    kept = kept_there(listed) if problem else []
    hit = listed.marketplace_hit.hit
    shown = kind_named(hit.batch.kind).answer_shown
    if shown is None:
        return Answer(seconds=seconds, problem=problem, kept=kept)
    return Answer(shown.template, shown.context(hit.pk, submission), seconds, problem, kept)


def problem_of(submission: Submission) -> str:
    if is_recovered(submission):
        return NOT_READ_YET
    return "" if "selected" in submission.answer else NO_ANSWER


def kept_there(listed: ListedAssignment) -> list[tuple[str, str]]:
    """What the marketplace keeps of it, by field, without ids of workers; a document that is none as one field."""
    try:
        fields = answers_in(listed.answer) if listed.answer else {}
    except UnreadableAnswers as error:
        fields = {"unreadable": f"{error} It begins: {listed.answer}"}
    shown = list(fields.items())[:FIELDS_SHOWN]
    return [(scrubbed(name)[:LONGEST_NAME], scrubbed(value)[:LONGEST_FIELD]) for name, value in shown]
