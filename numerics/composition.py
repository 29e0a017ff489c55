"""The composition of CONTAINS grids: questions, control images and padding.

A grid asks about one class. Its positive controls are images that surely show the class, that is, images with this
class as dataset label. Its negative controls do not show it, as far as is known: images of the most similar other
classes about which this class is not asked. Both are drawn at random by the generator that is passed in, so that the
same seed gives the same grids.

Sources: Tsipras et al. 2020, section 3.1 (one class per grid, control images); Recht et al. 2019 (ImageNetV2), whose
published grids have hard negatives and the padding followed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
Images = NDArray[np.int64]
NONE = -1
"""In a place for a label: there is none."""
NOTHING: Images = np.empty(0, np.int64)
"""No images."""


class CellRole(StrEnum):
    """The purpose of a cell in its grid; only a QUESTION is a vote that counts."""

    QUESTION = "question"
    POSITIVE = "control+"
    NEGATIVE = "control-"
    PADDING = "padding"


ROLE_TYPE = f"<U{max(map(len, CellRole))}"


@dataclass(frozen=True)
class GridProfile:
    """The composition of a grid.

    Attributes:
        cells: cells of a grid.
        n_positive: positive control cells.
        n_negative: negative control cells.
        pad: whether a short last grid is filled up, or left short.

    Raises:
        ValueError: a number is negative, or no cell is left for questions.

    >>> GridProfile(cells=25, n_positive=2, n_negative=2).n_questions
    21
    """

    cells: int = 48
    n_positive: int = 0
    n_negative: int = 0
    pad: bool = True

    def __post_init__(self) -> None:
        for name in ("n_positive", "n_negative"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; a number of cells is 0 or more.")
        if self.n_questions < 1:
            raise ValueError(
                f"A grid of {self.cells} cells with {self.n_positive} + {self.n_negative} controls has no cell for a "
                f"question; have more cells or fewer controls."
            )

    @property
    def n_questions(self) -> int:
        """Return the number of cells left for questions."""
        return self.cells - self.n_positive - self.n_negative


TSIPRAS = GridProfile(cells=48, n_positive=5, n_negative=0)
"""Tsipras et al. 2020: five images of the class. Neither the main text nor the released data confirms the figure."""
IMAGENETV2 = GridProfile(cells=48, n_positive=3, n_negative=3)
"""Recht et al. 2019: three images of the class, three of the most similar other class, 42 questions."""
PROFILES = {"tsipras": TSIPRAS, "imagenetv2": IMAGENETV2}


@dataclass(frozen=True)
class Shortfall:
    """A lack of images: a grid has fewer cells of a kind than its profile.

    Attributes:
        role: POSITIVE or NEGATIVE: controls of the profile; PADDING: any cells that were to fill a short grid.
        n_required: cells of that role in the profile.
        n_available: cells of that role in the grid.

    >>> print(Shortfall(CellRole.POSITIVE, 5, 2))
    2 of 5 positive controls
    """

    role: CellRole
    n_required: int
    n_available: int

    def __str__(self) -> str:
        kind = {CellRole.POSITIVE: "positive controls", CellRole.NEGATIVE: "negative controls"}
        return f"{self.n_available} of {self.n_required} {kind.get(self.role, 'cells to fill up a short grid')}"


@dataclass(frozen=True)
class Grid:
    """The cells of a grid, grouped by role: their positions on the page are shuffled later.

    Attributes:
        images: (n,) image of each cell, each once.
        roles: (n,) its `CellRole`.
        shortfalls: the missing cells, empty for a complete grid.
    """

    images: Images
    roles: NDArray[np.str_]
    shortfalls: tuple[Shortfall, ...]

    def having(self, role: CellRole) -> Images:
        """Return the images of the cells with a role."""
        images: Images = self.images[self.roles == role]
        return images


def compose(
    questions: IntArray,
    positives: IntArray,
    negatives: Sequence[IntArray],
    profile: GridProfile,
    rng: np.random.Generator,
    elsewhere: IntArray = NOTHING,
    used: IntArray = NOTHING,
) -> list[Grid]:
    """Make the grids of one class.

    The questions are dealt at random onto as few grids as hold them, all full but the last; images that may serve as
    positive controls are spread evenly, so that each grid finds enough of them outside itself. A short last grid is
    filled with questions of the grids before it, drawn at random. If it is the only grid, half of the gap (rounded up)
    is filled with further images of the class and half with images of the classes of negative controls; they are
    padding, without an expected answer. An image is in a grid once. Where images run out the grid has fewer cells,
    which its shortfalls list.

    A grid's controls are drawn at random from the images that are not in it; of equals, the controls of the fewest
    grids: a worker with two grids of a class must not recognise the controls. Positive controls are preferably images
    that no grid asks about for this class; but often all images of the class are asked about. Negative controls never
    are asked about: such an image may show the class, and a worker who says so must not be counted as wrong. So a class
    whose images are all asked about is skipped for the next one, and without a next one the grid has fewer negative
    controls. Nobody has checked the other images: an expected "no" may still be wrong, as in the published grids.

    Args:
        questions: (Q,) images to be asked about, each once.
        positives: (A,) images that surely show the class: those with the class as dataset label. Some may be questions.
        negatives: pools of images of other classes, the preferred pool first (the most similar class). A pool is used
            only when the pools before it are exhausted. An image in several counts for the first.
        profile: the composition of a grid.
        rng: source of all chance. The order of the arrays has no influence.
        elsewhere: images that other grids ask about this class; questions among them count once.
        used: controls of earlier grids of this class, each as often as it was used.

    Returns:
        The grids; none without questions.

    Raises:
        ValueError: a question occurs twice, or an image is both a positive and a negative control.

    Source: Recht et al. 2019, published grids; Tsipras et al. 2020, section 3.1; which controls come first is ours.

    >>> profile = GridProfile(cells=5, n_positive=1, n_negative=1)
    >>> images = np.arange(5)
    >>> grids = compose(images, images[:3], [images + 10], profile, np.random.default_rng(0))
    >>> [grid.roles.tolist() for grid in grids][1]
    ['question', 'question', 'control+', 'control-', 'padding']
    """
    images = np.sort(np.asarray(questions).astype(np.int64))
    repeated = images[1:][images[1:] == images[:-1]]
    if repeated.size:
        raise ValueError(f"Image {repeated[0]} is asked about twice; pass each question once.")
    everywhere = np.union1d(images, np.asarray(elsewhere).astype(np.int64))
    _check_pools(positives, negatives)
    showing, other = _pool([positives], profile, used), _pool(negatives, profile, used, barred=everywhere)
    showing.turn += np.isin(showing.images, everywhere)
    chunks = _deal(images, showing.images, profile.n_questions, rng)
    earlier = np.concatenate([NOTHING, *chunks[:-1]])
    return [_grid(chunk, earlier, showing, other, profile, rng) for chunk in chunks]


def _check_pools(positives: IntArray, negatives: Sequence[IntArray]) -> None:
    shared = np.intersect1d(positives, np.concatenate([NOTHING, *negatives]))
    if shared.size:
        raise ValueError(f"Image {shared[0]} is both a positive and a negative control; remove it from one pool.")


@dataclass
class _Pool:
    """Images that may be controls of one class: (A,) each, with its turn and the number of its uses."""

    images: Images
    turn: Images
    times: Images

    def draw(self, n: int, barred: Images, rng: np.random.Generator) -> Images:
        """Draw up to n images that are not barred: by turn, then the least used, then at random."""
        free = np.flatnonzero(~np.isin(self.images, barred))
        order = np.lexsort((rng.random(free.size), self.times[free], self.turn[free]))
        drawn = free[order[:n]]
        self.times[drawn] += 1
        return self.images[drawn]


def _pool(pools: Sequence[IntArray], profile: GridProfile, used: IntArray, barred: Images = NOTHING) -> _Pool:
    parts = [NOTHING]
    for pool in pools:
        parts.append(np.setdiff1d(np.asarray(pool).astype(np.int64), barred))
        # A grid takes at most `cells` images and bars at most as many, so no later pool can be reached.
        if np.unique(np.concatenate(parts)).size >= 2 * profile.cells:
            break
    images, first = np.unique(np.concatenate(parts), return_index=True)
    turn = 2 * np.repeat(np.arange(len(parts)), [part.size for part in parts])[first]
    controls, n_times = np.unique(np.asarray(used).astype(np.int64), return_counts=True)
    times = np.zeros(images.size, np.int64)
    times[np.isin(images, controls)] = n_times[np.isin(controls, images)]
    return _Pool(images, turn, times)


def _deal(questions: Images, showing: Images, size: int, rng: np.random.Generator) -> list[Images]:
    """Cut the questions into chunks of `size`, the last maybe shorter, with possible controls spread evenly."""
    hand = questions[np.lexsort((rng.random(questions.size), ~np.isin(questions, showing)))]
    chunk, place = np.divmod(np.arange(questions.size), size)
    evenly = np.argsort((place + 0.5) / np.bincount(chunk)[chunk], kind="stable")
    dealt = np.empty_like(hand)
    dealt[evenly] = hand
    return [dealt[start : start + size] for start in range(0, questions.size, size)]


def _grid(
    chunk: Images, earlier: Images, showing: _Pool, other: _Pool, profile: GridProfile, rng: np.random.Generator
) -> Grid:
    gap = profile.n_questions - chunk.size if profile.pad else 0
    more_positive, more_negative = (0, 0) if earlier.size else (gap - gap // 2, gap // 2)
    showing_it = showing.draw(profile.n_positive + more_positive, chunk, rng)
    not_it = other.draw(profile.n_negative + more_negative, chunk, rng)
    positive, negative = showing_it[: profile.n_positive], not_it[: profile.n_negative]
    padding = np.concatenate([showing_it[profile.n_positive :], not_it[profile.n_negative :]])
    if gap and earlier.size:
        padding = rng.permutation(np.setdiff1d(earlier, np.concatenate([positive, negative])))[:gap]
    parts = dict(zip(CellRole, (chunk, positive, negative, padding), strict=True))
    sizes = [images.size for images in parts.values()]
    roles = np.repeat(np.array(list(CellRole), ROLE_TYPE), sizes)
    required = (profile.n_positive, profile.n_negative, gap)
    kinds = zip(tuple(CellRole)[1:], required, sizes[1:], strict=True)
    lacks = tuple(Shortfall(role, n_cells, size) for role, n_cells, size in kinds if size < n_cells)
    return Grid(np.concatenate(list(parts.values())), roles, lacks)


@dataclass(frozen=True)
class Grids:
    """G grids with X cells in all, ready to be stored row by row.

    Attributes:
        label: (G,) class that the grid asks about.
        grid: (X,) position of each cell's grid, ascending.
        image: (X,) image of the cell.
        role: (X,) its `CellRole`.
        shortfalls: grid to its missing cells; complete grids are left out.
    """

    label: NDArray[np.int64]
    grid: NDArray[np.int64]
    image: Images
    role: NDArray[np.str_]
    shortfalls: dict[int, tuple[Shortfall, ...]]


def compose_all(
    image: IntArray,
    label: IntArray,
    dataset_labels: IntArray,
    similar: IntArray,
    profile: GridProfile,
    seed: int,
    may_control: NDArray[np.bool_] | None = None,
    elsewhere: tuple[IntArray, IntArray] = (NOTHING, NOTHING),
) -> Grids:
    """Make the grids of all image-label pairs.

    Args:
        image: (P,) position of each pair's image, from 0 to N - 1.
        label: (P,) the pair's label, from 0 to C - 1.
        dataset_labels: (N,) the dataset's label of each image, from 0 to C - 1; -1 for none. Images without a pair,
            such as a pool of the study's own, serve as controls only.
        similar: (C, R) for each class the other classes whose images are its negative controls, the preferred class
            first; -1 for none. See `numerics.controls`.
        profile: the composition of a grid.
        seed: the same seed and pairs give the same grids. Each class has its own stream of chance, so that
            pairs of one class do not move the grids of another.
        may_control: (N,) which images may be controls; None for all.
        elsewhere: (image, label) of pairs that other grids ask about, or that may be asked about: as in `compose`.

    Returns:
        The grids, in ascending order of label; `compose` describes the grids of a class.

    Raises:
        ValueError: shapes do not match, a position or label is out of range, a pair occurs twice, or a class is
            similar to itself.

    Source: Tsipras et al. 2020, section 3.1; Recht et al. 2019.

    >>> profile = GridProfile(cells=4, n_positive=1, n_negative=1, pad=False)
    >>> labels, similar = np.array([0, 0, 1, 1]), np.array([[1], [0]])
    >>> grids = compose_all(np.array([0, 2, 3]), np.array([0, 1, 1]), labels, similar, profile, seed=1)
    >>> grids.label.tolist(), grids.grid.tolist(), grids.role.tolist()
    ([0, 1], [0, 0, 0, 1, 1, 1], ['question', 'control+', 'control-', 'question', 'question', 'control-'])
    >>> print(grids.shortfalls[1][0])
    0 of 1 positive controls
    """
    label_of, ranking = np.asarray(dataset_labels), np.asarray(similar)
    pairs, names = np.asarray(image), np.asarray(label)
    _check_pairs(pairs, names, label_of, ranking)
    pool = _by_label(label_of if may_control is None else np.where(may_control, label_of, NONE), ranking.shape[0])
    labels: list[int] = []
    images: list[Images] = []
    of_roles: list[list[int]] = []
    shortfalls: dict[int, tuple[Shortfall, ...]] = {}
    asked_elsewhere = dict(_questions(*map(np.asarray, elsewhere)))
    for name, questions in _questions(pairs, names):
        negatives = [pool[other] for other in ranking[name].tolist() if other != NONE]
        rng = np.random.default_rng([seed, name])
        grids = compose(questions, pool[name], negatives, profile, rng, asked_elsewhere.get(name, NOTHING))
        shortfalls |= {n: grid.shortfalls for n, grid in enumerate(grids, len(labels)) if grid.shortfalls}
        labels += [name] * len(grids)
        images += [grid.images for grid in grids]
        of_roles += [[int((grid.roles == role).sum()) for role in CellRole] for grid in grids]
    return _joined(labels, images, of_roles, shortfalls)


def _joined(
    labels: list[int], images: list[Images], of_roles: list[list[int]], shortfalls: dict[int, tuple[Shortfall, ...]]
) -> Grids:
    """Join the grids, from the cells of each and their number by role: names of roles would take much memory."""
    sizes = np.array(of_roles, np.int64).reshape(-1, len(CellRole))
    return Grids(
        label=np.array(labels, np.int64),
        grid=np.repeat(np.arange(len(labels)), sizes.sum(axis=1)),
        image=np.concatenate([NOTHING, *images]),
        role=np.repeat(np.tile(np.array(list(CellRole), ROLE_TYPE), len(labels)), sizes.ravel()),
        shortfalls=shortfalls,
    )


def _by_label(labels: IntArray, n_classes: int) -> list[Images]:
    """Return the images of each class."""
    order = np.argsort(labels, kind="stable").astype(np.int64)
    return np.split(order, np.searchsorted(labels[order], np.arange(n_classes + 1)))[1:-1]


def _questions(image: IntArray, label: IntArray) -> Iterator[tuple[int, IntArray]]:
    """Yield each class with the images that are asked about."""
    order = np.argsort(label, kind="stable")
    names, starts = np.unique(label[order], return_index=True)
    yield from zip(names.tolist(), np.split(image[order], starts[1:]), strict=names.size > 0)


def _check_pairs(image: IntArray, label: IntArray, dataset_labels: IntArray, similar: IntArray) -> None:
    if image.ndim != 1 or image.shape != label.shape or dataset_labels.ndim != 1 or similar.ndim != 2:
        raise ValueError(
            f"The shapes are {image.shape} of image, {label.shape} of label, {dataset_labels.shape} of dataset_labels "
            f"and {similar.shape} of similar; (P,), (P,), (N,) and (C, R) are needed."
        )
    n_classes = similar.shape[0]
    for name, values, lowest, n in (
        ("image", image, 0, dataset_labels.size),
        ("label", label, 0, n_classes),
        ("dataset_labels", dataset_labels, NONE, n_classes),
        ("similar", similar, NONE, n_classes),
    ):
        outside = values[(values < lowest) | (values >= n)]
        if outside.size:
            raise ValueError(f"{name} holds {outside[0]}; its values go from {lowest} to {n - 1}.")
    selfish = np.flatnonzero((similar == np.arange(n_classes)[:, None]).any(axis=1))
    if selfish.size:
        raise ValueError(f"Class {selfish[0]} is similar to itself; its own images cannot be negative controls.")
    pairs, times = np.unique(image.astype(np.int64) * n_classes + label, return_counts=True)
    if (times > 1).any():
        twice, name = divmod(int(pairs[times > 1][0]), n_classes)
        raise ValueError(f"Image {twice} occurs twice with label {name}; pass each pair once.")
