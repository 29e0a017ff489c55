"""The consensus of the annotators of one image.

Source: Tsipras et al. 2020, section 3.2 (the CLASSIFY task); ties as in the paper's released data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def mode_first(values: Sequence[int]) -> int:
    """Return the most frequent value; ties: the value met first.

    Args:
        values: (V,) one value per annotator, in the order of submission.

    Raises:
        ValueError: there are no values.

    >>> mode_first([2, 1, 1, 2, 3])
    2
    """
    if not len(values):
        raise ValueError("There are no values to find a mode of; pass one value per annotator.")
    # Counter keeps the order of first appearance, and most_common(1) the first of equal counts.
    return int(Counter(values).most_common(1)[0][0])


def number_of_objects(selections: Sequence[Sequence[int]]) -> int:
    """Return the number of objects of an image: the mode of the sizes of its annotators' selections.

    Args:
        selections: V sequences of label indexes, one per annotator, in the order of submission.

    Raises:
        ValueError: there are no selections.

    Source: Tsipras et al. 2020, section 3.2.

    >>> number_of_objects([[4, 7], [7], [4, 9]])
    2
    """
    return mode_first([len(selection) for selection in selections])


def main_label(mains: Sequence[int]) -> int:
    """Return the label that most annotators call the main one; ties: the label met first.

    Args:
        mains: (V,) main label of each annotator, in the order of submission.

    Raises:
        ValueError: there are no main labels.

    Source: Tsipras et al. 2020, section 3.2.

    >>> main_label([7, 4, 4, 7])
    7
    """
    return mode_first(mains)
