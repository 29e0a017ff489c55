"""Opening batches: CONTAINS grids for pairs, and CLASSIFY forms."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as site
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from catalog.errors import Remark, UserError, joined
from catalog.models import Dataset, Image, Label
from catalog.reads import LockName, current_settings, label_lookup, wait_for_lock
from classify_task.actions import classify_batch
from contains_task.actions import open_grids
from contains_task.reads import pairs_asked
from csv_files.cells import unguarded
from csv_files.tables import BadTable, InputFile, Refusal, TableRow, all_refused, read_table
from workforce.actions import open_batch
from workforce.models import Batch

LONGEST_CODE = 60


@dataclass(frozen=True)
class Pay:
    """How people on a link marketplace prove that they worked, and how much they may do."""

    hits_per_worker: int | None = None
    completion_code: str = ""
    completion_url: str = ""

    def check(self) -> None:
        if self.hits_per_worker is not None and self.hits_per_worker < 1:
            raise UserError(
                "One person may do 1 HIT or more.",
                shell="--hits-per-worker is 1 or more; leave it out for no limit.",
                page="Leave the field empty for no limit.",
            )
        if len(self.completion_code) > LONGEST_CODE or not self.completion_code.isprintable():
            raise UserError(
                f"The completion code has at most {LONGEST_CODE} printable characters.",
                shell="Give another --completion-code.",
            )
        try:
            if self.completion_url:
                URLValidator(schemes=["http", "https"])(self.completion_url)
        except ValidationError:
            raise UserError(
                f"The completion address {self.completion_url!r} is no http or https address.",
                shell="Give another --completion-url.",
            ) from None


@dataclass(frozen=True)
class Opened:
    """The batch in which pairs wait for answers, how many were opened in it now, how many were open before, and how
    many of the images asked about have no dataset label."""

    batch: Batch
    n_pairs: int
    n_grids: int
    n_known: int
    n_unlabelled: int


def address_of(batch: Batch) -> str:
    return f"{site.WORKER_ORIGIN}/join/{batch.public_id}"


# CONTAINS


@transaction.atomic
def open_contains(
    *, dataset: Dataset, pairs: InputFile, pay: Pay, again: bool = False, adaptive: Mapping[str, float] | None = None
) -> Opened:
    """Open grids for the (image, label) pairs of a CSV file; pairs opened before are left out unless `again`.

    With `adaptive` figures (studies.adaptive.reads) the batch asks as often as its votes make necessary.
    All pairs or none: raises UserError, naming the lines, if one is unknown or stands twice.
    """
    # Two commands at once must not open the same pairs.
    wait_for_lock(LockName.ASKING, dataset)
    return open_pairs(dataset=dataset, pairs=pairs_of(pairs, dataset), pay=pay, again=again, adaptive=adaptive)


@transaction.atomic
def open_pairs(
    *,
    dataset: Dataset,
    pairs: list[tuple[Image, Label]],
    pay: Pay,
    again: bool = False,
    adaptive: Mapping[str, Any] | None = None,
) -> Opened:
    """Open grids for pairs (at least one), one label per grid: labels and their images in the order given.

    Grids are handed out in that order, so pairs that are given together are finished together.
    """
    pay.check()
    known = {} if again else pairs_asked(dataset)
    images_by_label: dict[Label, list[Image]] = defaultdict(list)
    for image, label in pairs:
        if (image.pk, label.pk) not in known:
            images_by_label[label].append(image)
    n_pairs = sum(map(len, images_by_label.values()))
    n_unlabelled = len({image.pk for image, _ in pairs if image.dataset_label_id is None})
    if not n_pairs:
        last = max(known[image.pk, label.pk] for image, label in pairs)
        return Opened(Batch.objects.get(pk=last), 0, 0, len(pairs), n_unlabelled)
    batch = open_batch(dataset=dataset, kind="contains", **vars(pay), **(adaptive or {}))
    grids = open_grids(batch=batch, images_by_label=images_by_label)
    return Opened(batch, n_pairs, len(grids), len(pairs) - n_pairs, n_unlabelled)


def pairs_of(file: InputFile, dataset: Dataset) -> list[tuple[Image, Label]]:
    images = {image.name: image for image in dataset.images.all()}
    find = label_lookup(dataset.label_set)
    line_of_pair: dict[tuple[Image, Label], str] = {}
    refused: list[Refusal] = []
    for row in read_table(file, ("image", "label")):
        if isinstance(row, Refusal):
            refused.append(row)
            continue
        image, label, faults = _pair_of(row, images, find)
        if image is not None and label is not None:
            first = line_of_pair.setdefault((image, label), row.where)
            if first != row.where:
                faults = [Remark(f"the pair stands in {first} already: remove one of them")]
        if faults:
            fault = joined(faults, "; ")
            refused.append(Refusal(row.where, fault.message, shell=fault.shell, page=fault.page))
    if refused:
        raise all_refused(f"{file}: nothing was opened.", refused)
    if not line_of_pair:
        raise BadTable(f"{file} holds no pairs: write a line image,label for each.")
    return list(line_of_pair)


def _pair_of(
    row: TableRow, images: dict[str, Image], find: Callable[[str], Label]
) -> tuple[Image | None, Label | None, list[Remark | UserError]]:
    """The image and the label of a row as far as they are known, and all that is wrong with it."""
    found: list[Any] = []
    faults: list[Remark | UserError] = []
    for look_up in (lambda: _known_image(row, images), lambda: find(row.cells["label"])):
        try:
            found.append(look_up())
        except UserError as error:
            found.append(None)
            faults.append(error)
    return found[0], found[1], faults


def _known_image(row: TableRow, images: dict[str, Image]) -> Image:
    name = row.cells["image"]
    # A file made from an export has the export's apostrophe before a name that a spreadsheet would compute.
    name = name if name in images else unguarded(name)
    if name not in images:
        raise UserError(f"there is no image {name!r} in this dataset: write the name it was imported under")
    if not images[name].original:
        raise UserError(
            f"{name!r} has no file to show: import its file first",
            shell="./manage import images brings files.",
            page="The page Images brings files.",
        )
    return images[name]


# CLASSIFY


@transaction.atomic
def open_classify(*, dataset: Dataset, pay: Pay) -> Batch:
    """The open batch that takes the forms made from here on; what it pays is decided when it is made."""
    pay.check()
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    standing = dataset.batches.filter(
        kind="classify",
        marketplace=Batch.Marketplace.LINK,
        settings=current_settings(dataset),
        closed_at=None,
    ).first()
    if standing is None and pay != Pay():
        return open_batch(dataset=dataset, kind="classify", **vars(pay))
    batch = classify_batch(dataset=dataset)
    if pay != Pay() and pay != Pay(batch.hits_per_worker, batch.completion_code, batch.completion_url):
        raise UserError(
            f"Batch {batch.pk} takes the forms of {dataset} already, with other completion settings, which people "
            "may have been told. Once it is closed, new forms go to a new batch.",
            shell=f"Close it first: ./manage close {batch.pk}.",
            page="Close it first on the page Grids.",
        )
    return batch
