"""The overview of a mistake queue: its mistakes by category and severity, and the images behind each figure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from catalog.class_pairs.reads import pairs_of_labels
from catalog.models import Label
from numerics.verdicts import DISPUTED, STATES, UNREVIEWED
from review_task.consensus.reads import tallies_of
from review_task.mistakes.reads import Source, judged_mistakes, labels_beside_each, sources_of
from review_task.mistakes.texts.reads import SOURCES
from review_task.models import Item, MistakeCategory, Review, Severity

# Items without a final category and severity.
OTHER_STATES = ("correct", "unclear", STATES[DISPUTED], STATES[UNREVIEWED])


@dataclass(frozen=True)
class Cell:
    """A figure of the overview, with the address of its images."""

    n: int
    address: str


@dataclass(frozen=True)
class Overview:
    """Mistakes by category (rows) and severity (columns), with totals, and the items that are none or not judged."""

    severities: Sequence[str]
    rows: list[tuple[str, list[Cell]]]
    totals: list[Cell]
    others: list[tuple[str, Cell]]
    sources: list[tuple[Any, int]]


@dataclass(frozen=True)
class MistakeShown:
    """An item of a queue with what is decided of it, the labels beside it, and the pairs that are registered."""

    item: Item
    state: str
    category: str = ""
    severity: str = ""
    source: str = ""
    beside: list[Label] = field(default_factory=list)
    pairs: dict[int, list[str]] = field(default_factory=dict)

    @property
    def choices(self) -> list[tuple[Label, str, bool]]:
        """Return the pairs that this mistake may show: the other label, the kind, and whether it is registered."""
        kinds = ("equivalent", "confusable")
        return [(label, kind, kind in self.pairs.get(label.pk, ())) for label in self.beside for kind in kinds]


def overview_of(review: Review) -> Overview:
    rows = _mistakes_of(review).values_list("final_category", "final_severity")
    counts = Counter(tuple(row) for row in rows)
    categories = _known_first(MistakeCategory.values, {category for category, _ in counts})
    severities = _known_first(Severity.values, {severity for _, severity in counts})
    columns = (*severities, None)
    table = [(category, [_cell(review, counts, category, severity) for severity in columns]) for category in categories]
    totals = [_cell(review, counts, None, severity) for severity in columns]
    states = Counter(tally.state for tally in tallies_of(review))
    others = [(state, Cell(states[state], images_address(review, state=state))) for state in OTHER_STATES]
    sources = sources_of(review)
    named = [(words, sources[source]) for source, words in SOURCES.items() if source in sources]
    return Overview(severities, table, totals, others, named)


def _mistakes_of(review: Review) -> Any:
    return judged_mistakes(review.batch.dataset).filter(page__review=review)


def _known_first(published: Sequence[str], present: set[str]) -> list[str]:
    """Return the published values, and after them those that a panel named.

    >>> _known_first(["Major", "Minor"], {"Grave", "Minor"})
    ['Major', 'Minor', 'Grave']
    """
    return [*published, *sorted(present.difference(published))]


def _cell(review: Review, counts: Counter[tuple[str, ...]], category: str | None, severity: str | None) -> Cell:
    n = sum(
        n
        for (row, column), n in counts.items()
        if (category is None or row == category) and (severity is None or column == severity)
    )
    values = {name: value for name, value in (("category", category), ("severity", severity)) if value is not None}
    return Cell(n, images_address(review, **values))


def images_address(review: Review, **values: str) -> str:
    """Return the address of the images behind a figure."""
    address = reverse("mistake-images", args=[review.pk])
    return f"{address}?{urlencode(values)}" if values else address


def ids_behind(review: Review, *, category: str = "", severity: str = "", state: str = "") -> list[int]:
    """Return the ids of items behind a figure, in the order of classes: of a state, else of mistakes of this kind."""
    if state:
        return [tally.item_id for tally in tallies_of(review) if tally.state == state]
    rows = _mistakes_of(review)
    rows = rows.filter(final_category=category) if category else rows
    rows = rows.filter(final_severity=severity) if severity else rows
    return list(rows.order_by("page__number", "position").values_list("pk", flat=True))


def mistakes_shown(review: Review, ids: Sequence[int]) -> list[MistakeShown]:
    """Return items with what is decided of them, in the order of the ids."""
    related = ("image__dataset_label", "label", "page__review__batch__dataset", "in_force")
    items = Item.objects.select_related(*related).in_bulk(ids)
    kinds = {item.pk: item for item in _mistakes_of(review).filter(pk__in=ids)}
    states = {tally.item_id: tally.state for tally in tallies_of(review, [item.page_id for item in items.values()])}
    pairs = pairs_of_labels([item.label for item in items.values()])
    beside = labels_beside_each(items.values())
    shown = []
    for pk in ids:
        item, kind = items[pk], kinds.get(pk)
        others: dict[int, list[str]] = {}
        for pair in pairs[item.label_id]:
            others.setdefault(pair.other.pk, []).append(str(pair.relation))
        category, severity = (kind.final_category, kind.final_severity) if kind else ("", "")
        source = str(SOURCES[Source(item.in_force.source)]) if hasattr(item, "in_force") else ""
        shown.append(MistakeShown(item, states[pk], category, severity, source, beside[pk], others))
    return shown
