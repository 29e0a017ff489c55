"""Batches of CONTAINS grids for pairs, and of CLASSIFY forms, opened for a dataset."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as site
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import Remark, UserError, joined
from catalog.models import Dataset, Image, Label
from catalog.reads import LockName, current_settings, label_lookup, wait_for_lock
from classify_task.actions import classify_batch
from contains_task.actions import open_grids
from contains_task.reads import pairs_asked
from csv_files.cells import unguarded
from csv_files.tables import BadTable, InputFile, Refusal, TableRow, all_refused, read_table
from review_task.models import Review
from workforce.actions import open_batch
from workforce.models import Batch
from workforce.openings.actions import note_opening

LONGEST_CODE = 60


@dataclass(frozen=True)
class Pay:
    """Proof of work for workers who come by a recruitment link, the maximum work for one worker, who may come, and the
    answers that a cell of a grid offers."""

    hits_per_worker: int | None = None
    completion_code: str = ""
    completion_url: str = ""
    decline_code: str = ""
    decline_url: str = ""
    admission: str = Batch.Admission.ANYONE
    networks: str = Batch.Networks.SHARED
    answers: str = Batch.Answers.TWO

    def check(self) -> None:
        if self.hits_per_worker is not None and self.hits_per_worker < 1:
            raise UserError(
                gettext("The maximum for one worker must be 1 or more."),
                shell=gettext("Leave --hits-per-worker out for no limit."),
                page=gettext("Leave the field empty for no limit."),
            )
        _check_code(
            self.completion_code,
            gettext("A completion code has at most %(n)s printable characters."),
            shell=gettext("Choose another --completion-code."),
        )
        _check_code(
            self.decline_code,
            gettext("A decline code has at most %(n)s printable characters."),
            shell=gettext("Choose another --decline-code."),
        )
        _check_address(
            self.completion_url,
            gettext("The completion link “%(address)s” must begin with http:// or https://."),
            shell=gettext("Choose another --completion-url."),
        )
        _check_address(
            self.decline_url,
            gettext("The decline link “%(address)s” must begin with http:// or https://."),
            shell=gettext("Choose another --decline-url."),
        )


def _check_code(code: str, words: str, *, shell: str) -> None:
    if len(code) > LONGEST_CODE or not code.isprintable():
        raise UserError(words % {"n": LONGEST_CODE}, shell=shell)


def _check_address(address: str, words: str, *, shell: str) -> None:
    try:
        if address:
            URLValidator(schemes=["http", "https"])(address)
    except ValidationError:
        raise UserError(words % {"address": address}, shell=shell) from None


@dataclass(frozen=True)
class Opened:
    """A result of opening pairs: their batch, the numbers of pairs and grids opened now, the number of pairs opened
    before, and the number of their images without a dataset label."""

    batch: Batch
    n_pairs: int
    n_grids: int
    n_before: int
    n_unlabelled: int


def address_of(batch: Batch) -> str:
    return f"{site.WORKER_ORIGIN}/join/{batch.public_id}"


def address_of_review(review: Review) -> str:
    return f"{site.STAFF_ORIGIN}/review/{review.pk}/next/"


# CONTAINS


@transaction.atomic
def open_contains(
    *, dataset: Dataset, pairs: InputFile, pay: Pay, again: bool = False, adaptive: Mapping[str, float] | None = None
) -> Opened:
    """Open grids for the (image, label) pairs of a CSV file; pairs opened before are left out unless `again`.

    With `adaptive` figures (studies.adaptive.reads) the batch shows a pair only as often as its votes require.
    All pairs or none: raises UserError, naming the lines, if a pair is unknown or appears twice.
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
    """Open grids for pairs (at least one), one label per grid: labels and their images in the order of `pairs`.

    Grids are assigned in that order, so pairs that stand together are finished together.
    """
    pay.check()
    batches = {} if again else pairs_asked(dataset)
    images_by_label: dict[Label, list[Image]] = defaultdict(list)
    for image, label in pairs:
        if (image.pk, label.pk) not in batches:
            images_by_label[label].append(image)
    n_pairs = sum(map(len, images_by_label.values()))
    n_unlabelled = len({image.pk for image, _ in pairs if image.dataset_label_id is None})
    if not n_pairs:
        last = max(batches[image.pk, label.pk] for image, label in pairs)
        return Opened(Batch.objects.get(pk=last), 0, 0, len(pairs), n_unlabelled)
    batch = open_batch(dataset=dataset, kind="contains", **vars(pay), **(adaptive or {}))
    grids = open_grids(batch=batch, images_by_label=images_by_label)
    note_opening(batch=batch)
    return Opened(batch, n_pairs, len(grids), len(pairs) - n_pairs, n_unlabelled)


def pairs_of(file: InputFile, dataset: Dataset) -> list[tuple[Image, Label]]:
    """Return the pairs of a CSV file (image, label). Raises UserError, naming the lines with faults."""
    images = {image.name: image for image in dataset.images.all()}
    find = label_lookup(dataset.label_set)
    line_of_pair: dict[tuple[Image, Label], str] = {}
    refusals: list[Refusal] = []
    for row in read_table(file, ("image", "label")):
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        image, label, faults = _pair_of(row, images, find)
        if image is not None and label is not None:
            first = line_of_pair.setdefault((image, label), row.where)
            if first != row.where:
                faults = [Remark(gettext("the pair appears in %(line)s too: remove one of them") % {"line": first})]
        if faults:
            fault = joined(faults, "; ")
            refusals.append(Refusal(row.where, fault.message, shell=fault.shell, page=fault.page))
    if refusals:
        raise all_refused(gettext("%(file)s: no grids were opened.") % {"file": file}, refusals)
    if not line_of_pair:
        raise BadTable(gettext("%(file)s contains no pairs: write a line image,label for each.") % {"file": file})
    return list(line_of_pair)


def _pair_of(
    row: TableRow, images: dict[str, Image], find: Callable[[str], Label]
) -> tuple[Image | None, Label | None, list[Remark | UserError]]:
    """Return the image and the label of a row, None where the dataset has none, and all faults of the row."""
    pair: list[Any] = []
    faults: list[Remark | UserError] = []
    for look_up in (lambda: _image_of(row, images), lambda: find(row.cells["label"])):
        try:
            pair.append(look_up())
        except UserError as error:
            pair.append(None)
            faults.append(error)
    return pair[0], pair[1], faults


def _image_of(row: TableRow, images: dict[str, Image]) -> Image:
    name = row.cells["image"]
    # An export puts an apostrophe before names that a spreadsheet would take for a formula.
    name = name if name in images else unguarded(name)
    if name not in images:
        raise UserError(
            gettext("the dataset has no image “%(name)s”: write the name under which it was imported") % {"name": name}
        )
    if not images[name].original:
        raise UserError(
            gettext("“%(name)s” has no image file: import the file first") % {"name": name},
            shell=gettext("Import image files with ./manage import images."),
            page=gettext("Import image files under Images."),
        )
    return images[name]


# CLASSIFY


@transaction.atomic
def open_classify(*, dataset: Dataset, pay: Pay) -> Batch:
    """Return the open batch for new forms, opened if there is none; its completion settings never change."""
    pay.check()
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    standing = dataset.batches.filter(
        kind="classify",
        marketplace=Batch.Marketplace.LINK,
        settings=current_settings(dataset),
        closed_at=None,
    ).first()
    if standing is None and pay != Pay():
        batch = open_batch(dataset=dataset, kind="classify", **vars(pay))
        note_opening(batch=batch)
        return batch
    batch = classify_batch(dataset=dataset)
    if pay != Pay() and pay != Pay(**{name: getattr(batch, name) for name in vars(pay)}):
        raise UserError(
            gettext(
                "Batch %(batch)s is open for the forms of dataset “%(dataset)s” with other completion settings, which "
                "workers may have seen. After it is closed, new forms go to a new batch."
            )
            % {"batch": batch.pk, "dataset": dataset},
            shell=gettext("Close the batch first: ./manage close %(batch)s") % {"batch": batch.pk},
            page=gettext("Close the batch first, under Grids."),
        )
    return batch
