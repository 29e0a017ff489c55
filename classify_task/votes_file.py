"""Reading of a file of CLASSIFY votes: a row is one worker's answer to one form."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext

from catalog.models import Label
from classify_task.models import Role
from workforce.votes.reads import (
    BadCell,
    BadRow,
    Cells,
    Origin,
    check_dataset_labels,
    class_index,
    dataset_label_in,
    origin_of,
    refuse_repeats,
    sitting,
    whole_number_in,
)

COLUMNS = ("image", "dataset_label", "annotator", "main", "selected")
MOST_LABELS = 12


class ClassifyAnswer(NamedTuple):
    origin: Origin
    dataset_label: int | None
    annotator: int
    main: int
    selected: list[int]

    @property
    def question(self) -> tuple[Any, ...]:
        return (self.origin.image,)

    @property
    def cell_role(self) -> str:
        return Role.QUESTION.value

    @property
    def labels(self) -> set[int]:
        """Return the labels that its form must have offered."""
        return {*self.selected, *(() if self.dataset_label is None else (self.dataset_label,))}


def classify_answer(line: int, cells: Cells, labels: Container[int]) -> ClassifyAnswer:
    annotator = whole_number_in(cells, "annotator")
    main = class_index(cells["main"], "main", labels)
    selected = [class_index(cell, "selected", labels) for cell in cells["selected"].split()]
    if not selected:
        raise BadCell(gettext("selected is empty. Every answer has at least one label."))
    if len(set(selected)) < len(selected):
        raise BadCell(gettext("selected has a label twice: %(labels)s.") % {"labels": cells["selected"]})
    if main not in selected:
        message = gettext("main is %(main)s. It must be one of the selected labels: %(labels)s.")
        raise BadCell(message % {"main": main, "labels": cells["selected"]})
    return ClassifyAnswer(
        origin=origin_of(line, cells, f"classify:{annotator}", Role.values),
        dataset_label=dataset_label_in(cells, labels),
        annotator=annotator,
        main=main,
        selected=selected,
    )


def classify_answers(answers: list[ClassifyAnswer]) -> list[ClassifyAnswer]:
    """Return the answers of a file: images in order of appearance, answers by annotator within each.

    Raises BadRow if two of them contradict each other.
    """
    refuse_repeats(answers, gettext("image and annotator"), lambda answer: (answer.origin.image, answer.annotator))
    refuse_repeats(answers, gettext("image and worker"), sitting)
    check_dataset_labels(answers)
    _check_forms(answers)
    first = {answer.origin.image: place for place, answer in reversed(list(enumerate(answers)))}
    return sorted(answers, key=lambda answer: (first[answer.origin.image], answer.annotator))


def _check_forms(answers: Sequence[ClassifyAnswer]) -> None:
    """Raise BadRow if the labels of an image do not fit on a form."""
    offered: dict[str, set[int]] = defaultdict(set)
    for answer in answers:
        image = answer.origin.image
        offered[image] |= answer.labels
        if len(offered[image]) > MOST_LABELS:
            message = gettext("up to this line, %(image)s has more than %(n)s labels. A form can offer no more.")
            raise BadRow(answer.origin.line, message % {"image": image, "n": MOST_LABELS})


def staged_values(answers: Sequence[ClassifyAnswer], labels: Mapping[int, Label]) -> Iterator[tuple[Any, ...]]:
    offered: dict[str, set[int]] = defaultdict(set)
    for answer in answers:
        offered[answer.origin.image] |= answer.labels
    for answer in answers:
        yield _array(answer.selected), answer.main, _array(sorted(offered[answer.origin.image]))


def _array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
