"""What was handed in with an assignment, for who decides about its pay: the question, and what they said to it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from catalog.models import Image, Label
from classify_task.models import ClassifyVote, Form
from classify_task.reads import labels_to_offer
from contains_task.models import Grid
from contains_task.reads import answered_cells
from workforce.marketplaces.documents import UnreadableAnswers, answers_in
from workforce.marketplaces.mturk import scrubbed
from workforce.models import ListedAssignment, Submission
from workforce.pay.reads import active_seconds_of
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


class Cell(NamedTuple):
    """A photograph of a grid; `is_ticked` is None where there is no answer."""

    image: Image
    is_ticked: bool | None


class Offered(NamedTuple):
    """A label of a form."""

    label: Label
    is_chosen: bool
    is_main: bool


@dataclass(frozen=True)
class Answer:
    """Of a grid its class and cells, of a form its photograph and labels, as they were asked about.

    `problem` says why there is no answer to show; `kept` is what the marketplace keeps in its place, by field.
    `seconds` of active work, where they are known.
    """

    label: Label | None = None
    cells: list[Cell] = field(default_factory=list)
    image: Image | None = None
    labels: list[Offered] = field(default_factory=list)
    seconds: float | None = None
    problem: str = ""
    kept: list[tuple[str, str]] = field(default_factory=list)

    @property
    def n_ticked(self) -> int:
        return sum(bool(cell.is_ticked) for cell in self.cells)


def answer_of(listed: ListedAssignment) -> Answer:
    if listed.finding == Finding.COMPENSATION:
        return Answer(problem=NONE_KEPT[Finding.COMPENSATION])
    submission = listed.submission
    seconds = None if submission is None or submission.lease is None else active_seconds_of([listed])[listed.pk]
    problem = NONE_KEPT.get(Finding(listed.finding), NO_ANSWER) if submission is None else problem_of(submission)
    about = {"seconds": seconds, "problem": problem, "kept": kept_there(listed) if problem else []}
    grid = Grid.objects.filter(hit=listed.marketplace_hit.hit_id).select_related("label").first()
    if grid is not None:
        cells = [Cell(cell.image, ticked) for cell, ticked in answered_cells(grid, submission)]
        return Answer(label=grid.label, cells=cells, **about)
    form = Form.objects.filter(hit=listed.marketplace_hit.hit_id).select_related("image__dataset").first()
    return Answer(**about) if form is None else Answer(image=form.image, labels=_offered(form, submission), **about)


def problem_of(submission: Submission) -> str:
    if is_recovered(submission):
        return NOT_READ_YET
    return "" if "selected" in submission.answer else NO_ANSWER


def _offered(form: Form, submission: Submission | None) -> list[Offered]:
    vote = ClassifyVote.objects.filter(submission=submission).first() if submission else None
    chosen, main = (set(vote.selected), vote.main) if vote else (set(), None)
    return [Offered(label, label.index in chosen, label.index == main) for label in labels_to_offer(form)]


def kept_there(listed: ListedAssignment) -> list[tuple[str, str]]:
    """What the marketplace keeps of it, by field, without ids of workers; a document that is none as one field."""
    try:
        fields = answers_in(listed.answer) if listed.answer else {}
    except UnreadableAnswers as error:
        fields = {"unreadable": f"{error} It begins: {listed.answer}"}
    shown = list(fields.items())[:FIELDS_SHOWN]
    return [(scrubbed(name)[:LONGEST_NAME], scrubbed(value)[:LONGEST_FIELD]) for name, value in shown]
