"""The guide as pages show it: entries with their classes, and texts as HTML.

Texts of people reach a page through `as_html` alone, which escapes all of it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.class_pairs.reads import PairOfLabel, pairs_of
from catalog.guide.markup.reads import Block, BlockKind, Span, Style, parse, summary
from catalog.guide.reads import (
    Content,
    PictureUse,
    content_of,
    entries_of_label,
    labels_of,
    latest_versions,
)
from catalog.models import Dataset, GuideEntry, GuideVersion, Label

# Of a heading in a text: below that of its entry, which is below that of its page.
HEADING_LEVEL = 4


class EntryView(NamedTuple):
    """An entry as a page or a document shows it; `version` and `entry` are None in a preview."""

    content: Content
    labels: list[Label]
    entry: GuideEntry | None = None
    version: GuideVersion | None = None

    @property
    def html(self) -> SafeString:
        return as_html(self.content.body)

    @property
    def blocks(self) -> list[Block]:
        return parse(self.content.body)

    @property
    def summary(self) -> str:
        return summary(self.content.body)

    @property
    def has_more(self) -> bool:
        """Return whether the text says more than its summary, or there are links or further pictures."""
        is_short = self.summary == " ".join(self.content.body.split())
        return bool(self.content.links) or self.content.pictures != self.first_pictures or not is_short

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        return self.content.rows()

    @property
    def first_pictures(self) -> tuple[PictureUse, ...]:
        return self.content.pictures[:3]


def as_html(text: str) -> SafeString:
    """Return a text of the guide's markup as HTML.

    >>> as_html("**Ears** <script>")
    '<p><strong>Ears</strong> &lt;script&gt;</p>'
    """
    return format_html_join("\n", "{}", ((_block(block),) for block in parse(text)))


def entry_views(dataset: Dataset, entries: Iterable[GuideEntry]) -> list[EntryView]:
    """Return entries with their latest versions and their classes, in two queries."""
    entries = list(entries)
    versions = latest_versions(entries)
    labels = labels_of(dataset, (index for entry in entries for index in entry.labels))
    return [
        EntryView(content_of(versions[entry.pk]), _classes(entry.labels, labels), entry, versions[entry.pk])
        for entry in entries
    ]


def view_of(dataset: Dataset, content: Content, version: GuideVersion | None = None) -> EntryView:
    """Return a version, or content that nobody has saved yet, as pages show it."""
    labels = labels_of(dataset, content.labels)
    return EntryView(content, _classes(content.labels, labels), version.entry if version else None, version)


def guide_beside(dataset: Dataset, label: Label) -> dict[str, Any]:
    """Return the context of `templates/dashboard/guide/beside.html`: what the guide says where a class is met.

    `entries` are those of the class and then of its groups; `pairs` are the classes it is registered with. In a
    template, it is included with `beside`.
    """
    entries = entry_views(dataset, entries_of_label(dataset, label))
    pairs: list[PairOfLabel] = pairs_of(label)
    return {"dataset": dataset, "label": label, "entries": entries, "pairs": pairs}


def _classes(indexes: Iterable[int], labels: dict[int, Label]) -> list[Label]:
    return [labels[index] for index in indexes if index in labels]


def _block(block: Block) -> SafeString:
    lines = [format_html_join("", "{}", ((_span(span),) for span in line)) for line in block.lines]
    match block.kind:
        case BlockKind.HEADING:
            level = HEADING_LEVEL
            return format_html("<h{}>{}</h{}>", level, lines[0], level)
        case BlockKind.BULLETS:
            return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line,) for line in lines)))
        case BlockKind.NUMBERS:
            return format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((line,) for line in lines)))
    return format_html("<p>{}</p>", lines[0])


def _span(span: Span) -> SafeString:
    if span.style == Style.BOLD:
        return format_html("<strong>{}</strong>", span.words)
    if span.style == Style.LINK:
        return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', span.url, span.words)
    return format_html("{}", span.words)
