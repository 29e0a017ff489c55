"""The form of an entry of the guide, and the draft that it stands for."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.guide.checks.reads import (
    LONGEST_BODY,
    LONGEST_NOTE,
    LONGEST_TITLE,
    MOST_LABELS,
    MOST_PICTURES,
    MOST_TRAITS,
)
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait
from catalog.models import Label
from data_import.small_uploads.actions import too_large

FREE_ROWS = 3
# Above it, no column of the database has a number.
LONGEST_NUMBER = 10
# A class as the form shows it: its index, and its words for people.
INDEXED = re.compile(r"(\d{1,9}):.*")
# A public id, as the address of a picture holds it.
PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]+")
Data = MultiValueDict[str, Any]


class EntryForm(forms.Form):
    """The parts of an entry that are single fields. Traits and pictures are rows of the page's own."""

    title = forms.CharField(label=gettext_lazy("Title"), required=False, max_length=LONGEST_TITLE)
    classes = forms.CharField(
        label=gettext_lazy("Classes, one per line"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy("A class index, a wnid or a word of the class. Two or more classes are a group."),
    )
    body = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        # Above the limit of an entry, which says by how much a text is too long, and keeps it.
        max_length=5 * LONGEST_BODY,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text=gettext_lazy(
            "A blank line begins a paragraph, “- ” a list item, “1. ” a numbered one, and “## ” a heading. "
            "**Two stars** make words bold; [words](https://…) is a link."
        ),
    )
    links = forms.CharField(
        label=gettext_lazy("Links, one per line"),
        required=False,
        max_length=12_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy("The address and, after a blank, the title of its link."),
    )
    picture = forms.FileField(
        label=gettext_lazy("Add a picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=gettext_lazy("JPEG, PNG or WebP. It is stored small and without its metadata."),
    )
    image = forms.CharField(
        label=gettext_lazy("Or the name of an image of this study"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off"}),
    )
    note = forms.CharField(label=gettext_lazy("What did you change?"), required=False, max_length=LONGEST_NOTE)
    based_on = forms.IntegerField(required=False, min_value=0, max_value=10**6, widget=forms.HiddenInput)

    def __init__(self, *args: Any, find: Callable[[str], Label], **options: Any) -> None:
        super().__init__(*args, **options)
        self.find = find

    def clean_classes(self) -> tuple[int, ...]:
        indexes: list[int] = []
        for line in filter(None, map(str.strip, self.cleaned_data["classes"].splitlines())):
            try:
                indexes.append(self.find(INDEXED.sub(r"\1", line)).index)
            except UserError as error:
                raise ValidationError(error.for_page) from None
        if len(indexes) > MOST_LABELS:
            raise ValidationError(gettext("An entry has at most %(most)s classes.") % {"most": MOST_LABELS})
        return tuple(sorted(set(indexes)))

    def clean_links(self) -> tuple[GuideLink, ...]:
        lines = filter(None, map(str.strip, self.cleaned_data["links"].splitlines()))
        return tuple(GuideLink(url, title.strip()) for url, _, title in (line.partition(" ") for line in lines))

    def clean_picture(self) -> "UploadedFile[Any] | None":
        upload: UploadedFile[Any] | None = self.cleaned_data["picture"]
        if upload is not None and (problem := too_large(upload)):
            raise ValidationError(problem)
        return upload


@dataclass(frozen=True)
class Draft:
    """An entry as somebody writes it: its content, the number of free rows of traits, and the version that was seen."""

    content: Content
    based_on: int = 0
    n_rows: int = FREE_ROWS
    note: str = ""

    def with_picture(self, public_id: str) -> "Draft":
        """Return the draft with one more picture, once."""
        pictures = self.content.pictures
        if any(use.public_id == public_id for use in pictures):
            return self
        return replace(self, content=replace(self.content, pictures=(*pictures, PictureUse(public_id))))

    @property
    def rows(self) -> list[tuple[int, str, list[tuple[int, str]]]]:
        """Return the rows of traits as the page shows them, with free ones: number, name, (class index, text)."""
        labels = self.content.labels
        free = max(0, min(self.n_rows, MOST_TRAITS - len(self.content.traits)))
        traits = (*self.content.traits, *(Trait("", {}) for _ in range(free)))
        return [
            (number, trait.name, list(zip(labels, trait.cells(labels), strict=True)))
            for number, trait in enumerate(traits)
        ]


def traits_in(data: Data, labels: tuple[int, ...]) -> tuple[Trait, ...]:
    """Return the rows of traits that a form was sent with, but for empty ones."""
    rows = []
    for number in range(MOST_TRAITS):
        cells = {index: str(data.get(f"trait-{number}-{index}", ""))[:1000] for index in labels}
        row = Trait(
            str(data.get(f"trait-{number}", ""))[:1000].strip(), {key: cells[key] for key in cells if cells[key]}
        )
        rows += [row] if row.name or row.values else []
    return tuple(rows)


def columns_in(data: Data) -> tuple[int, ...]:
    """Return the class indexes of the table of traits that a form was sent with."""
    numbers = (number_in(str(text)) for text in data.getlist("columns")[:MOST_LABELS])
    return tuple(sorted({number for number in numbers if number is not None}))


def number_in(text: str) -> int | None:
    """Return the number that a part of an address or of a form is; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LONGEST_NUMBER else None


def pictures_in(data: Data) -> tuple[PictureUse, ...]:
    """Return the pictures that a form was sent with, in order, but for those that it removes."""
    ids = dict.fromkeys(map(str, data.getlist("pictures")[: 2 * MOST_PICTURES]))
    kept = [text for text in ids if PUBLIC_ID.fullmatch(text) and f"remove-{text}" not in data]
    return tuple(PictureUse(public_id, str(data.get(f"caption-{public_id}", ""))[:1000]) for public_id in kept)


def draft_in(form: EntryForm, data: Data) -> Draft:
    """Return the draft that a form was sent with, also one with faults: nothing that somebody wrote is dropped."""
    cleaned: Mapping[str, Any] = getattr(form, "cleaned_data", {})
    # With faulty classes, the table keeps the columns that it had.
    labels: tuple[int, ...] = cleaned["classes"] if "classes" in cleaned else columns_in(data)
    content = Content(
        title=cleaned.get("title", ""),
        labels=labels,
        body=cleaned.get("body", ""),
        traits=traits_in(data, labels),
        links=cleaned.get("links") or (),
        pictures=pictures_in(data),
    )
    return Draft(content, cleaned.get("based_on") or 0, note=cleaned.get("note", ""))


def initial_of(draft: Draft, labels: Iterable[Label]) -> dict[str, Any]:
    """Return the fields of a draft, which is about these classes, as the form shows them."""
    content = draft.content
    return {
        "title": content.title,
        "classes": "\n".join(map(str, labels)),
        "body": content.body,
        "links": "\n".join(f"{link.url} {link.title}".strip() for link in content.links),
        "based_on": draft.based_on,
    }
