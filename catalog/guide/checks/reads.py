"""Limits and forms of what people write into the guide."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait, labels_of, pictures_named
from catalog.models import Dataset, Guide
from catalog.references.reads import checked_reference

LONGEST_TITLE = 200
LONGEST_BODY = 20_000
LONGEST_NAME_OF_TRAIT = 100
LONGEST_CELL = 300
LONGEST_CAPTION = 300
LONGEST_NOTE = 300
MOST_LABELS = 12
MOST_TRAITS = 30
MOST_LINKS = 20
MOST_PICTURES = 24
# Marks that turn the direction of what follows, so that a text reads otherwise than it is.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class BadContent(UserError):
    """An error: a text that cannot be an entry of the guide; the message says what to change."""


def checked_content(dataset: Dataset, guide: Guide, content: Content, note: str = "") -> Content:
    """Return content as it is stored: blanks and control characters removed, classes in order. Raises BadContent."""
    checked = replace(
        content,
        title=_line(content.title, LONGEST_TITLE, gettext("The title")),
        labels=_labels(dataset, content.labels),
        body=_body(content.body),
        links=_links(content.links),
        pictures=_pictures(guide, content.pictures),
    )
    checked = replace(checked, traits=_traits(content.traits, checked.labels))
    if not checked.title:
        raise BadContent(gettext("The title is missing."))
    if not (checked.body or checked.traits or checked.pictures or checked.links):
        raise BadContent(gettext("The entry is empty: write a text or a trait, or add a link or a picture."))
    _line(note, LONGEST_NOTE, gettext("The note"))
    return checked


def clean(text: str) -> str:
    """Return a text without control characters and turning marks, with plain line ends.

    >>> clean("a\\x00b\\r\\nc\\u202ed  \\n")
    'ab\\ncd'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (letter for letter in text if letter == "\n" or (unicodedata.category(letter) not in ("Cc", "Cs")))
    lines = "".join(letter for letter in kept if letter not in TURNING).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _line(text: str, most: int, name: str) -> str:
    line = " ".join(clean(text).split())
    if len(line) > most:
        raise BadContent(gettext("%(name)s has more than %(most)s characters.") % {"name": name, "most": most})
    return line


def _body(text: str) -> str:
    body = clean(text)
    if len(body) > LONGEST_BODY:
        message = gettext("The text has %(n)s characters; the limit is %(most)s. Split the entry.")
        raise BadContent(message % {"n": f"{len(body):,}", "most": f"{LONGEST_BODY:,}"})
    return body


def _labels(dataset: Dataset, indexes: Sequence[int]) -> tuple[int, ...]:
    labels = labels_of(dataset, indexes)
    if not labels:
        raise BadContent(gettext("Name the class of the entry, or the classes of a group."))
    if unknown := sorted(set(indexes) - labels.keys()):
        raise BadContent(gettext("The label set has no class %(index)s.") % {"index": unknown[0]})
    _check_number(len(labels), MOST_LABELS, gettext("classes"))
    return tuple(labels)


def _traits(traits: Sequence[Trait], labels: Sequence[int]) -> tuple[Trait, ...]:
    rows = []
    for trait in traits:
        cells = {index: _line(trait.values.get(index, ""), LONGEST_CELL, gettext("A trait")) for index in labels}
        name = _line(trait.name, LONGEST_NAME_OF_TRAIT, gettext("The name of a trait"))
        values = {index: text for index, text in cells.items() if text}
        if values and not name:
            raise BadContent(gettext("Name the trait of “%(text)s”.") % {"text": next(iter(values.values()))})
        rows += [Trait(name, values)] if name else []
    _check_number(len(rows), MOST_TRAITS, gettext("traits"))
    names = [row.name.casefold() for row in rows]
    if twice := next((row.name for row in rows if names.count(row.name.casefold()) > 1), None):
        raise BadContent(gettext("The trait “%(name)s” is there twice.") % {"name": twice})
    return tuple(rows)


def _links(links: Sequence[GuideLink]) -> tuple[GuideLink, ...]:
    checked = [GuideLink(*checked_reference(link.url.strip(), " ".join(link.title.split()))) for link in links]
    _check_number(len(checked), MOST_LINKS, gettext("links"))
    return tuple(dict.fromkeys(checked))


def _pictures(guide: Guide, pictures: Sequence[PictureUse]) -> tuple[PictureUse, ...]:
    stored = pictures_named(guide, [picture.public_id for picture in pictures])
    if any(picture.public_id not in stored for picture in pictures):
        raise BadContent(gettext("A picture does not belong to this guide. Add it again."))
    _check_number(len(pictures), MOST_PICTURES, gettext("pictures"))
    captions = {
        picture.public_id: _line(picture.caption, LONGEST_CAPTION, gettext("A caption")) for picture in pictures
    }
    return tuple(PictureUse(*item) for item in captions.items())


def _check_number(n: int, most: int, things: str) -> None:
    if n > most:
        message = gettext("An entry has at most %(most)s %(things)s; this one has %(n)s.")
        raise BadContent(message % {"most": most, "things": things, "n": n})
