"""Forms for the reference pages of labels."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy

from catalog.errors import UserError
from catalog.models import Label
from catalog.references.reads import Reference, checked_reference
from data_import.references.actions import add_page
from data_import.small_uploads.actions import too_large


class ReferencesFile(forms.Form):
    """A file of reference pages."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV with the columns label and url and, optionally, title. A label is a class index, a wnid or a word. "
            "The file replaces all pages that this study has set."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> "UploadedFile[Any]":
        upload: UploadedFile[Any] = self.cleaned_data["file"]
        if problem := too_large(upload):
            raise ValidationError(problem)
        return upload


class LabelPages(forms.Form):
    """The reference pages of one label."""

    pages = forms.CharField(
        label=gettext_lazy("Pages, one per line"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy(
            "The address and, after a blank, the title of its link. Without any, workers see the default page."
        ),
    )

    def __init__(self, *args: Any, label: Label, **options: Any) -> None:
        super().__init__(*args, **options)
        self.label = label

    def clean_pages(self) -> list[Reference]:
        pages: list[Reference] = []
        for line in filter(None, map(str.strip, self.cleaned_data["pages"].splitlines())):
            url, _, title = line.partition(" ")
            try:
                add_page(pages, checked_reference(url, title.strip()), self.label.name)
            except UserError as error:
                raise ValidationError(f"{line[:80]}: {error.for_page}") from None
        return pages


def as_lines(pages: Iterable[Reference]) -> str:
    """Return pages as the form takes them."""
    return "\n".join(f"{page.url} {page.title}".strip() for page in pages)
