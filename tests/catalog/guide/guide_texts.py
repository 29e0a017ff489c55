"""Entries of a guide for tests, in one line each, and words that are hard on pages and files."""

import html
from typing import Any

from django.contrib.auth.models import User

from catalog.class_pairs.actions import add_pair
from catalog.guide.reads import Content, entries_of
from catalog.models import ClassPair, Dataset, GuideEntry, Label
from studies.guide.actions import write_entry
from tests.factories import make_account

ODD_TEXTS = (
    "O’Neill \"quotes\" 'single'",
    "a/b\\c",
    "äöü ß Ærø",
    "ציפור",
    "طائر & <b>",
    "鶴" * 100,
    "x" * 200,
    "{{ settings.SECRET_KEY }} {% load x %}",
    "%(name)s %s {0}",
    "=1+1",
    "🐕 dog",
)


def label_of(dataset: Dataset, index: int) -> Label:
    return dataset.label_set.labels.get(index=index)


def entry_about(
    dataset: Dataset, *labels: int, title: str = "", body: str = "Grey.", by: User | None = None, **rest: Any
) -> GuideEntry:
    """Write about these classes: a new entry, or the next version of the one that there is."""
    content = Content(title or f"About {' and '.join(map(str, labels))}", labels, body, **rest)
    entry = entries_of(dataset).filter(labels=list(labels)).first()
    based_on = entry.version if entry else 0
    author = by or make_account()
    return write_entry(dataset=dataset, content=content, by=author, entry=entry, based_on=based_on)[0].entry


def pair_of(dataset: Dataset, first: int, second: int, kind: str = "confusable", source: str = "a paper") -> ClassPair:
    """Register two classes of a study, for a subset the first as a kind of the second."""
    labels = label_of(dataset, first), label_of(dataset, second)
    fields: dict[str, Any] = {"label_set": dataset.label_set, "provenance": source, "added_by": None}
    return add_pair(first=labels[0], second=labels[1], kind=kind, **fields)[0]


def words_of(answer: Any) -> str:
    """Return the page of an answer as text, with its entities as letters."""
    return html.unescape(answer.content.decode())
