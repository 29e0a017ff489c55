"""Label sets from a CSV file (`./manage import labels`): all of a file or nothing, as label sets never change."""

from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from catalog.actions import IMAGENET, LabelRecord, add_label_set
from catalog.errors import UserError
from catalog.models import Label, LabelSet
from csv_files.tables import BadTable, Refusal, TableRow, all_refused, read_table

OPTIONAL = ("wnid", "gloss", "superclass", "wikipedia_url")


def import_labels(*, file: Path, name: str) -> tuple[LabelSet, bool]:
    """Make a label set of that name from a CSV (index, words and, optional, wnid, gloss, superclass, wikipedia_url).

    Returns the label set, and whether it is new: the same file again changes nothing. Raises BadTable, or UserError
    with the lines, for a file with faults, or one that differs from the label set of that name.
    """
    if name == IMAGENET:
        raise UserError(
            gettext("%(name)s is the name of the built-in label set. Choose another name.") % {"name": IMAGENET}
        )
    records = _records(file)
    standing = LabelSet.objects.filter(name=name).first()
    if standing is None:
        return add_label_set(name=name, labels=records), True
    if sorted(records, key=_index) != [_record(label) for label in standing.labels.order_by("index")]:
        raise UserError(
            gettext("A label set “%(name)s” with other labels exists already. Choose another name.") % {"name": name}
        )
    return standing, False


def _index(record: LabelRecord) -> int:
    return record.index


def _record(label: Label) -> LabelRecord:
    return LabelRecord(label.index, label.wnid, label.words, label.gloss, label.superclass, label.wikipedia_url)


def _records(file: Path) -> list[LabelRecord]:
    records: list[LabelRecord] = []
    refusals: list[Refusal] = []
    line_of_key: dict[str, str] = {}
    for row in read_table(file, ("index", "words"), OPTIONAL):
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        reasons = _faults(row, line_of_key)
        refusals.extend(Refusal(row.where, reason) for reason in reasons)
        if not reasons:
            records.append(LabelRecord(int(row.cells["index"]), *(row.cells.get(c, "") for c in COLUMNS)))
    if refusals:
        raise all_refused(gettext("%(file)s: no labels were imported.") % {"file": file}, refusals)
    if not records:
        raise BadTable(gettext("%(file)s contains no labels: write a line index,words for each.") % {"file": file})
    return records


# In the order of LabelRecord.
COLUMNS = ("wnid", "words", "gloss", "superclass", "wikipedia_url")


def _faults(row: TableRow, line_of_key: dict[str, str]) -> list[str]:
    """Return the faults of a row; `line_of_key` gathers the lines of indexes and wnids, which name one class each."""
    index, wnid = row.cells["index"], row.cells.get("wnid", "")
    if not (index.isascii() and index.isdecimal()):
        return [gettext("the index “%(index)s” is not a whole number") % {"index": index}]
    if wnid.isdecimal():
        return [
            gettext("the wnid “%(wnid)s” looks like a class index: leave it empty if the class has none")
            % {"wnid": wnid}
        ]
    faults = _field_faults(row)
    for key in filter(None, (str(int(index)), wnid)):
        first = line_of_key.setdefault(key, row.where)
        if first != row.where:
            faults.append(gettext("the class %(key)s appears in %(line)s too") % {"key": key, "line": first})
    return faults


def _field_faults(row: TableRow) -> list[str]:
    try:
        Label(**row.cells).clean_fields(exclude=["label_set"])
    except ValidationError as error:
        return [f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
    url = row.cells.get("wikipedia_url", "")
    # Workers follow this link.
    if url and not url.startswith(("http://", "https://")):
        return [gettext("wikipedia_url: the address must start with http:// or https://")]
    return []
