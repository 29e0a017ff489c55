"""Offers of the list of the guide: pairs of classes to write about, and guides of other studies to use."""

from django.contrib.auth.models import User

from access.permissions.reads import May, studies_with
from catalog.class_pairs.reads import pairs_in
from catalog.guide.reads import entries_of, pairs_without_entry
from catalog.models import ClassPair, Dataset, PairKind

MOST_PAIRS = 12


def pairs_to_write_about(dataset: Dataset) -> list[ClassPair]:
    """Return confusable pairs of the registry that no group of the guide has yet, each once."""
    pairs = {(pair.first.index, pair.second.index): pair for pair in pairs_in(dataset.label_set, PairKind.CONFUSABLE)}
    return [pairs[key] for key in pairs_without_entry(dataset, list(pairs))][:MOST_PAIRS]


def guides_to_share(dataset: Dataset, person: User) -> list[Dataset]:
    """Return the studies whose guide this study could use: with its label set and entries, and edited by the person.

    A study with entries of its own, also withdrawn ones, keeps its guide.
    """
    if entries_of(dataset).exists() or entries_of(dataset, withdrawn=True).exists():
        return []
    others = studies_with(person, May.EDIT_STUDY).filter(label_set=dataset.label_set_id).exclude(pk=dataset.pk)
    return list(others.filter(guide_use__guide__entries__isnull=False).distinct().order_by("name"))
