"""Adaptive batches by hand: their figures, checked, and what they have learnt, in words."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import QuerySet

from aggregation.adaptive.reads import FEWEST_IMAGES_OF_A_TABLE
from aggregation.models import ConfidenceTable
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import current_settings
from numerics.confidence import StoppingRule
from workforce.models import Batch

INITIAL_IMAGES = FEWEST_IMAGES_OF_A_TABLE
# The votes (yes, no) that figure 7 of Deng et al. 2009 shows.
FIGURE_7 = ((0, 1), (1, 0), (1, 1), (2, 0), (0, 2), (3, 0), (2, 1))


def adaptive_figures(
    *,
    dataset: Dataset,
    accept: float,
    reject: float,
    max_votes: int,
    initial_images: int = INITIAL_IMAGES,
    min_votes: int | None = None,
) -> dict[str, float]:
    """The figures of a batch that asks as often as its votes make necessary. Raises UserError, with the way out."""
    min_shown = current_settings(dataset).min_shown
    min_votes = min_shown if min_votes is None else min_votes
    try:
        StoppingRule(accept=accept, reject=reject, min_votes=min_votes, cap=max_votes)
    except ValueError as error:
        raise UserError(
            f"The batch cannot be adaptive so: {error}",
            shell="The cap is --max-votes.",
            page="The cap is “Most votes for a pair”.",
        ) from None
    if initial_images < 1:
        raise UserError(
            "Without images of each class that are asked in full first there is nothing to learn from.",
            shell="--initial is 1 image or more.",
            page="“Images of each class to learn from” is 1 image or more.",
        )
    if min_votes < min_shown:
        raise UserError(
            f"{min_votes} votes at the fewest would settle pairs that pruning then leaves out, for it looks only at "
            f"those shown {min_shown} times or more.",
            shell=f"Ask for --min-votes {min_shown}, or lower that: ./manage settings --set min_shown=…",
            page=f"Ask for {min_shown}, or lower min_shown on the page Settings.",
        )
    return {
        "initial_images": initial_images,
        "accept": accept,
        "reject": reject,
        "min_votes": min_votes,
        "max_votes": max_votes,
    }


def adaptive_batches(dataset: Dataset) -> QuerySet[Batch]:
    return dataset.batches.filter(max_votes__isnull=False).order_by("id")


def tables_of(batch: Batch) -> QuerySet[ConfidenceTable]:
    """The hardest classes first."""
    return batch.confidence_tables.select_related("label").order_by("-expected_votes", "label__index")


def confidence_report(dataset: Dataset) -> Iterator[str]:
    """A line for every table of every adaptive batch, the hardest classes first. Raises UserError if there is none."""
    batches = list(adaptive_batches(dataset))
    if not batches:
        raise UserError(
            f"{dataset} has no adaptive batch.",
            shell="./manage open contains --adaptive opens one.",
            page="The page Grids opens one.",
        )
    for batch in batches:
        yield f"Batch {batch.pk}: {summary_of(batch)}"
        tables = list(tables_of(batch))
        if tables:
            yield "".join(f"{y}Y {n}N".rjust(7) for y, n in FIGURE_7) + "  votes  images  class"
        yield from map(_line, tables)


def summary_of(batch: Batch) -> str:
    stopped = Counter(batch.stopped_pairs.values_list("decision", flat=True))
    state = ", ".join(f"{stopped[name]:,} {name}" for name in ("accept", "reject", "undecided"))
    return (
        f"{batch.min_votes} to {batch.max_votes} votes, accepted from {batch.accept:g}, rejected "
        f"to {batch.reject:g}, {batch.initial_images} images of each class asked {batch.initial_votes} times. "
        f"Pairs settled besides these: {state}."
    )


def probabilities_of(table: ConfidenceTable) -> list[float | None]:
    """That an image is good after the votes of FIGURE_7; None where nothing is known."""
    bound = len(table.p_good) - 1
    return [table.p_good[y][n] if max(y, n) <= bound else None for y, n in FIGURE_7]


def _line(table: ConfidenceTable) -> str:
    shown = "".join(("-" if cell is None else f"{cell:.2f}").rjust(7) for cell in probabilities_of(table))
    return f"{shown}{table.expected_votes:>7.1f}{table.n_images:>8,}  {table.label or 'all classes'}"
