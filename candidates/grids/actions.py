"""CONTAINS grids with controls and padding for the potential labels of a dataset.

This module reads the input of the numerics, and has the composed grids stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from numpy.typing import NDArray

from aggregation.quality.controls.reads import confirmed, switched_off
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
    """An error: the settings take negative controls from a list of similar labels, which is missing."""


class OtherLabels(UserError):
    """An error: the control pool has another label set than the dataset."""


@dataclass(frozen=True)
class OpenedGrids:
    """The number of opened grids, and their shortfalls: (label, shortfall) of each grid that lacks cells."""

    n_grids: int
    shortfalls: list[tuple[Label, Shortfall]]


def potential_pairs(dataset: Dataset) -> Pairs:
    """Return (P, 2) image and label ids of the potential labels of all images with a file."""
    potential_labels = PotentialLabel.objects.filter(image__dataset=dataset).exclude(image__original="")
    return _ids(potential_labels.order_by("label__index", "image"))


def _ids(potential_labels: QuerySet[PotentialLabel]) -> Pairs:
    rows = potential_labels.values_list("image_id", "label_id").iterator(chunk_size=ROWS_AT_ONCE)
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
        NoList: the settings need a list and `chosen` is None.
        OtherLabels: the control pool has another label set.
    """
    seed = secrets.randbits(63) if seed is None else seed
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    work = _read(batch.dataset, batch.settings)
    similar = similar_labels(batch.dataset, batch.settings, work.labels, chosen, pictured=work.pictured)
    possible = _possible(batch, pairs, work)
    parts = [
        _open(batch, opening, work.places(pairs[opening.pairs]), possible, work, similar, seed)
        for opening in openings(batch, pairs[:, 1], np.random.default_rng([seed, 0, 1]))
    ]
    return OpenedGrids(sum(part.n_grids for part in parts), [lack for part in parts for lack in part.shortfalls])


def _possible(batch: Batch, pairs: Pairs, work: _Work) -> Places:
    """Return the places of pairs whose image may show the label, or is no control for it.

    These are the pairs, all potential labels of the control pool, and the controls that are switched off.
    """
    pool = batch.settings.control_pool_id or batch.dataset_id
    potential_labels = PotentialLabel.objects.filter(image__dataset=pool).exclude(image__original="").order_by()
    off = np.array(sorted(switched_off(batch.dataset)), np.int64).reshape(-1, 2)
    off = off[np.isin(off[:, 0], work.image_ids)]
    return work.places(np.concatenate([pairs, _ids(potential_labels), off]))


def _open(
    batch: Batch, opening: Opening, places: Places, possible: Places, work: _Work, similar: Ranking, seed: int
) -> OpenedGrids:
    profile = profile_of(batch.settings)
    grids = early_images_first(
        compose_all(*places, work.dataset_labels, similar, profile, seed, work.may_control, possible)
    )
    labels = [work.labels[place] for place in grids.label.tolist()]
    open_composed_grids(
        batch=batch,
        label_ids=[label.pk for label in labels],
        cells=_cells(grids, work.image_ids, np.random.default_rng([seed, 1])),
        n_slots=opening.n_slots,
        initial=opening.initial,
    )
    shortfalls = [(labels[grid], lack) for grid, lacks in grids.shortfalls.items() for lack in lacks]
    return OpenedGrids(len(labels), shortfalls)


@dataclass(frozen=True)
class _Work:
    """The images that may be in a grid and the labels, each at its place in the arrays of the numerics."""

    labels: list[Label]
    image_ids: NDArray[np.int64]
    dataset_labels: NDArray[np.int64]
    may_control: NDArray[np.bool_]

    @property
    def pictured(self) -> NDArray[np.bool_]:
        """Return (C,) the labels with images that may be controls."""
        return np.isin(np.arange(len(self.labels)), self.dataset_labels[self.may_control])

    def places(self, pairs: Pairs) -> Places:
        ids = np.array([label.pk for label in self.labels], np.int64)
        order = np.argsort(ids)
        images, labels = pairs.T
        return np.searchsorted(self.image_ids, images), order[np.searchsorted(ids, labels, sorter=order)]


def _read(dataset: Dataset, settings: SettingsVersion) -> _Work:
    pool = settings.control_pool or dataset
    if pool.label_set_id != dataset.label_set_id:
        message = gettext(
            "The control pool %(pool)s has the label set %(pool_labels)s, but %(dataset)s has %(dataset_labels)s."
        )
        values = {"pool": pool, "pool_labels": pool.label_set, "dataset": dataset, "dataset_labels": dataset.label_set}
        raise OtherLabels(
            message % values,
            shell=gettext("Choose a pool with the same labels: ./manage settings --set control_pool=NAME."),
            page=gettext("Choose a pool with the same labels (control_pool under Settings)."),
        )
    labels = list(dataset.label_set.labels.order_by("index"))
    place = {label.pk: index for index, label in enumerate(labels)}
    images = Image.objects.filter(Q(dataset=dataset) | Q(dataset=pool)).exclude(original="")
    off = switched_off(dataset)
    # An image without a dataset label that a person confirmed as a control is one for this label.
    named = {choice.image_id: choice.label_id for choice in confirmed(dataset) if choice.expected}
    rows = [
        (image, named.get(image) if label is None else label, of)
        for image, label, of in images.order_by("id").values_list("id", "dataset_label_id", "dataset_id")
    ]
    return _Work(
        labels=labels,
        image_ids=np.array([row[0] for row in rows], np.int64),
        dataset_labels=np.array([place.get(row[1], NONE) for row in rows], np.int64),
        may_control=np.array([row[2] == pool.pk and row[:2] not in off for row in rows], np.bool_),
    )


def early_images_first(grids: Grids) -> Grids:
    """Sort the grids by the first image that each asks about; ties: the lower label first.

    Grids are assigned in this order. So each image's grids come as soon as the images before it are done, and its form
    can open early.
    """
    questions = grids.role == CellRole.QUESTION
    first = np.full(grids.label.size, np.iinfo(np.int64).max)
    np.minimum.at(first, grids.grid[questions], grids.image[questions])
    order = np.argsort(first, kind="stable")
    place = np.argsort(order)
    cells = np.argsort(place[grids.grid], kind="stable")
    return Grids(
        label=grids.label[order],
        grid=place[grids.grid[cells]],
        image=grids.image[cells],
        role=grids.role[cells],
        shortfalls={int(place[grid]): lacks for grid, lacks in grids.shortfalls.items()},
    )


def _cells(grids: Grids, image_ids: NDArray[np.int64], rng: np.random.Generator) -> Iterator[ComposedCell]:
    """Yield the cells at random positions: a grid's cells come grouped by role, which no position may reveal."""
    shuffled = np.lexsort((rng.random(grids.grid.size), grids.grid))
    positions = np.arange(grids.grid.size) - np.searchsorted(grids.grid, grids.grid)
    # In parts: as objects, all of them would take some hundreds of megabytes.
    for start in range(0, shuffled.size, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        columns = grids.grid[part], image_ids[grids.image[shuffled[part]]], positions[part], grids.role[shuffled[part]]
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
    """Rank (C, R) the other labels whose images are a label's negative controls, by the settings; -1 for none.

    Only labels that are `pictured` (C,) are considered, so that a dataset of a few of many classes gets controls too.

    For a label that the classifiers confused with no other, the hierarchy follows. Labels of which one lies above the
    other in the hierarchy never serve each other: a picture of one may show the other.
    """
    if settings.negatives_from == NegativesFrom.LIST:
        if chosen is None:
            raise NoList(
                gettext("The negative controls need a list of similar labels, which is missing."),
                shell=gettext("Add one with --similar FILE, or run ./manage settings --set negatives_from=hierarchy."),
                page=gettext("Choose a file of similar labels, or set negatives_from to hierarchy under Settings."),
            )
        place = {label.pk: index for index, label in enumerate(labels)}
        places = {place[label]: [place[pk] for pk in similar] for label, similar in chosen.items()}
        return rank_chosen(places, len(labels))
    # A label without a synset is a separate node.
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
    """Count how often the study's classifiers rank each label first, by the dataset label of the image."""
    place = {label.index: position for position, label in enumerate(labels)}
    predictions = Prediction.objects.filter(image__dataset=dataset, image__dataset_label__isnull=False)
    if settings.classifiers:
        predictions = predictions.filter(classifier__name__in=settings.classifiers)
    rows = predictions.values_list("labels__0", "image__dataset_label__index").iterator(chunk_size=ROWS_AT_ONCE)
    pairs = [(place[first], place[dataset_label]) for first, dataset_label in rows if first in place]
    first, dataset_labels = np.array(pairs, np.int64).reshape(-1, 2).T
    return confusion_counts(first, dataset_labels, len(labels))
