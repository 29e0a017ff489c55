"""Queries on grids and their votes that more than one place needs."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from catalog.models import Dataset, Label
from catalog.reads import name_cells
from contains_task.models import ContainsVote, GridCell
from workforce.models import Lease
from workforce.reads import hits_with_open_slots, is_excluded, not_aggregated, pseudonym_under, published_state

# What a row of the votes file is made of. Nothing more: a million votes as objects, with all that hangs on them, take
# the database and this process several times as long to sort and to build.
VOTE_COLUMNS = (
    *("id", "selected", "role", "worker_id", "submission_id", "excluded", "label__index"),
    *("image__name", "image__dataset_label__index", "image__dataset__pseudonym_key"),
    *("submission__state", "submission__submitted_at", "submission__settings__version"),
)


def cells_to_show(lease: Lease) -> list[GridCell]:
    """The cells of a lease's grid, shuffled: always the same for one lease, differently for every other.

    A list that was sorted by class would otherwise give the classes away, and tire everybody at the same cells.
    """
    cells = lease.hit.grid.cells.select_related("image").order_by("position")
    return sorted(cells, key=lambda cell: _shuffled(lease, cell))


def _shuffled(lease: Lease, cell: GridCell) -> bytes:
    # A digest, unlike a random generator, gives the same order under every version of Python.
    return hashlib.sha256(f"{lease.public_id} {cell.image.public_id}".encode()).digest()


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images too early to prune: a pair of theirs has an open slot, or an answer not yet aggregated."""
    cells = GridCell.objects.filter(image__in=image_ids, role="question").order_by().values_list("image_id", flat=True)
    unanswered = cells.filter(grid__hit__in=hits_with_open_slots())
    uncounted = cells.filter(grid__hit__in=not_aggregated().values("hit"))
    # One statement, thus one moment: an answer that comes in meanwhile is seen as the one or as the other.
    return set(unanswered.union(uncounted))


def votes_of(dataset: Dataset) -> QuerySet[ContainsVote, Any]:
    """All votes on the dataset's images, in a stable order: tuples of VOTE_COLUMNS, for `contains_vote_row`."""
    votes = ContainsVote.objects.filter(image__dataset=dataset).annotate(excluded=is_excluded()).order_by("id")
    return votes.values_list(*VOTE_COLUMNS, named=True)


def contains_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the votes file, from a vote of `votes_of`; with `labels` (by index) their names are added."""
    worker = pseudonym_under(vote.image__dataset__pseudonym_key, vote.worker_id)
    row = {
        "image": vote.image__name,
        "label": vote.label__index,
        "rater": worker,
        "answer": "yes" if vote.selected else "no",
        "worker": worker,
        "role": vote.role,
        "state": published_state(vote.submission__state, vote.excluded),
        "submitted_at": vote.submission__submitted_at,
        "settings_version": vote.submission__settings__version,
        "dataset_label": vote.image__dataset_label__index,
        "submission": vote.submission_id,
    }
    if labels is None:
        return row
    return row | name_cells("label", row["label"], labels) | name_cells("dataset_label", row["dataset_label"], labels)
