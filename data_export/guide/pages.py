"""The whole guide of a study as one document, HTML or PDF: contents, entries in class order, pictures inside."""

import base64
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.guide.pages import EntryView, entry_views
from catalog.guide.reads import entries_of, guide_of, pictures_named
from catalog.models import Dataset
from data_export.guide.typesetting import typeset

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class NoDocument(UserError):
    """An error: a guide without entries, or a format that this installation cannot make."""


@dataclass(frozen=True)
class Document:
    """A format of the document: its name for people, and what makes it of a study's guide."""

    format: str
    title: "StrOrPromise"
    content_type: str
    make: Callable[[Dataset], bytes]


class PictureShown(NamedTuple):
    """A picture in a document: its content, a JPEG, and its caption."""

    public_id: str
    content: bytes
    caption: str

    @property
    def address(self) -> str:
        """Return the picture as an address that holds all of it."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.content).decode()}"


class Section(NamedTuple):
    """An entry in a document, and its pictures."""

    view: EntryView
    pictures: list[PictureShown]


def html_document(dataset: Dataset) -> bytes:
    """Return the guide as one HTML file that needs no other. Raises NoDocument."""
    context = {"dataset": dataset, "sections": sections_of(dataset)}
    return render_to_string("data_export/guide/document.html", context).encode()


def pdf_document(dataset: Dataset) -> bytes:
    """Return the guide as PDF. Raises NoDocument."""
    sections = sections_of(dataset)
    if importlib.util.find_spec("typst") is None:
        raise NoDocument(
            gettext("This site cannot make PDF files: the program that sets them is not installed."),
            shell=gettext("Install it: python3 launcher/install.py pdf"),
            page=gettext("Take the HTML document and print it, or ask the site administrator to install the program."),
        )
    pictures = {shown.public_id: shown.content for section in sections for shown in section.pictures}
    return typeset(dataset.name, [_as_data(section) for section in sections], pictures)


def sections_of(dataset: Dataset) -> list[Section]:
    """Return the entries of a study's guide in class order, with their pictures. Raises NoDocument."""
    views = entry_views(dataset, entries_of(dataset))
    if not views:
        raise NoDocument(gettext("The guide of “%(dataset)s” has no entries yet.") % {"dataset": dataset.name})
    contents = _contents(dataset, (use.public_id for view in views for use in view.content.pictures))
    return [
        Section(
            view,
            [
                PictureShown(use.public_id, contents[use.public_id], use.caption)
                for use in view.content.pictures
                if use.public_id in contents
            ],
        )
        for view in views
    ]


def _contents(dataset: Dataset, public_ids: Iterable[str]) -> dict[str, bytes]:
    """Return the pictures' files, but for those that are lost: a document without a picture is better than none."""
    contents: dict[str, bytes] = {}
    for public_id, row in pictures_named(guide_of(dataset), public_ids).items():
        try:
            with row.picture.open() as file:
                contents[public_id] = file.read()
        except OSError:
            continue
    return contents


def _as_data(section: Section) -> dict[str, object]:
    """Return an entry as plain data, which the typesetter reads as text and never as its own language."""
    view = section.view
    blocks = [
        {"kind": str(block.kind), "lines": [[span._asdict() for span in line] for line in block.lines]}
        for block in view.blocks
    ]
    return {
        "title": view.content.title,
        "classes": [{"index": label.index, "words": label.words} for label in view.labels],
        "blocks": blocks,
        "heads": [label.name for label in view.labels],
        "traits": [{"name": name, "cells": cells} for name, cells in view.rows],
        "links": [{"url": link.url, "words": link.title or link.url} for link in view.content.links],
        "pictures": [{"file": f"{shown.public_id}.jpg", "caption": shown.caption} for shown in section.pictures],
    }


DOCUMENTS = {
    "html": Document("html", gettext_lazy("HTML"), "text/html; charset=utf-8", html_document),
    "pdf": Document("pdf", gettext_lazy("PDF"), "application/pdf", pdf_document),
}
