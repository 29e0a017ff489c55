"""Differences between two versions of an entry, word by word."""

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext

from catalog.guide.reads import Content

TOKENS = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")


class Change(StrEnum):
    """Kinds of a piece of two texts."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


class Piece(NamedTuple):
    """Words that both texts have, or the former or the later alone."""

    words: str
    change: Change = Change.SAME


class SectionDifference(NamedTuple):
    """The pieces of a section of two versions; without a change, the section is the same."""

    name: str
    pieces: list[Piece]

    @property
    def is_changed(self) -> bool:
        return any(piece.change != Change.SAME for piece in self.pieces)


def word_differences(before: str, after: str) -> list[Piece]:
    """Return the pieces that lead from one text to another.

    >>> [str(piece.change)[0] + piece.words for piece in word_differences("long ears, black", "short ears, black")]
    ['rlong', 'ashort', 's ears, black']
    """
    former, later = TOKENS.findall(before), TOKENS.findall(after)
    # With texts of some thousand words, frequent ones are no landmarks: the search would take too long.
    blocks = SequenceMatcher(None, former, later).get_opcodes()
    pieces: list[Piece] = []
    for operation, i, j, k, m in blocks:
        if operation == "equal":
            pieces.append(Piece("".join(former[i:j])))
            continue
        pieces += [Piece("".join(former[i:j]), Change.REMOVED)] if j > i else []
        pieces += [Piece("".join(later[k:m]), Change.ADDED)] if m > k else []
    return pieces


def differences(before: Content, after: Content, name_of: Callable[[int], str]) -> list[SectionDifference]:
    """Return the differences of two versions by section; sections that both lack are left out."""
    former, later = dict(_sections(before, name_of)), dict(_sections(after, name_of))
    sections = [SectionDifference(name, word_differences(former[name], later[name])) for name in former]
    return [section for section in sections if section.pieces]


def _sections(content: Content, name_of: Callable[[int], str]) -> Iterator[tuple[str, str]]:
    """Yield each section of an entry by its name, as plain text."""
    yield gettext("Title"), content.title
    yield gettext("Classes"), "\n".join(map(name_of, content.labels))
    yield gettext("Text"), content.body
    yield gettext("Traits"), "\n".join(_rows(content, name_of))
    yield gettext("Links"), "\n".join(f"{link.url} {link.title}".strip() for link in content.links)
    captions: Sequence[str] = [f"{use.public_id[:6]}: {use.caption}" for use in content.pictures]
    yield gettext("Pictures"), "\n".join(captions)


def _rows(content: Content, name_of: Callable[[int], str]) -> Iterator[str]:
    for trait in content.traits:
        yield from (f"{trait.name}, {name_of(index)}: {text}" for index, text in sorted(trait.values.items()))
        if not trait.values:
            yield trait.name
