"""Parser of the guide's light markup. It makes a tree of texts, from which pages and documents make their own code.

A blank line ends a paragraph. `## ` begins a heading, `- ` an item of a list, `1. ` an item of a numbered list.
`**words**` are bold, `[words](https://…)` and bare addresses are links. Everything else is text, HTML as well.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

# An address ends where a sentence goes on: not with its full stop or closing parenthesis.
ADDRESS = r"https?://[^\s<>\"'`\[\](){}|\\^]+[^\s<>\"'`\[\](){}|\\^.,;:!?]"
INLINE = re.compile(rf"\*\*(?P<bold>[^*\n]+)\*\*|\[(?P<words>[^\[\]\n]+)\]\((?P<url>{ADDRESS})\)|(?P<bare>{ADDRESS})")
BULLET = re.compile(r"[-*•]\s+(.*)")
NUMBERED = re.compile(r"\d{1,3}[.)]\s+(.*)")
HEADING = re.compile(r"#{1,4}\s+(.*)")


class Style(StrEnum):
    """Kinds of a span of text."""

    PLAIN = "plain"
    BOLD = "bold"
    LINK = "link"


class Span(NamedTuple):
    """Words of one style; `url` is the address of a link."""

    words: str
    style: Style = Style.PLAIN
    url: str = ""


class BlockKind(StrEnum):
    """Kinds of a block."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    BULLETS = "bullets"
    NUMBERS = "numbers"


class Block(NamedTuple):
    """A paragraph or a heading of one line of spans, or a list with a line of spans for each item."""

    kind: BlockKind
    lines: tuple[tuple[Span, ...], ...]


def parse(text: str) -> list[Block]:
    """Return the blocks of a text.

    >>> parse("Black **mask**.\\n- short\\n- long")[1]
    Block(kind=<BlockKind.BULLETS: 'bullets'>, lines=((Span(words='short', style=<Style.PLAIN: 'plain'>, url=''),), \
(Span(words='long', style=<Style.PLAIN: 'plain'>, url=''),)))
    """
    return [Block(kind, tuple(tuple(spans(line)) for line in lines)) for kind, lines in _grouped(text)]


def spans(line: str) -> Iterator[Span]:
    """Yield the spans of a line.

    >>> [tuple(span)[::2] for span in spans("See [Kew](https://kew.example/a), or **b**.")]
    [('See ', ''), ('Kew', 'https://kew.example/a'), (', or ', ''), ('b', ''), ('.', '')]
    """
    end = 0
    for match in INLINE.finditer(line):
        if match.start() > end:
            yield Span(line[end : match.start()])
        yield _span(match)
        end = match.end()
    if end < len(line):
        yield Span(line[end:])


def summary(text: str, most: int = 200) -> str:
    """Return the words of a text on one line, without markup and headings, cut after a word if it has blanks.

    >>> summary("## Ears\\n\\n**Pointed**, and never\\nhanging.", 12)
    'Pointed, and…'
    """
    paragraphs = (block for block in parse(text) if block.kind != BlockKind.HEADING)
    words = " ".join("; ".join("".join(span.words for span in line) for line in block.lines) for block in paragraphs)
    if len(words) <= most:
        return words
    # Some languages are written without blanks.
    return (words[: most + 1].rpartition(" ")[0] or words[:most]).rstrip(".,;: ") + "…"


def is_safe_address(url: str) -> bool:
    """Return whether a page may link to an address: on the web, with a host, and without a password."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _span(match: re.Match[str]) -> Span:
    if words := match["bold"]:
        return Span(words, Style.BOLD)
    url = match["url"] or match["bare"]
    words = match["words"] or url
    return Span(words, Style.LINK, url) if _is_address(url) else Span(match[0])


def _is_address(url: str) -> bool:
    try:
        return is_safe_address(url)
    except ValueError:
        # A bracket or a port that no host has.
        return False


def _grouped(text: str) -> Iterator[tuple[BlockKind, list[str]]]:
    """Yield the kind of each block, and its lines; the lines of a paragraph are one."""
    kind: BlockKind | None = None
    lines: list[str] = []
    for line in [*map(str.strip, text.splitlines()), ""]:
        line_kind, words = _kind_of(line)
        if lines and (line_kind != kind or kind == BlockKind.HEADING):
            yield _block(kind or BlockKind.PARAGRAPH, lines)
            lines = []
        kind = line_kind
        lines += [words] if line else []


def _block(kind: BlockKind, lines: list[str]) -> tuple[BlockKind, list[str]]:
    return kind, [" ".join(lines)] if kind == BlockKind.PARAGRAPH else lines


def _kind_of(line: str) -> tuple[BlockKind | None, str]:
    """Return the kind of block that a line belongs to, None for a blank one, and its words."""
    for kind, pattern in LINES.items():
        if match := pattern.fullmatch(line):
            return kind, match[1]
    return (BlockKind.PARAGRAPH if line else None), line


LINES = {BlockKind.BULLETS: BULLET, BlockKind.NUMBERS: NUMBERED, BlockKind.HEADING: HEADING}
