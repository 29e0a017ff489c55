"""Class pairs of a label set: from a CSV file, or one by one, with a line in the record of decisions."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from catalog.class_pairs.actions import BadPair, add_pair, withdraw_pair
from catalog.errors import UserError
from catalog.models import ClassPair, Label, LabelSet, PairKind
from catalog.reads import label_lookup
from csv_files.cells import unguarded
from csv_files.tables import BadTable, InputFile, Refusal, TableRow, all_refused, read_table

REQUIRED = ("first", "second", "kind", "provenance")
# The names of the classes are for people: an exported file may have them.
OPTIONAL = ("narrower", "note", "first_wnid", "first_words", "second_wnid", "second_words")


class ImportedPairs(NamedTuple):
    """The outcome of an import: how many pairs are new, and how many were there already."""

    n_new: int
    n_existing: int


@transaction.atomic
def import_class_pairs(*, label_set: LabelSet, file: InputFile, added_by: User | None = None) -> ImportedPairs:
    """Add the pairs of a CSV (first, second, kind, provenance and, optional, narrower and note) to a label set.

    A label is an index, wnid or word. Raises BadTable, or UserError with the lines, for a file with faults; then
    nothing changes.
    """
    is_new: list[bool] = []
    refusals: list[Refusal] = []
    find = label_lookup(label_set)
    for row in read_table(file, REQUIRED, OPTIONAL):
        try:
            if isinstance(row, Refusal):
                refusals.append(row)
            else:
                is_new.append(add_pair(label_set=label_set, added_by=added_by, **_fields(row, find))[1])
        except UserError as error:
            refusals.append(Refusal(row.where, str(error), error.shell, error.page))
    if refusals:
        raise all_refused(gettext("%(file)s: no class pairs were imported.") % {"file": file}, refusals)
    if not is_new:
        raise BadTable(gettext("%(file)s contains no pairs: write a line for each.") % {"file": file})
    outcome = ImportedPairs(sum(is_new), len(is_new) - sum(is_new))
    if outcome.n_new:
        _note("class_pairs.import", label_set, after={"pairs": outcome.n_new})
    return outcome


def imported_pairs_message(outcome: ImportedPairs) -> str:
    """Return the outcome in words."""
    message = ngettext(
        "%(n)s class pair was added; %(n_existing)s existed already.",
        "%(n)s class pairs were added; %(n_existing)s existed already.",
        outcome.n_new,
    )
    return message % {"n": f"{outcome.n_new:,}", "n_existing": f"{outcome.n_existing:,}"}


@transaction.atomic
def withdraw_class_pair(*, pair: ClassPair, reason: str) -> None:
    """Withdraw a pair, and record it."""
    if withdraw_pair(pair=pair):
        _note("class_pairs.withdraw", pair.label_set, before={"pair": str(pair)}, reason=reason)


def _fields(row: TableRow, find: Callable[[str], Label]) -> dict[str, Any]:
    """Return the arguments of `add_pair` that a line gives. Raises UnknownLabel or BadPair."""
    cells = {name: unguarded(cell) for name, cell in row.cells.items()}
    first, second = find(cells["first"]), find(cells["second"])
    narrower = find(cells["narrower"]) if cells.get("narrower") else None
    is_subset = cells["kind"] == PairKind.SUBSET
    if (narrower in (first, second)) != is_subset or (narrower and not is_subset):
        raise BadPair(gettext("narrower names the class that is a kind of the other, for the kind subset alone"))
    if narrower == second:
        first, second = second, first
    texts = {"kind": cells["kind"], "provenance": cells["provenance"], "note": cells.get("note", "")}
    return {"first": first, "second": second, **texts}


def _note(action: str, label_set: LabelSet, **values: Any) -> None:
    record(area=Area.CONFIG, action=action, subject=f"label set {label_set}", **values)
