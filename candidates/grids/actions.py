"""CONTAINS grids with controls and padding for the potential labels of a dataset.

What the numerics need is read here, and what they composed is handed on to be stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from candidates.models import PotentialLabel
from catalog.errors import UserError
from catalog.models import Dataset, Image, Label, NegativesFrom, Prediction, SettingsVersion, Synset
from contains_task.actions import ComposedCell, Opening, open_composed_grids, openings
from contains_task.reads import ROLES, profile_of
from numerics.composition import CellRole, Grids, Shortfall, compose_all
from numerics.controls import (
    Ranking,
    confusion_counts,
    confusion_similarity,
    hierarchy_similarity,
    in_turn,
    rank_chosen,
    rank_others,
)
from workforce.models import Batch

NONE = -1
ROWS_AT_ONCE = 10_000

Pair = tuple[int, int]
Pairs = NDArray[np.int64]
"""(P, 2) ids of images and labels."""
Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(P,) and (P,): the images and the labels of pairs, each by its place in the arrays of the numerics."""


class NoList(UserError):
    """The settings take negative controls from a chosen list, and none was given."""


class OtherLabels(UserError):
    """The control pool is labelled with other labels than the dataset."""


@dataclass(frozen=True)
class OpenedGrids:
    """How many grids were opened, and which of them lack cells: (label, what is missing) of each."""

    n_grids: int
    shortfalls: list[tuple[Label, Shortfall]]


def potential_pairs(dataset: Dataset) -> Pairs:
    """(P, 2) image and label ids of the potential labels of all images that can be shown."""
    found = PotentialLabel.objects.filter(image__dataset=dataset).exclude(image__original="")
    return _ids(found.order_by("label__index", "image"))


def _ids(found: QuerySet[PotentialLabel]) -> Pairs:
    rows = found.values_list("image_id", "label_id").iterator(chunk_size=ROWS_AT_ONCE)
    return np.fromiter(rows, np.dtype((np.int64, 2)))


def open_grids_with_controls(
    batch: Batch,
    pairs: Pairs | Sequence[Pair],
    *,
    chosen: Mapping[int, Sequence[int]] | None = None,
    seed: int | None = None,
) -> OpenedGrids:
    """Compose the grids of the pairs under the batch's settings, and open them.

    An image that has the label among its potential ones is no negative control, whether it is asked about now or not.

    Args:
        batch: an open CONTAINS batch.
        pairs: (P, 2) image and label ids, each pair once.
        chosen: label id to the ids of its most similar other labels, first the most similar; for settings which take
            negative controls from a list.
        seed: the same seed, images and pairs give the same grids, and to an adaptive batch the same initial subset;
            None for a random one. The further grids of an adaptive batch are drawn when they are needed, without it.

    Raises:
        NoList: the settings want a list and `chosen` is None.
        OtherLabels: the control pool has another label set.
    """
    seed = secrets.randbits(63) if seed is None else seed
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    work = _read(batch.dataset, batch.settings)
    similar = similar_labels(batch.dataset, batch.settings, work.labels, chosen, pictured=work.pictured)
    named = _named(batch, pairs, work)
    found = openings(batch, pairs[:, 1], np.random.default_rng([seed, 0, 1]))
    parts = [_open(batch, opening, work.places(pairs[opening.pairs]), named, work, similar, seed) for opening in found]
    return OpenedGrids(sum(part.n_grids for part in parts), [lack for part in parts for lack in part.shortfalls])


def _named(batch: Batch, pairs: Pairs, work: _Work) -> Places:
    """Places of the pairs, and of all others of which somebody says that the image may show the label."""
    pool = batch.settings.control_pool_id or batch.dataset_id
    found = PotentialLabel.objects.filter(image__dataset=pool).exclude(image__original="").order_by()
    return work.places(np.concatenate([pairs, _ids(found)]))


def _open(
    batch: Batch, opening: Opening, places: Places, named: Places, work: _Work, similar: Ranking, seed: int
) -> OpenedGrids:
    profile = profile_of(batch.settings)
    grids = early_images_first(
        compose_all(*places, work.dataset_labels, similar, profile, seed, work.may_control, named)
    )
    labels = [work.labels[at] for at in grids.label.tolist()]
    open_composed_grids(
        batch=batch,
        label_ids=[label.pk for label in labels],
        cells=_cells(grids, work.image_ids, np.random.default_rng([seed, 1])),
        n_slots=opening.n_slots,
        initial=opening.initial,
    )
    lacking = [(labels[at], lack) for at, found in grids.shortfalls.items() for lack in found]
    return OpenedGrids(len(labels), lacking)


@dataclass(frozen=True)
class _Work:
    """The images that may be in a grid and the labels, each at its place in the arrays of the numerics."""

    labels: list[Label]
    image_ids: NDArray[np.int64]
    dataset_labels: NDArray[np.int64]
    may_control: NDArray[np.bool_]

    @property
    def pictured(self) -> NDArray[np.bool_]:
        """(C,) the labels of which there are images that may be controls."""
        return np.isin(np.arange(len(self.labels)), self.dataset_labels[self.may_control])

    def places(self, pairs: Pairs) -> Places:
        ids = np.array([label.pk for label in self.labels], np.int64)
        order = np.argsort(ids)
        images, labels = pairs.T
        return np.searchsorted(self.image_ids, images), order[np.searchsorted(ids, labels, sorter=order)]


def _read(dataset: Dataset, settings: SettingsVersion) -> _Work:
    pool = settings.control_pool or dataset
    if pool.label_set_id != dataset.label_set_id:
        raise OtherLabels(
            f"The control pool {pool} is labelled with {pool.label_set} and {dataset} with {dataset.label_set}.",
            shell="Choose a pool with the same labels: ./manage settings --set control_pool=NAME.",
            page="Choose a pool with the same labels (control_pool on the page Settings).",
        )
    labels = list(dataset.label_set.labels.order_by("index"))
    place = {label.pk: at for at, label in enumerate(labels)}
    shown = Image.objects.filter(Q(dataset=dataset) | Q(dataset=pool)).exclude(original="")
    rows = list(shown.order_by("id").values_list("id", "dataset_label_id", "dataset_id"))
    return _Work(
        labels=labels,
        image_ids=np.array([row[0] for row in rows], np.int64),
        dataset_labels=np.array([place.get(row[1], NONE) for row in rows], np.int64),
        may_control=np.array([row[2] == pool.pk for row in rows], np.bool_),
    )


def early_images_first(grids: Grids) -> Grids:
    """The same grids in the order of the first image that each asks about; of equals the one of the lower label first.

    Grids are handed out in this order. Each image's grids thus come as soon as the images before it are done with,
    which is when its form can open.
    """
    asked = grids.role == CellRole.QUESTION
    first = np.full(grids.label.size, np.iinfo(np.int64).max)
    np.minimum.at(first, grids.grid[asked], grids.image[asked])
    order = np.argsort(first, kind="stable")
    place = np.argsort(order)
    cells = np.argsort(place[grids.grid], kind="stable")
    return Grids(
        label=grids.label[order],
        grid=place[grids.grid[cells]],
        image=grids.image[cells],
        role=grids.role[cells],
        shortfalls={int(place[at]): found for at, found in grids.shortfalls.items()},
    )


def _cells(grids: Grids, image_ids: NDArray[np.int64], rng: np.random.Generator) -> Iterator[ComposedCell]:
    """The cells at random positions: those of a grid come grouped by role, and no position must tell it."""
    shuffled = np.lexsort((rng.random(grids.grid.size), grids.grid))
    positions = np.arange(grids.grid.size) - np.searchsorted(grids.grid, grids.grid)
    # Bit by bit: as objects, all of them would take some hundreds of megabytes.
    for start in range(0, shuffled.size, ROWS_AT_ONCE):
        here = slice(start, start + ROWS_AT_ONCE)
        columns = grids.grid[here], image_ids[grids.image[shuffled[here]]], positions[here], grids.role[shuffled[here]]
        for grid, image, position, role in zip(*(column.tolist() for column in columns), strict=True):
            yield ComposedCell(grid, image, position, *ROLES[CellRole(role)])


# Which other labels are similar


def similar_labels(
    dataset: Dataset,
    settings: SettingsVersion,
    labels: Sequence[Label],
    chosen: Mapping[int, Sequence[int]] | None = None,
    *,
    pictured: NDArray[np.bool_] | None = None,
) -> Ranking:
    """(C, R) the other labels whose images are a label's negative controls, as the settings say; -1 for none.

    Only labels that are `pictured` (C,) are looked at, so that a dataset of a few of many classes gets controls too.

    Where the classifiers confused a label with no other, the hierarchy goes on. Labels of which one lies above the
    other in the hierarchy are never each other's: a picture of the one may show the other.
    """
    if settings.negatives_from == NegativesFrom.LIST:
        if chosen is None:
            raise NoList(
                "The negative controls come from a list of similar labels, but none was given.",
                shell="Give one: --similar FILE; or ./manage settings --set negatives_from=hierarchy.",
                page="Choose a file of similar labels, or set negatives_from to hierarchy on the page Settings.",
            )
        place = {label.pk: at for at, label in enumerate(labels)}
        return rank_chosen({place[one]: [place[pk] for pk in others] for one, others in chosen.items()}, len(labels))
    # A label without a synset is a node of its own.
    nodes = [label.wnid or f"label {label.index}" for label in labels]
    edges = Synset.hypernyms.through.objects.values_list("from_synset_id", "to_synset_id")
    similarity, in_line = hierarchy_similarity(edges, nodes)
    barred = in_line if pictured is None else in_line | ~pictured
    by_hierarchy = rank_others(similarity, barred=barred)
    if settings.negatives_from == NegativesFrom.HIERARCHY:
        return by_hierarchy
    confused = confusion_similarity(_confusion(dataset, settings, labels))
    return in_turn(rank_others(confused, barred=barred), by_hierarchy)


def _confusion(dataset: Dataset, settings: SettingsVersion, labels: Sequence[Label]) -> NDArray[np.int64]:
    """How often the study's classifiers put each label first on images that the dataset gives another one."""
    place = {label.index: at for at, label in enumerate(labels)}
    found = Prediction.objects.filter(image__dataset=dataset, image__dataset_label__isnull=False)
    if settings.classifiers:
        found = found.filter(classifier__name__in=settings.classifiers)
    rows = found.values_list("labels__0", "image__dataset_label__index").iterator(chunk_size=ROWS_AT_ONCE)
    seen = [(place[first], place[own]) for first, own in rows if first in place]
    first, own = np.array(seen, np.int64).reshape(-1, 2).T
    return confusion_counts(first, own, len(labels))
