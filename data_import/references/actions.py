"""Reference pages of a study: from a CSV file (`./manage import references`), or one label at a time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset, Label
from catalog.reads import label_lookup
from catalog.references.actions import set_references
from catalog.references.reads import MOST_PAGES, BadReference, Reference, checked_reference, study_references
from csv_files.tables import BadTable, InputFile, Refusal, TableRow, all_refused, read_table

References = dict[int, list[Reference]]


class Imported(NamedTuple):
    """The outcome of an import: the labels with pages, the pages, and whether anything changed."""

    n_labels: int
    n_pages: int
    is_new: bool


@transaction.atomic
def import_references(*, dataset: Dataset, file: InputFile) -> Imported:
    """Replace all reference pages of a study by those of a CSV (label, url and, optional, title).

    A label is an index, wnid or word; each of its lines is one of its pages. Raises BadTable, or UserError with the
    lines, for a file with faults; then nothing changes.
    """
    references = _references(file, label_lookup(dataset.label_set))
    before = study_references(dataset)
    outcome = Imported(len(references), _n_pages(references), references != before)
    if outcome.is_new:
        set_references(dataset=dataset, references=references)
        _note(dataset, "references.import", _numbers(before), _numbers(references))
    return outcome


def imported_message(outcome: Imported) -> str:
    """Return the outcome in words."""
    values = {"n": f"{outcome.n_pages:,}", "n_labels": f"{outcome.n_labels:,}"}
    if not outcome.is_new:
        return gettext("No change: the study already has these reference pages.")
    message = ngettext(
        "%(n)s reference page was imported, for %(n_labels)s labels. Other labels show their default page.",
        "%(n)s reference pages were imported, for %(n_labels)s labels. Other labels show their default page.",
        outcome.n_pages,
    )
    return message % values


@transaction.atomic
def change_references(*, dataset: Dataset, label: Label, references: Sequence[Reference]) -> bool:
    """Replace the pages that a study has set for a label; without any, the label's default page is shown.

    Returns whether anything changed.
    """
    before = study_references(dataset, [label]).get(label.pk, [])
    if before == list(references):
        return False
    set_references(dataset=dataset, references={label.pk: references}, only=label)
    _note(dataset, "references.change", _listed(label, before), _listed(label, references))
    return True


def _note(dataset: Dataset, action: str, before: dict[str, object], after: dict[str, object]) -> None:
    record(area=Area.CONFIG, action=action, subject=f"dataset {dataset}", before=before, after=after)


def _numbers(references: References) -> dict[str, object]:
    return {"labels": len(references), "pages": _n_pages(references)}


def _n_pages(references: References) -> int:
    return sum(map(len, references.values()))


def _listed(label: Label, references: Sequence[Reference]) -> dict[str, object]:
    return {"label": str(label), "pages": [" ".join(filter(None, page)) for page in references]}


def _references(file: InputFile, find: Callable[[str], Label]) -> References:
    references: References = {}
    refusals: list[Refusal] = []
    for row in read_table(file, ("label", "url"), ("title",)):
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        try:
            _add(references, row, find)
        except UserError as error:
            refusals.append(Refusal(row.where, str(error), error.shell, error.page))
    if refusals:
        raise all_refused(gettext("%(file)s: no reference pages were imported.") % {"file": file}, refusals)
    if not references:
        raise BadTable(gettext("%(file)s contains no pages: write a line label,url for each.") % {"file": file})
    return dict(sorted(references.items()))


def _add(references: References, row: TableRow, find: Callable[[str], Label]) -> None:
    """Add the page of a row. Raises UnknownLabel or BadReference."""
    label = find(row.cells["label"])
    page = checked_reference(row.cells["url"], row.cells.get("title", ""))
    pages = references.setdefault(label.pk, [])
    add_page(pages, page, label.name)


def add_page(pages: list[Reference], page: Reference, name: str) -> None:
    """Add a page to those of the label of this name. Raises BadReference if it is there, or if there are too many."""
    if any(page.url == other.url for other in pages):
        raise BadReference(gettext("“%(name)s” has the page %(url)s twice") % {"name": name, "url": page.url})
    if len(pages) == MOST_PAGES:
        message = gettext("“%(name)s” has more than %(most)s pages")
        raise BadReference(message % {"name": name, "most": MOST_PAGES})
    pages.append(page)
