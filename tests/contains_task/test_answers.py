"""Stored answers to grids as researchers see them: controls passed, and the votes of others."""

import pytest

from catalog.models import Image
from contains_task.answers.reads import UNSEEN, CellShown, Others, answer_shown, controls_passed
from contains_task.models import ContainsVote
from tests.dashboard.workers.studies_of_workers import SmallStudy

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> SmallStudy:
    return SmallStudy()


def test_controls_are_counted_for_many_submissions_at_once(study):
    submissions = [study.answer(selected) for selected in ([2], [3], [0, 1, 2, 3])]
    passed = controls_passed([submission.pk for submission in submissions])
    assert [passed[submission.pk] for submission in submissions] == [(2, 2), (0, 2), (1, 2)]
    assert controls_passed([]) == {}


def test_a_maybe_neither_passes_nor_fails_a_control(study):
    submission = study.answer([])
    ContainsVote.objects.filter(submission=submission, image=study.images[2]).update(maybe=True)
    assert controls_passed([submission.pk]) == {submission.pk: (1, 1)}
    shown = answer_shown(submission.hit_id, submission)
    assert (shown["n_passed"], shown["n_controls"], shown["n_all_controls"]) == (1, 1, 2)


def test_without_an_answer_the_controls_are_shown_and_none_is_counted(study):
    shown = answer_shown(study.grid.hit_id, None)
    assert (shown["n_passed"], shown["n_controls"], shown["n_all_controls"]) == (0, 0, 2)
    assert {cell.answer for cell in shown["cells"]} == {""}


@pytest.mark.parametrize(
    ("answer", "others", "differs"),
    [
        ("yes", Others(3, 1), True),
        ("yes", Others(4, 2), False),
        ("no", Others(3, 2), True),
        ("no", Others(3, 1), False),
        ("yes", Others(2, 0), False),
        ("maybe", Others(9, 9), False),
        (UNSEEN, Others(9, 9), False),
    ],
)
def test_a_cell_differs_if_most_of_three_or_more_others_said_otherwise(answer, others, differs):
    assert CellShown(Image(), answer, "question", None, others).differs == differs
