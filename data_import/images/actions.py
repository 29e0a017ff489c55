"""Images and labels from files: what `./manage import` does.

Every row or file stands for itself: a bad one is refused with its place and reason, and the good ones are in.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from aggregation.models import CandidateSet
from catalog.actions import (
    BadName,
    NewImage,
    add_images,
    check_image_name,
    give_dataset_labels,
)
from catalog.decoding.reads import read_files
from catalog.models import Dataset, Label
from catalog.photographs.reads import BadPhotograph, Photograph
from catalog.reads import LockName, wait_for_lock
from csv_files.tables import NamedFile, Refusal
from data_import.sources.archive import Archive, images_of_archive, is_archive
from data_import.sources.bucket import SCHEME, images_of_bucket
from data_import.sources.folder import images_of_folder
from data_import.sources.manifest import images_of_manifest
from data_import.sources.wanted import Found, NothingToImport, Wanted
from workforce.kinds import task_kinds

SOURCES = "Name a folder of images, a CSV manifest, a .tar, .tar.gz or .zip archive, or s3://bucket/prefix or /archive."
MOST_IN_PORTION = 50
MOST_BYTES_IN_PORTION = 8 * 2**20


@dataclass
class Outcome:
    added: int = 0
    known: int = 0
    # Of the known ones: how many had no dataset label and got it now.
    labelled: int = 0
    # Images of the dataset, whichever import brought them, that are without one.
    unlabelled: int = 0
    refused: list[Refusal] = field(default_factory=list)


def labelled_words(n_images: int) -> str:
    return (
        f"{n_images:,} images that were there got their dataset label. Potential labels that were worked out before "
        "lack it: work them out again."
    )


def find_images(
    source: str, dataset: Dataset, seen: Callable[[int], object] = lambda n: None, *, name: str = ""
) -> Found:
    """What a folder, manifest, archive or s3:// address asks for; `seen` is told of entries while they are listed.

    `name` is what messages call a source of this machine, if not by its path. Raises NothingToImport or BadTable when
    it is none of them.
    """
    if source.startswith(SCHEME):
        return images_of_bucket(source, dataset, seen)
    path = Path(source)
    file = NamedFile(path, name or str(path))
    if path.is_dir():
        return images_of_folder(file, dataset)
    if not path.exists():
        raise NothingToImport(f"There is no {file}. {SOURCES}")
    if is_archive(file.name):
        return images_of_archive(Archive(path, file.name), dataset, seen)
    return images_of_manifest(file, dataset)


def import_images(*, dataset: Dataset, found: Found, progress: Callable[[int], object]) -> Outcome:
    """Add what was found, portion by portion: what is in stays in, whatever happens to the rest.

    An image of a name that is there already is left as it is, unless its file is absent (a replayed one) or no picture
    could be made of it: then it gets this file; one without a dataset label gets it, while nobody was asked about it.
    `progress` is told how many of `found.wanted` are done since the last time.
    """
    outcome = Outcome()
    wanted = found.wanted
    outcome.labelled = _label_known(dataset, wanted)
    fresh, refused = _sort_out(dataset, wanted)
    outcome.known = len(wanted) - len(fresh) - len(refused)
    progress(len(wanted) - len(fresh))
    for read in _portions(zip(fresh, read_files(found.contents(fresh)), strict=True)):
        images = []
        for item, verdict in read:
            if isinstance(verdict, BadPhotograph):
                refused[item.where] = Refusal(item.where, str(verdict))
            else:
                images.append(NewImage(item.name, item.label, verdict))
        n_new = add_images(dataset=dataset, images=images)
        outcome.added += n_new
        outcome.known += len(images) - n_new
        progress(len(read))
    outcome.unlabelled = dataset.images.filter(dataset_label=None).count()
    outcome.refused = [refused[item.where] for item in wanted if item.where in refused]
    return outcome


Read = tuple[Wanted, Photograph | BadPhotograph]


def _portions(read: Iterable[Read]) -> Iterator[list[Read]]:
    """What is stored in one transaction: one each would wait for the disk each time; too many would fill the memory."""
    portion: list[Read] = []
    n_bytes = 0
    for item, found in read:
        portion.append((item, found))
        n_bytes += len(found.original) if isinstance(found, Photograph) else 0
        if len(portion) == MOST_IN_PORTION or n_bytes > MOST_BYTES_IN_PORTION:
            yield portion
            portion, n_bytes = [], 0
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class Known:
    """An image that is there already: not the whole of it, as there may be very many."""

    label_id: int | None
    has_file: bool


def _sort_out(dataset: Dataset, wanted: list[Wanted | Refusal]) -> tuple[list[Wanted], dict[str, Refusal]]:
    """What is to be read, and by place what cannot be taken; the rest is there already."""
    rows = dataset.images.values_list("name", "dataset_label_id", "original", "pictures_problem")
    known = {name: Known(label, bool(file) and not problem) for name, label, file, problem in rows.iterator()}
    fresh: list[Wanted] = []
    refused: dict[str, Refusal] = {}
    for item in wanted:
        if isinstance(item, Refusal):
            refused[item.where] = item
        elif reason := _reason_against(item, known.get(item.name)):
            refused[item.where] = Refusal(item.where, reason)
        elif item.name not in known or not known[item.name].has_file:
            fresh.append(item)
    return fresh, refused


def _reason_against(item: Wanted, known: Known | None) -> str:
    try:
        check_image_name(item.name)
    except BadName as error:
        return str(error)
    if known is None or item.label is None or item.label.pk == known.label_id:
        return ""
    label = None if known.label_id is None else Label.objects.filter(pk=known.label_id).first()
    if label is None:
        return (
            f"{item.name!r} is there already without a dataset label, and people have answered about it, so it gets "
            f"none any more (here: {item.label}): give the image another name, or import into another dataset"
        )
    return (
        f"{item.name!r} is there already with the dataset label {label}, and an import changes no label "
        f"(here: {item.label}): give the image another name, or import into another dataset"
    )


@transaction.atomic
def _label_known(dataset: Dataset, wanted: Iterable[Wanted | Refusal]) -> int:
    """Give images that are there without a dataset label the one that is given now. Returns how many.

    Not where somebody has answered: what follows from answers was worked out without a label.
    """
    asked_for = {item.name: item.label for item in wanted if isinstance(item, Wanted) and item.label}
    # As add_images does: one import at a time decides.
    wait_for_lock(LockName.ASKING, dataset)
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    rows = dataset.images.filter(dataset_label=None).values_list("pk", "name")
    labels = {pk: asked_for[name] for pk, name in rows.iterator() if name in asked_for}
    for pk in _answered(dataset) & labels.keys() if labels else ():
        del labels[pk]
    return give_dataset_labels(dataset=dataset, labels=labels)


def _answered(dataset: Dataset) -> set[int]:
    """The images without a dataset label about which there are answers, or what was made of answers."""
    unlabelled = {"image__dataset": dataset, "image__dataset_label": None}
    votes = [kind.votes.model._default_manager.filter(role="question") for kind in task_kinds()]
    tables: list[QuerySet[Any]] = [*votes, CandidateSet.objects.all()]
    found = [rows.filter(**unlabelled) for rows in tables]
    return {pk for rows in found for pk in rows.values_list("image_id", flat=True).distinct()}


def without_dataset_label(n_images: int) -> str:
    return f"{n_images:,} images have no dataset label: they get selection frequencies but no candidate labels."
