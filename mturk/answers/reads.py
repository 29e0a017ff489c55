"""The question and the answer of an assignment, for the researcher who decides about its pay."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, gettext_lazy

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
    Finding.COMPENSATION: gettext_lazy("A compensation asks nothing: there is no answer."),
    Finding.REPEATED: gettext_lazy("The worker had answered this HIT before. Only the first answer counts."),
    Finding.UNREADABLE: gettext_lazy("The submission is not a valid answer to this HIT. It does not count."),
}
NOT_READ_YET = gettext_lazy(
    "The answer came only from the marketplace’s copy and is not processed yet. Look again in a few minutes."
)
NO_ANSWER = gettext_lazy("The marketplace’s copy is not a valid answer to this HIT. It does not count.")


@dataclass(frozen=True)
class Answer:
    """A question and its answer: `content` for the template of its kind of task; empty without a question.

    `problem` is the reason why there is no answer to show, and `kept` the marketplace's copy of it, by field.
    `seconds` of active work, if known.
    """

    template: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    problem: str = ""
    kept: list[tuple[str, str]] = field(default_factory=list)

    @property
    def whole_seconds(self) -> int | None:
        return None if self.seconds is None else round(self.seconds)


def answer_of(listed: ListedAssignment) -> Answer:
    if listed.finding == Finding.COMPENSATION:
        return Answer(problem=str(NONE_KEPT[Finding.COMPENSATION]))
    submission = listed.submission
    seconds = None if submission is None or submission.lease is None else active_seconds_of([listed])[listed.pk]
    problem = str(NONE_KEPT.get(Finding(listed.finding), NO_ANSWER)) if submission is None else problem_of(submission)
    kept = kept_there(listed) if problem else []
    hit = listed.marketplace_hit.hit
    shown = kind_named(hit.batch.kind).answer_shown
    if shown is None:
        return Answer(seconds=seconds, problem=problem, kept=kept)
    return Answer(shown.template, shown.context(hit.pk, submission), seconds, problem, kept)


def problem_of(submission: Submission) -> str:
    if is_recovered(submission):
        return str(NOT_READ_YET)
    return "" if "selected" in submission.answer else str(NO_ANSWER)


def kept_there(listed: ListedAssignment) -> list[tuple[str, str]]:
    """Return the marketplace's copy by field, without ids of workers; an unreadable document is one field."""
    try:
        fields = answers_in(listed.answer) if listed.answer else {}
    except UnreadableAnswers as error:
        fields = {"unreadable": gettext("%(error)s It begins: %(answer)s") % {"error": error, "answer": listed.answer}}
    shown = list(fields.items())[:FIELDS_SHOWN]
    return [(scrubbed(name)[:LONGEST_NAME], scrubbed(value)[:LONGEST_FIELD]) for name, value in shown]
