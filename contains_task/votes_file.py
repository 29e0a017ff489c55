"""Reading of a file of CONTAINS votes: a row is one worker's answer on one image."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext

from catalog.models import Label
from contains_task.models import Role
from workforce.votes.reads import (
    BadCell,
    Cells,
    Origin,
    check_dataset_labels,
    class_index,
    dataset_label_in,
    origin_of,
    person_in,
    refuse_repeats,
    sitting,
)

COLUMNS = ("image", "label", "rater", "answer")
ANSWERS = ("yes", "maybe", "no")


class ContainsAnswer(NamedTuple):
    origin: Origin
    dataset_label: int | None
    label: int
    answer: str

    @property
    def question(self) -> tuple[Any, ...]:
        return self.origin.image, self.label

    @property
    def cell_role(self) -> str:
        """Return the role of the cell: a repeat is a question that its worker answered in another grid before."""
        return Role.QUESTION.value if self.origin.role == Role.REPEAT else self.origin.role


def contains_answer(line: int, cells: Cells, labels: Container[int]) -> ContainsAnswer:
    if cells["answer"] not in ANSWERS:
        message = gettext("answer is “%(value)s”. It must be one of: %(choices)s.")
        raise BadCell(message % {"value": cells["answer"], "choices": ", ".join(ANSWERS)})
    rater = person_in(cells, "rater")
    return ContainsAnswer(
        origin=origin_of(line, cells, f"contains:{rater}", Role.values),
        dataset_label=dataset_label_in(cells, labels),
        label=class_index(cells["label"], "label", labels),
        answer=cells["answer"],
    )


def contains_answers(answers: list[ContainsAnswer]) -> list[ContainsAnswer]:
    """Return the answers of a file in the order of its lines. Raises BadRow if two of them contradict each other."""
    refuse_repeats(answers, gettext("image, label and rater"), lambda answer: (*sitting(answer), answer.label))
    check_dataset_labels(answers)
    return answers


def staged_values(answers: Sequence[ContainsAnswer], labels: Mapping[int, Label]) -> Iterator[tuple[Any, ...]]:
    for answer in answers:
        yield answer.answer == "yes", answer.answer == "maybe", labels[answer.label].pk, answer.cell_role
