"""Reads of the pairs of classes of a label set."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from catalog.models import ClassPair, Dataset, Label, LabelSet, PairKind
from catalog.reads import name_cells

COLUMNS = ("first", "second", "kind", "narrower", "provenance", "note")


class Relation(StrEnum):
    """The relation of another class to a class, as seen from this class."""

    EQUIVALENT = "equivalent"
    CONFUSABLE = "confusable"
    # The other class is a kind of this one, or this one a kind of the other.
    NARROWER = "narrower"
    WIDER = "wider"


class PairOfLabel(NamedTuple):
    """Another class, its relation to the class that was asked about, and the pair that says so."""

    other: Label
    relation: Relation
    pair: ClassPair


def pairs_in(label_set: LabelSet | int, *kinds: PairKind) -> QuerySet[ClassPair]:
    """Select the pairs of a label set that are not withdrawn, in class order: of these kinds, or of all."""
    pairs = ClassPair.objects.filter(label_set=label_set, withdrawn_at=None).select_related("first", "second")
    pairs = pairs.filter(kind__in=kinds) if kinds else pairs
    return pairs.order_by("first__index", "second__index", "kind", "pk")


def pairs_of(label: Label) -> list[PairOfLabel]:
    """Return the classes that a label is paired with, one row per source, by kind and class index."""
    return pairs_of_labels([label])[label.pk]


def pairs_of_labels(labels: Iterable[Label]) -> dict[int, list[PairOfLabel]]:
    """Return the pairs of several labels of one label set by the label's id, as `pairs_of` does, in one query."""
    ids = {label.pk: label.label_set_id for label in labels}
    pairs = ClassPair.objects.filter(Q(first__in=ids) | Q(second__in=ids), withdrawn_at=None)
    rows: dict[int, list[PairOfLabel]] = defaultdict(list)
    for pair in pairs.select_related("first", "second", "added_by").order_by("pk"):
        for this, other in ((pair.first, pair.second), (pair.second, pair.first)):
            if this.pk in ids:
                rows[this.pk].append(PairOfLabel(other, _relation(pair, other), pair))
    order = list(Relation)
    return {pk: sorted(rows[pk], key=lambda row: (order.index(row.relation), row.other.index)) for pk in ids}


def are_equivalent(first: Label, second: Label) -> bool:
    """Return whether a source says that two labels name the same class."""
    low, high = sorted((first, second), key=lambda label: label.index)
    pairs = ClassPair.objects.filter(first=low, second=high, kind=PairKind.EQUIVALENT, withdrawn_at=None)
    return pairs.exists()


def class_pairs_of(dataset: Dataset) -> QuerySet[ClassPair]:
    """Select the pairs of a study's label set, for files."""
    return pairs_in(dataset.label_set_id).select_related("first", "second", "narrower")


def class_pair_row(pair: ClassPair, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a pair as files hold it; with `labels`, also the names of the two classes."""
    narrower = pair.narrower.index if pair.narrower else None
    row: dict[str, Any] = {"first": pair.first.index, "second": pair.second.index, "kind": str(pair.kind)}
    row |= {"narrower": narrower, "provenance": pair.provenance, "note": pair.note}
    for column in ("first", "second") if labels else ():
        row |= name_cells(column, row[column], labels or {})
    return row


def _relation(pair: ClassPair, other: Label) -> Relation:
    if pair.kind == PairKind.SUBSET:
        return Relation.NARROWER if pair.narrower_id == other.pk else Relation.WIDER
    return Relation(pair.kind)
