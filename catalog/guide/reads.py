"""Reads of the labelling guide: entries of a class, words to search for, versions and their content."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, QuerySet

from catalog.models import Dataset, Guide, GuideEntry, GuidePicture, GuideVersion, Label

# The texts are English, as the researchers' pages are.
LANGUAGE = "english"
WORD = re.compile(r"\w+")
# Words and blanks alone, so nothing that the language of searches reads.
PLAIN_WORDS = re.compile(r"\s*\w[\w\s]*")
LONGEST_SEARCH = 200


class Trait(NamedTuple):
    """A row of the table of traits: a trait such as “ears”, and what it is like in each class, by class index."""

    name: str
    values: Mapping[int, str]

    def cells(self, indexes: Iterable[int]) -> list[str]:
        """Return the texts of these classes in order; blank where there is none."""
        return [self.values.get(index, "") for index in indexes]


class GuideLink(NamedTuple):
    """An address that explains more, and its title."""

    url: str
    title: str = ""


class PictureUse(NamedTuple):
    """A picture of the guide by its public id, and its caption in this entry."""

    public_id: str
    caption: str = ""


@dataclass(frozen=True)
class Content:
    """The text of an entry, as a person writes it. `labels` are class indexes in order."""

    title: str
    labels: tuple[int, ...]
    body: str = ""
    traits: tuple[Trait, ...] = ()
    links: tuple[GuideLink, ...] = ()
    pictures: tuple[PictureUse, ...] = ()

    @property
    def is_group(self) -> bool:
        return len(self.labels) > 1

    def rows(self) -> list[tuple[str, list[str]]]:
        """Return the table of traits: each trait's name and its texts, in the order of `labels`."""
        return [(trait.name, trait.cells(self.labels)) for trait in self.traits]


def content_of(version: GuideVersion) -> Content:
    """Return the content of a stored version."""
    return Content(
        version.title,
        tuple(version.labels),
        version.body,
        tuple(Trait(row["name"], {int(key): text for key, text in row["values"].items()}) for row in version.traits),
        tuple(GuideLink(**row) for row in version.links),
        tuple(PictureUse(**row) for row in version.pictures),
    )


def stored_content(content: Content) -> dict[str, Any]:
    """Return content as the columns of a version hold it."""
    traits = [{"name": row.name, "values": {str(key): row.values[key] for key in row.values}} for row in content.traits]
    return {
        "title": content.title,
        "labels": list(content.labels),
        "body": content.body,
        "traits": traits,
        "links": [link._asdict() for link in content.links],
        "pictures": [picture._asdict() for picture in content.pictures],
    }


def guide_of(dataset: Dataset) -> Guide | None:
    """Return the guide that a study uses; None before its first entry."""
    return Guide.objects.filter(uses__dataset=dataset).first()


def entries_of(dataset: Dataset, *, withdrawn: bool = False) -> QuerySet[GuideEntry]:
    """Select the entries of a study's guide in class order, groups after the entry of their first class."""
    entries = GuideEntry.objects.filter(guide__uses__dataset=dataset, withdrawn_at__isnull=not withdrawn)
    return entries.order_by("labels__0", "labels__len", "pk")


def entries_of_label(dataset: Dataset, label: Label) -> list[GuideEntry]:
    """Return the entry of a class, and then those of its groups."""
    return list(entries_of(dataset).filter(labels__contains=[label.index]).order_by("labels__len", "pk"))


def search_entries(dataset: Dataset, words: str) -> QuerySet[GuideEntry]:
    """Select the entries with these words, the best match first.

    Words count most in the title, then in the names of the classes, then in text and captions. The last word may be
    the beginning of one. Quotation marks, `or` and `-` mean what they mean to search engines.
    """
    words = "".join(letter for letter in words if letter.isprintable())[:LONGEST_SEARCH]
    query = SearchQuery(words, search_type="websearch", config=LANGUAGE)
    if PLAIN_WORDS.fullmatch(words):
        *whole, begun = WORD.findall(words)
        beginning = " & ".join([*(f"'{word}'" for word in whole), f"'{begun}':*"])
        query = query | SearchQuery(beginning, search_type="raw", config=LANGUAGE)
    entries = entries_of(dataset).filter(search=query)
    return entries.annotate(rank=SearchRank(F("search"), query)).order_by("-rank", "labels__0", "pk")


def latest_versions(entries: Iterable[GuideEntry]) -> dict[int, GuideVersion]:
    """Return the latest version of each entry, by the entry's id."""
    ids = [entry.pk for entry in entries]
    versions = GuideVersion.objects.filter(entry__in=ids, number=F("entry__version")).select_related("written_by")
    return {version.entry_id: version for version in versions}


def versions_of(entry: GuideEntry) -> QuerySet[GuideVersion]:
    """Select the versions of an entry, the latest first."""
    return entry.versions.select_related("written_by").order_by("-number")


def labels_of(dataset: Dataset, indexes: Iterable[int]) -> dict[int, Label]:
    """Return classes of a study's label set by their index."""
    rows = Label.objects.filter(label_set=dataset.label_set_id, index__in=set(indexes)).order_by("index")
    return {label.index: label for label in rows}


def pictures_named(guide: Guide | None, public_ids: Iterable[str]) -> dict[str, GuidePicture]:
    """Return pictures of a guide by their public id."""
    if guide is None:
        return {}
    return {row.public_id: row for row in guide.pictures.filter(public_id__in=set(public_ids))}


def pairs_without_entry(dataset: Dataset, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs of class indexes, lower first, that no group of the guide has both of."""
    groups = [set(labels) for labels in entries_of(dataset).filter(labels__len__gte=2).values_list("labels", flat=True)]
    return [pair for pair in pairs if not any(set(pair) <= group for group in groups)]


def n_entries(dataset: Dataset) -> dict[str, int]:
    """Return how many entries a study's guide has, and how many classes these are about."""
    labels = list(entries_of(dataset).values_list("labels", flat=True))
    groups = sum(len(group) > 1 for group in labels)
    return {"entries": len(labels), "groups": groups, "classes": len({index for group in labels for index in group})}
