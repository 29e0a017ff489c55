"""Label sets from a CSV file: `./manage import labels`. All of a file or nothing: the set of classes never changes."""

from pathlib import Path

from django.core.exceptions import ValidationError

from catalog.actions import IMAGENET, LabelRecord, add_label_set
from catalog.errors import UserError
from catalog.models import Label, LabelSet
from csv_files.tables import BadTable, Refusal, TableRow, all_refused, read_table

OPTIONAL = ("wnid", "gloss", "superclass", "wikipedia_url")


def import_labels(*, file: Path, name: str) -> tuple[LabelSet, bool]:
    """The label set of that name with the classes of a CSV (index, words and, optional, wnid, gloss, superclass,
    wikipedia_url). Returns it and whether it is new: the same file again changes nothing.

    Raises BadTable, or UserError with the lines, for a file that cannot be taken or differs from what is there.
    """
    if name == IMAGENET:
        raise UserError(f"{IMAGENET} is the name of the built-in label set. Give this one another name.")
    records = _records(file)
    standing = LabelSet.objects.filter(name=name).first()
    if standing is None:
        return add_label_set(name=name, labels=records), True
    if sorted(records, key=_index) != [_record(label) for label in standing.labels.order_by("index")]:
        raise UserError(f"There is a label set named {name!r} with other labels. Give this one another name.")
    return standing, False


def _index(record: LabelRecord) -> int:
    return record.index


def _record(label: Label) -> LabelRecord:
    return LabelRecord(label.index, label.wnid, label.words, label.gloss, label.superclass, label.wikipedia_url)


def _records(file: Path) -> list[LabelRecord]:
    records: list[LabelRecord] = []
    refused: list[Refusal] = []
    taken: dict[str, str] = {}
    for row in read_table(file, ("index", "words"), OPTIONAL):
        if isinstance(row, Refusal):
            refused.append(row)
            continue
        reasons = _faults(row, taken)
        refused.extend(Refusal(row.where, reason) for reason in reasons)
        if not reasons:
            records.append(LabelRecord(int(row.cells["index"]), *(row.cells.get(c, "") for c in COLUMNS)))
    if refused:
        raise all_refused(f"{file}: nothing was imported.", refused)
    if not records:
        raise BadTable(f"{file} holds no labels: write a line index,words for each.")
    return records


# In the order of LabelRecord.
COLUMNS = ("wnid", "words", "gloss", "superclass", "wikipedia_url")


def _faults(row: TableRow, taken: dict[str, str]) -> list[str]:
    """What is wrong with a row; `taken` gathers the lines of indexes and wnids, each of which names one class."""
    index, wnid = row.cells["index"], row.cells.get("wnid", "")
    if not (index.isascii() and index.isdecimal()):
        return [f"the index {index!r} is not a whole number"]
    if wnid.isdecimal():
        return [f"the wnid {wnid!r} looks like a class index: leave it empty if the class has none"]
    faults = _field_faults(row)
    for key in filter(None, (str(int(index)), wnid)):
        first = taken.setdefault(key, row.where)
        if first != row.where:
            faults.append(f"the class {key} stands in {first} already")
    return faults


def _field_faults(row: TableRow) -> list[str]:
    try:
        Label(**row.cells).clean_fields(exclude=["label_set"])
    except ValidationError as error:
        return [f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
    url = row.cells.get("wikipedia_url", "")
    # Workers follow this link.
    if url and not url.startswith(("http://", "https://")):
        return ["wikipedia_url: it starts with http:// or https://"]
    return []
