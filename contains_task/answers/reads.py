"""Reads of a stored answer to a grid, cell by cell, as its page showed them."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy

from catalog.models import Image
from contains_task.models import ContainsVote, Grid, GridCell, Role
from workforce.models import Submission
from workforce.reads import is_excluded

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# The answer to a cell that gave no vote: its photograph was not loaded, or not seen.
UNSEEN = "unseen"
# For researchers, by role and expected answer.
ROLE_NAMES: "dict[tuple[str, bool | None], StrPromise]" = {
    (Role.CONTROL, True): gettext_lazy("control: shows it"),
    (Role.CONTROL, False): gettext_lazy("control: does not show it"),
    (Role.CONTROL, None): gettext_lazy("control"),
    (Role.PADDING, None): gettext_lazy("filler"),
    (Role.REPEAT, None): gettext_lazy("repeat"),
}


class Others(NamedTuple):
    """Answers of other people to a photograph in grids of the same class, and how many of them select it."""

    n: int = 0
    n_selected: int = 0


@dataclass(frozen=True)
class CellShown:
    """A cell with its answer (yes, maybe, no, unseen, or empty), and what others answered to the same question."""

    image: Image
    answer: str
    role: str
    expected: bool | None
    others: Others

    @property
    def role_name(self) -> "StrPromise | str":
        return ROLE_NAMES.get((self.role, self.expected), "")

    @property
    def is_passed(self) -> bool | None:
        """Return whether the control is passed; None for another cell, and for a control without yes or no.

        >>> CellShown(Image(), "no", Role.CONTROL, True, Others()).is_passed
        False
        >>> CellShown(Image(), UNSEEN, Role.CONTROL, True, Others()).is_passed is None
        True
        """
        if self.role != Role.CONTROL or self.expected is None or self.answer not in ("yes", "no"):
            return None
        return (self.answer == "yes") == self.expected

    @property
    def differs(self) -> bool:
        """Return whether at least three others answered, and most of them otherwise."""
        n_yes, n = self.others.n_selected, self.others.n
        if n < 3 or self.answer not in ("yes", "no"):
            return False
        return 2 * n_yes > n if self.answer == "no" else 2 * n_yes < n


def answered_cells(grid: Grid, submission: Submission | None) -> list[tuple[GridCell, str]]:
    """Return the grid's cells in the order of the person's page, each with its answer in this submission.

    The answer is yes, maybe, no, or unseen; empty without a submission. An unseen cell has no vote: as a control, it is
    not failed. Without a page, as for replayed answers, the order is that of the grid.
    """
    answer = submission.answer if submission else {}
    votes = {vote.image_id: vote.answer for vote in ContainsVote.objects.filter(submission=submission)}
    unseen = set(answer.get("unseen", ()))
    place = {public_id: number for number, public_id in enumerate(answer.get("shown", ()))}
    cells = grid.cells.select_related("image").order_by("position")
    in_order = sorted(cells, key=lambda cell: place.get(cell.image.public_id, cell.position))
    return [(cell, UNSEEN if cell.image.public_id in unseen else votes.get(cell.image_id, "")) for cell in in_order]


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    """Return what the template of an answer shows: the grid's label, its cells, and how many controls were passed."""
    grid = Grid.objects.filter(hit=hit_id).select_related("label").first()
    if grid is None:
        return {}
    others = others_on(grid, submission)
    cells = [
        CellShown(cell.image, answer, cell.role, cell.expected, others.get(cell.image_id, Others()))
        for cell, answer in answered_cells(grid, submission)
    ]
    counts = Counter(cell.answer for cell in cells)
    results = [cell.is_passed for cell in cells if cell.is_passed is not None]
    n_of_each = {f"n_{answer}": counts[answer] for answer in ("yes", "maybe", UNSEEN)}
    controls = {"n_controls": len(results), "n_passed": sum(results)}
    controls["n_all_controls"] = sum(cell.role == Role.CONTROL for cell in cells)
    return {"label": grid.label, "cells": cells} | n_of_each | controls


def others_on(grid: Grid, submission: Submission | None) -> dict[int, Others]:
    """Return the answers of other people to a grid's cells, by image: confirmed and not excluded, in whatever role."""
    images = grid.cells.values("image")
    votes = ContainsVote.objects.filter(label=grid.label_id, image__in=images, submission__state="confirmed")
    votes = votes.exclude(worker=submission.worker_id) if submission else votes
    standing = votes.filter(~is_excluded()).exclude(role=Role.REPEAT).order_by()
    rows = standing.values_list("image").annotate(n=Count("pk"), n_selected=Count("pk", filter=Q(selected=True)))
    return {image: Others(n, n_selected) for image, n, n_selected in rows}


def controls_passed(submission_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Return, for each of these submissions with answered controls, how many were passed, and how many answered."""
    controls = ContainsVote.objects.filter(
        submission__in=submission_ids,
        role=Role.CONTROL,
        maybe=False,
        submission__hit__grid__cells__image=F("image"),
        submission__hit__grid__cells__expected__isnull=False,
    )
    passed = Q(submission__hit__grid__cells__expected=F("selected"))
    rows = controls.order_by().values_list("submission").annotate(n_passed=Count("pk", filter=passed), n=Count("pk"))
    return {submission: (n_passed, n) for submission, n_passed, n in rows}
