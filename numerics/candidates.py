"""Candidate labels: which labels of an image go on to the CLASSIFY form.

Source: Tsipras et al. 2020, section 3.1; the exact figures (half, 5 votes, 5 others) and the four-way split
are those that the paper's released data follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from numerics.selection import check_counts

Counts = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class PruningRule:
    """The figures that a label must reach to stay a candidate.

    Attributes:
        min_shown: votes that a label needs before its frequency is used; the dataset's own label included.
        ratio: (numerator, denominator), the part of the dataset label's selection frequency to reach.
        max_other_labels: how many labels at most join the dataset's own.

    Raises:
        ValueError: a figure is not a whole number, or out of its range.

    >>> PruningRule()
    PruningRule(min_shown=5, ratio=(1, 2), max_other_labels=5)
    """

    min_shown: int = 5
    ratio: tuple[int, int] = (1, 2)
    max_other_labels: int = 5

    def __post_init__(self) -> None:
        for name in ("min_shown", "max_other_labels"):
            value = getattr(self, name)
            if not _is_whole(value) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more.")
        if len(self.ratio) != 2 or not all(_is_whole(part) for part in self.ratio):
            raise ValueError(f"ratio is {self.ratio!r}; give two whole numbers, such as (1, 2) for a half.")
        numerator, denominator = self.ratio
        if not 0 < numerator <= denominator:
            raise ValueError(f"ratio is {numerator}/{denominator}; it must be above 0 and at most 1.")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Split(StrEnum):
    """The four groups of images once the CONTAINS votes are in."""

    TOO_FEW_VOTES = "too_few_votes"
    REJECTED = "rejected"
    SETTLED = "settled"
    FOLLOW_UP = "follow_up"


def candidate_labels(
    labels: Counts,
    n_selected: Counts,
    n_shown: Counts,
    dataset_label: int,
    rule: PruningRule | None = None,
) -> tuple[Split, list[int]]:
    """Sort one image into the four-way split and list its candidate labels.

    A label other than the dataset's own qualifies if it was shown `rule.min_shown` times or more and its
    selection frequency is at least `rule.ratio` of the dataset label's. Frequencies are compared as fractions
    of whole numbers, so that exactly a half is a half. Of more than `rule.max_other_labels`, those with the
    highest frequency stay (ties: the lowest label index).

    Args:
        labels: (L,) label indexes, each once.
        n_selected: (L,) votes that selected the label.
        n_shown: (L,) votes on the label.
        dataset_label: the label that the dataset gives the image; one missing from `labels` was never shown.
        rule: the figures; None for those of the paper.

    Returns:
        The state, and label indexes in ascending order:
        FOLLOW_UP: the dataset label and those that qualify with it;
        SETTLED: the dataset label alone, as nothing else qualifies;
        REJECTED: nothing, since nobody selected the dataset label: any frequency reaches a part of 0, so the
        comparison says nothing about the other labels;
        TOO_FEW_VOTES: nothing, since the dataset label was shown fewer than `rule.min_shown` times.

    Raises:
        ValueError: lengths differ, a label occurs twice, or a count is impossible.

    Source: Tsipras et al. 2020, section 3.1.

    >>> candidate_labels([39, 40, 42, 46, 47], [8, 4, 2, 3, 7], [8, 8, 4, 8, 8], 47)
    (<Split.FOLLOW_UP: 'follow_up'>, [39, 40, 47])
    """
    rule = rule or PruningRule()
    votes = _votes_by_label(labels, n_selected, n_shown)
    base_selected, base_shown = votes.pop(dataset_label, (0, 0))
    if base_shown < rule.min_shown:
        return Split.TOO_FEW_VOTES, []
    if base_selected == 0:
        return Split.REJECTED, []
    numerator, denominator = rule.ratio
    other_labels = [
        label
        for label, (n_selected, n_shown) in votes.items()
        if n_shown >= rule.min_shown and n_selected * denominator * base_shown >= numerator * base_selected * n_shown
    ]
    if not other_labels:
        return Split.SETTLED, [dataset_label]
    other_labels.sort(key=lambda label: (-Fraction(*votes[label]), label))
    return Split.FOLLOW_UP, sorted([dataset_label, *other_labels[: rule.max_other_labels]])


def _votes_by_label(labels: Counts, n_selected: Counts, n_shown: Counts) -> dict[int, tuple[int, int]]:
    """Return label to (n_selected, n_shown) as Python integers, which never overflow."""
    names, selections, views = (np.asarray(counts, dtype=np.int64) for counts in (labels, n_selected, n_shown))
    if not names.ndim == selections.ndim == views.ndim == 1 or not names.size == selections.size == views.size:
        raise ValueError(
            f"An image has {names.size} labels, {selections.size} selected counts and {views.size} shown "
            f"counts; pass one of each per label."
        )
    check_counts(selections, views)
    votes = dict(zip(names.tolist(), zip(selections.tolist(), views.tolist(), strict=True), strict=True))
    if len(votes) < names.size:
        twice = next(label for label in votes if np.count_nonzero(names == label) > 1)
        raise ValueError(f"Label {twice} occurs more than once; pool its votes before pruning.")
    return votes
