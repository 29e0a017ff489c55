"""Figures of adaptive batches, and reports of what these batches have learnt."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils.translation import gettext

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
    """Return the checked figures of an adaptive batch; raise UserError, with the way out, if they do not work."""
    min_shown = current_settings(dataset).min_shown
    min_votes = min_shown if min_votes is None else min_votes
    try:
        StoppingRule(accept=accept, reject=reject, min_votes=min_votes, cap=max_votes)
    except ValueError as error:
        raise UserError(
            gettext("These values are not valid for an adaptive batch: %(reason)s") % {"reason": error},
            shell=gettext("The cap is --max-votes."),
            page=gettext("The cap is “Maximum votes for a pair”."),
        ) from None
    if initial_images < 1:
        raise UserError(
            gettext("An adaptive batch needs initial images of each class."),
            shell=gettext("Write --initial with 1 image or more."),
            page=gettext("Enter 1 image or more under “Initial images per class”."),
        )
    if min_votes < min_shown:
        raise UserError(
            gettext(
                "A minimum of %(min_votes)s votes is too low: pruning uses only pairs that were shown at least "
                "%(min_shown)s times."
            )
            % {"min_votes": min_votes, "min_shown": min_shown},
            shell=gettext("Write --min-votes %(min_shown)s, or lower that setting: ./manage settings --set min_shown=…")
            % {"min_shown": min_shown},
            page=gettext("Enter %(min_shown)s, or lower min_shown under Settings.") % {"min_shown": min_shown},
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
    """Return the batch's confidence tables, the hardest classes first."""
    return batch.confidence_tables.select_related("label").order_by("-expected_votes", "label__index")


def confidence_report(dataset: Dataset) -> Iterator[str]:
    """Yield a line for every table of every adaptive batch, the hardest classes first.

    Raises UserError if the dataset has no adaptive batch.
    """
    batches = list(adaptive_batches(dataset))
    if not batches:
        raise UserError(
            gettext("Dataset “%(dataset)s” has no adaptive batch.") % {"dataset": dataset},
            shell=gettext("Open an adaptive batch with ./manage open contains --adaptive."),
            page=gettext("Open an adaptive batch under Grids."),
        )
    for batch in batches:
        yield gettext("Batch %(batch)s: %(summary)s") % {"batch": batch.pk, "summary": summary_of(batch)}
        tables = list(tables_of(batch))
        if tables:
            yield "".join(f"{y}Y {n}N".rjust(7) for y, n in FIGURE_7) + "  votes  images  class"
        yield from map(_line, tables)


def summary_of(batch: Batch) -> str:
    stopped = Counter(batch.stopped_pairs.values_list("decision", flat=True))
    return gettext(
        "Each pair gets %(min_votes)s to %(max_votes)s votes. It is accepted at a probability of "
        "%(accept)s or more, and rejected at %(reject)s or less. Initial images per class: "
        "%(n_images)s, each shown %(n_votes)s times. Other pairs: %(n_accepted)s accepted, "
        "%(n_rejected)s rejected, %(n_undecided)s undecided."
    ) % {
        "min_votes": batch.min_votes,
        "max_votes": batch.max_votes,
        "accept": f"{batch.accept:g}",
        "reject": f"{batch.reject:g}",
        "n_images": batch.initial_images,
        "n_votes": batch.initial_votes,
        "n_accepted": f"{stopped['accept']:,}",
        "n_rejected": f"{stopped['reject']:,}",
        "n_undecided": f"{stopped['undecided']:,}",
    }


def probabilities_of(table: ConfidenceTable) -> list[float | None]:
    """Return the probabilities that an image is good after the votes of FIGURE_7; None for votes beyond the table."""
    bound = len(table.p_good) - 1
    return [table.p_good[y][n] if max(y, n) <= bound else None for y, n in FIGURE_7]


def _line(table: ConfidenceTable) -> str:
    cells = "".join(("-" if cell is None else f"{cell:.2f}").rjust(7) for cell in probabilities_of(table))
    return f"{cells}{table.expected_votes:>7.1f}{table.n_images:>8,}  {table.label or gettext('all classes')}"
