"""A study by hand: what the researcher's commands do, from opening grids to excluding a submission."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as site
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from annotation_site.csv_cells import unguarded
from annotation_site.tables import BadTable, InputFile, Refusal, TableRow, read_table
from catalog.actions import FIELDS, FIGURES, IMAGENET, change_settings, create_dataset, ensure_imagenet
from catalog.errors import Remark, UserError, joined
from catalog.models import Dataset, Image, Label, LabelSet, SettingsVersion
from catalog.reads import LockName, current_settings, label_lookup, label_set_named, wait_for_lock
from classify_task.actions import classify_batch
from contains_task.actions import open_grids
from contains_task.reads import pairs_asked
from workforce.actions import exclude_submission, open_batch, readmit_submission
from workforce.models import Batch, Exclusion, Submission
from workforce.reads import submissions_of

MOST_REFUSALS_SHOWN = 20
LONGEST_CODE = 60
LONGEST_REASON = 500
# Before the reason for which all that a person sent is out, so that only that is taken back with it.
OF_THE_PERSON = "Of this worker nothing counts: "


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


def without_dataset_label(n_images: int) -> str:
    return f"{n_images:,} images have no dataset label: they get selection frequencies but no candidate labels."


def address_of(batch: Batch) -> str:
    return f"{site.WORKER_ORIGIN}/join/{batch.public_id}"


# CONTAINS


@transaction.atomic
def open_contains(
    *, dataset: Dataset, pairs: InputFile, pay: Pay, again: bool = False, adaptive: Mapping[str, float] | None = None
) -> Opened:
    """Open grids for the (image, label) pairs of a CSV file; pairs opened before are left out unless `again`.

    With `adaptive` figures (annotation_site.adaptive) the batch asks as often as its votes make necessary.
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
        if not faults and (first := line_of_pair.setdefault((image, label), row.where)) != row.where:
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
    found: list = []
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


def all_refused(head: str, refusals: Sequence[Refusal]) -> UserError:
    """Return the error of a file of which nothing is taken: the first of its refusals, and each way out once."""
    rest = len(refusals) - MOST_REFUSALS_SHOWN
    more = [Remark(f"and {rest} more")] if rest > 0 else []
    texts = [Remark(str(refusal), refusal.shell, refusal.page) for refusal in refusals[:MOST_REFUSALS_SHOWN]]
    remark = joined([Remark(head), *texts, *more])
    return UserError(remark.message, shell=remark.shell, page=remark.page)


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


# Batches and submissions


def batch_named(text: str) -> Batch:
    """The batch of this number, public id or address. Raises UserError, listing the open ones."""
    key = urlsplit(text).path.rstrip("/").rpartition("/")[2]
    by = {"pk": int(key)} if key.isascii() and key.isdecimal() and len(key) < 10 else {"public_id": key}
    found = Batch.objects.select_related("dataset").filter(**by).first()
    if found is None:
        open_ones = ", ".join(f"{b.pk} ({b})" for b in Batch.objects.select_related("dataset").filter(closed_at=None))
        raise UserError(f"There is no batch {text!r}. Open batches: {open_ones or 'none'}.")
    return found


def submission_numbered(number: int) -> Submission:
    found = Submission.objects.filter(pk=number).first()
    if found is None:
        raise UserError(
            f"There is no submission {number}.",
            shell="./manage export contains_votes or classify_votes has the numbers in its column submission.",
            page="The files of votes (the page Files) have the numbers in their column submission.",
        )
    return found


@transaction.atomic
def exclude(*, number: int, reason: str) -> Exclusion:
    submission = submission_numbered(number)
    _check_reason(reason)
    Submission.objects.select_for_update().get(pk=submission.pk)
    standing = _standing_exclusion(submission)
    if standing is not None:
        raise UserError(
            f"Submission {number} is excluded already: {standing.reason}.",
            shell="--lift ends that.",
            page="It can be counted again.",
        )
    return exclude_submission(submission=submission, reason=reason.strip())


@transaction.atomic
def lift_exclusion(*, number: int) -> None:
    submission = submission_numbered(number)
    if _standing_exclusion(submission) is None:
        raise UserError(f"Submission {number} is not excluded: there is nothing to lift.")
    readmit_submission(submission=submission)


@transaction.atomic
def exclude_person(*, dataset: Dataset, worker: str, reason: str) -> tuple[int, int]:
    """Exclude what a person, named by pseudonym, sent for a dataset so far. Returns of how many submissions, and how
    many stand excluded by it now."""
    _check_reason(reason, LONGEST_REASON - len(OF_THE_PERSON))
    submissions = _submissions_by(dataset, worker)
    counting = [one for one in submissions if _standing_exclusion(one) is None]
    for submission in counting:
        exclude_submission(submission=submission, reason=OF_THE_PERSON + reason.strip())
    return len(submissions), len(counting)


@transaction.atomic
def lift_exclusions(*, dataset: Dataset, worker: str) -> tuple[int, int]:
    """End what `exclude_person` did; what was excluded by itself, or rejected, stays so.

    Returns of how many submissions, and how many count again.
    """
    submissions = _submissions_by(dataset, worker)
    excluded = [one for one in submissions if (found := _standing_exclusion(one)) and _is_of_the_person(found)]
    for submission in excluded:
        readmit_submission(submission=submission)
    return len(submissions), len(excluded)


def _is_of_the_person(exclusion: Exclusion) -> bool:
    return exclusion.reason.startswith(OF_THE_PERSON)


def _submissions_by(dataset: Dataset, worker: str) -> list[Submission]:
    """Return, locked in one order, what the person of this pseudonym sent. Raises UserError if there is nothing."""
    found = submissions_of(dataset, worker).select_for_update(of=("self",)).order_by("pk")
    if not found:
        raise UserError(
            f"Nobody named {worker!r} handed anything in for {dataset}.",
            shell="./manage export contains_votes or classify_votes has the pseudonyms in its column worker.",
            page="The files of votes (the page Files) have the pseudonyms in their column worker.",
        )
    return list(found)


def _check_reason(reason: str, longest: int = LONGEST_REASON) -> None:
    if not reason.strip() or len(reason) > longest:
        raise UserError(f"An exclusion needs a reason of at most {longest} characters.", shell="Give --reason '…'.")


def _standing_exclusion(submission: Submission) -> Exclusion | None:
    return submission.exclusions.filter(lifted_at=None).first()


# Datasets and settings


def label_set_or_imagenet(name: str | None) -> LabelSet:
    return ensure_imagenet() if name in (None, IMAGENET) else label_set_named(name)


def dataset_for_import(name: str, label_set: str | None) -> Dataset:
    """The dataset of that name; made on that label set if there is none. Raises UserError if it has another one."""
    known = Dataset.objects.filter(name=name).select_related("label_set").first()
    if known is None:
        return create_dataset(name=name, label_set=label_set_or_imagenet(label_set))
    if label_set not in (None, known.label_set.name):
        raise UserError(f"The dataset {name!r} is labelled with {known.label_set}, not with {label_set!r}.")
    return known


def figures_of(assignments: Iterable[str]) -> dict[str, str]:
    """{figure: value} of texts "figure=value"; what they may be is for catalog.actions to say."""
    figures = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"The setting {text!r} lacks a value.", shell="Write --set figure=value.")
        if name in figures:
            raise UserError(f"The setting {name} is given twice.", shell="Leave one --set out.")
        figures[name.strip()] = value.strip()
    return figures


def new_settings(*, dataset: Dataset, figures: dict[str, str]) -> str:
    """Make a settings version if a figure changes. Returns what happened, in words."""
    before = current_settings(dataset)
    if all(name in FIELDS and figure_text(before, name) == value for name, value in figures.items()):
        return f"Version {before.version} has these figures already: nothing was changed."
    version = change_settings(dataset=dataset, **figures)
    holds = "holds for batches opened and images pruned from now on; open batches keep theirs."
    return "\n".join([f"Version {version.version} {holds}", *doubts_about(version)])


def doubts_about(version: SettingsVersion) -> list[str]:
    """What may be set so, and is hardly meant so."""
    if version.contains_answers >= version.min_shown:
        return []
    return [
        f"contains_answers is {version.contains_answers}, and min_shown {version.min_shown}: no pair is shown to so "
        "many people by one batch, so no image gets candidate labels, unless its pairs are opened again or in an "
        "adaptive batch. Raise contains_answers or lower min_shown."
    ]


def figure_text(version: SettingsVersion, name: str) -> str:
    """A figure as --set takes it."""
    value = getattr(version, name)
    if isinstance(value, list):
        return shlex.join(value)
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def settings_table(dataset: Dataset) -> str:
    """A line per figure with a column per version, the current one last."""
    versions = list(dataset.settings_versions.order_by("version"))
    rows = [["version", *(str(version.version) for version in versions)]]
    rows += [[name, *(figure_text(version, name) for version in versions)] for name in FIGURES]
    rows += [["made", *(f"{version.created_at:%Y-%m-%d}" for version in versions)]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    notes = [f"{version.version}: {version.note}" for version in versions if version.note]
    return "\n".join(lines + notes)
