"""Queries on grids and their votes that more than one place needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from catalog.models import Dataset, Label
from catalog.reads import name_cells
from contains_task.models import ContainsVote, Grid, GridCell
from workforce.reads import hits_with_open_slots, is_excluded, pseudonym, published_state


def cells_to_show(grid: Grid) -> list[GridCell]:
    return list(grid.cells.select_related("image").order_by("position"))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images of which a pair still has an open slot: too early to prune them."""
    waiting = GridCell.objects.filter(image__in=image_ids, role="question", grid__hit__in=hits_with_open_slots())
    return set(waiting.values_list("image_id", flat=True))


def votes_of(dataset: Dataset) -> QuerySet[ContainsVote]:
    """All votes on the dataset's images, in a stable order, with what `contains_vote_row` needs."""
    return (
        ContainsVote.objects.filter(image__dataset=dataset)
        .select_related("submission__settings", "image__dataset", "label")
        .annotate(excluded=is_excluded())
        .order_by("id")
    )


def contains_vote_row(vote: ContainsVote, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the votes file, from a vote of `votes_of`; with `labels` (by index) their names are added."""
    worker = pseudonym(vote.image.dataset, vote.worker_id)
    row = {
        "image": vote.image.name,
        "label": vote.label.index,
        "rater": worker,
        "answer": "yes" if vote.selected else "no",
        "worker": worker,
        "role": vote.role,
        "state": published_state(vote.submission, vote.excluded),
        "submitted_at": vote.submission.submitted_at,
        "settings_version": vote.submission.settings.version,
    }
    return row if labels is None else row | name_cells("label", row["label"], labels)
