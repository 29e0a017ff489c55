"""Reader of WordNet 3.0's noun database, the file `data.noun`, whose format is wndb(5WN). Needs no database.

A *wnid* is "n" and the eight digits of a synset's byte offset in that file: ImageNet names its classes so.
Offsets differ between WordNet versions: in another one a wnid would silently name another thing, so other
versions are refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.errors import UserError, gettext, ngettext

VERSION_NOTICE = re.compile(r"\bWordNet (\d+\.\d+) Copyright\b")
VERSION = "3.0"
HYPERNYM_POINTERS = ("@", "@i")
FIRST_EXAMPLE = re.compile(r';\s*"')


class WordNetError(UserError):
    """An error: the text is not WordNet 3.0's data.noun, or lacks a requested synset."""


@dataclass(frozen=True)
class Synset:
    """A set of noun synonyms.

    `lemmas`: the word forms in WordNet's order, with spaces for underscores. `gloss`: the definition,
    without the quoted examples of use. `hypernyms`: wnids of the next wider synsets in WordNet's order, those
    of which it is a kind and those of which it is an instance alike.
    """

    wnid: str
    lemmas: tuple[str, ...]
    gloss: str
    hypernyms: tuple[str, ...]


def read_synsets(lines: Iterable[str]) -> dict[str, Synset]:
    """Return all synsets of data.noun by wnid, in file order.

    Raises WordNetError where the notice at its head names another version or none, and where a line is not in
    the format, with the line's number.
    """
    version, synsets = None, {}
    for number, line in enumerate(lines, start=1):
        if line.startswith(" "):
            version = version or _version_in(line)
            continue
        _check_version(version)
        try:
            synset = parse_synset(line)
        except (ValueError, IndexError) as error:
            message = gettext("line %(line)s is not a noun synset of data.noun: %(start)r")
            raise WordNetError(message % {"line": number, "start": line[:60].strip()}) from error
        synsets[synset.wnid] = synset
    _check_version(version)
    return synsets


def parse_synset(line: str) -> Synset:
    """Parse a line: `offset lexfile n count(hex) (word id)* count (symbol offset pos source/target)* | gloss`.

    Raises ValueError or IndexError if it is not of that form.
    """
    data, bar, gloss = line.partition(" | ")
    fields = data.split()
    offset, kind = fields[0], fields[2]
    if not (bar and kind == "n" and re.fullmatch(r"\d{8}", offset)):
        raise ValueError("no offset, or not a noun, or no gloss")
    end_of_words = 4 + 2 * int(fields[3], 16)
    start = end_of_words + 1
    end = start + 4 * int(fields[end_of_words])
    if len(fields) != end:
        raise ValueError(f"{len(fields)} fields where the counts make {end}")
    pointers = zip(fields[start:end:4], fields[start + 1 : end : 4], strict=True)
    return Synset(
        wnid="n" + offset,
        lemmas=tuple(word.replace("_", " ") for word in fields[4:end_of_words:2]),
        gloss=definition(gloss),
        hypernyms=tuple("n" + target for symbol, target in pointers if symbol in HYPERNYM_POINTERS),
    )


def definition(gloss: str) -> str:
    """Return the text before the first quoted example of use; quotes inside a definition stay.

    >>> definition('a tangible and visible entity; "it was full of rackets"; "and balls"')
    'a tangible and visible entity'
    """
    return FIRST_EXAMPLE.split(gloss, maxsplit=1)[0].strip()


def hypernym_closure(synsets: Mapping[str, Synset], wnids: Iterable[str]) -> list[Synset]:
    """Return the named synsets and all above them up to the root, once each, in the order of their wnids.

    Raises WordNetError naming every wnid that is not there.
    """
    reached, unknown, waiting = {}, set(), list(wnids)
    while waiting:
        wnid = waiting.pop()
        if wnid not in synsets:
            unknown.add(wnid)
        elif wnid not in reached:
            reached[wnid] = synsets[wnid]
            waiting.extend(synsets[wnid].hypernyms)
    if unknown:
        message = gettext("none of the %(n)s synsets is %(wnids)s")
        raise WordNetError(message % {"n": f"{len(synsets):,}", "wnids": _some(sorted(unknown))})
    return [reached[wnid] for wnid in sorted(reached)]


def _version_in(line: str) -> str | None:
    match = VERSION_NOTICE.search(line)
    return match[1] if match else None


def _check_version(version: str | None) -> None:
    if version is None:
        raise WordNetError(gettext("no WordNet copyright notice at the head: this is not WordNet's data.noun"))
    if version != VERSION:
        message = gettext(
            "this is WordNet %(version)s, but ImageNet's wnids are offsets in WordNet %(expected)s: "
            "use the data.noun of that version (Debian: package wordnet-base)"
        )
        raise WordNetError(message % {"version": version, "expected": VERSION})


def _some(names: list[str], at_most: int = 5) -> str:
    n_more = len(names) - at_most
    first = ", ".join(names[:at_most])
    if n_more <= 0:
        return first
    return ngettext("%(names)s and %(n)s more", "%(names)s and %(n)s more", n_more) % {"names": first, "n": n_more}
