"""Images from files, as `./manage import images` and the page Images import them.

Every row or file is imported by itself: a bad one is refused with its place and reason, and the good ones are added.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy, ngettext

from aggregation.models import CandidateSet
from catalog.actions import (
    BadName,
    NewImage,
    add_images,
    check_image_name,
    give_dataset_labels,
)
from catalog.decoding.reads import read_files
from catalog.models import Dataset, Label, LabelSet
from catalog.photographs.reads import BadPhotograph, Photograph
from catalog.reads import LockName, wait_for_lock
from csv_files.tables import NamedFile, Refusal
from data_import.sources.archive import Archive, images_of_archive, is_archive
from data_import.sources.bucket import SCHEME, images_of_bucket
from data_import.sources.folder import images_of_folder
from data_import.sources.manifest import images_of_manifest
from data_import.sources.requests import ImageRequest, Listing, NothingToImport
from workforce.kinds import task_kinds

SOURCES = gettext_lazy(
    "Name a folder of images, a CSV manifest, a .tar, .tar.gz or .zip archive, or s3://bucket/prefix or /archive."
)
MOST_IN_PORTION = 50
MOST_BYTES_IN_PORTION = 8 * 2**20


@dataclass
class Outcome:
    """Numbers of images after an import, and refusals."""

    added: int = 0
    existing: int = 0
    # Existing images that had no dataset label and got one now.
    labelled: int = 0
    # Images of the dataset without a dataset label, of any import.
    unlabelled: int = 0
    refusals: list[Refusal] = field(default_factory=list)


def added_message(outcome: Outcome) -> str:
    """Return how many images were added, and how many the dataset had."""
    existing = ngettext(
        "%(n)s image was already in the dataset.", "%(n)s images were already in the dataset.", outcome.existing
    ) % {"n": f"{outcome.existing:,}"}
    if not outcome.added:
        return gettext("No new images; %(existing)s") % {"existing": existing} if outcome.existing else _none_added()
    added = ngettext("%(n)s image was added.", "%(n)s images were added.", outcome.added)
    message = added % {"n": f"{outcome.added:,}"}
    return f"{message} {existing}" if outcome.existing else message


def _none_added() -> str:
    return gettext("No new images.")


def labelled_message(n_images: int) -> str:
    message = ngettext(
        "%(n)s image got its dataset label. Potential labels computed before lack it: compute them again.",
        "%(n)s images got their dataset labels. Potential labels computed before lack them: compute them again.",
        n_images,
    )
    return message % {"n": f"{n_images:,}"}


def find_images(
    source: str, label_set: LabelSet, seen: Callable[[int], object] = lambda n: None, *, name: str = ""
) -> Listing:
    """List the images of a folder, manifest, archive or s3:// address; `seen` gets numbers of entries meanwhile.

    `name` is the source's name in messages, if not its path. Raises NothingToImport or BadTable for sources that
    cannot be read.
    """
    if source.startswith(SCHEME):
        return images_of_bucket(source, label_set, seen)
    path = Path(source)
    file = NamedFile(path, name or str(path))
    if path.is_dir():
        return images_of_folder(file, label_set)
    if not path.exists():
        raise NothingToImport(
            gettext("There is no %(file)s. %(sources)s") % {"file": file, "sources": SOURCES},
        )
    if is_archive(file.name):
        return images_of_archive(Archive(path, file.name), label_set, seen)
    return images_of_manifest(file, label_set)


def import_images(*, dataset: Dataset, listing: Listing, progress: Callable[[int], object]) -> Outcome:
    """Add the images of a listing, portion by portion: those added stay, whatever happens to the others.

    An existing image stays unchanged, with two exceptions: it gets its file if it has none (a replayed one) or none
    that pictures could be made of; and it gets a dataset label if it has none and nobody has answered about it.
    `progress` gets the number of requests done since the last call.
    """
    outcome = Outcome()
    requests = listing.requests
    outcome.labelled = _label_existing(dataset, requests)
    fresh, refusals = _sort_out(dataset, requests)
    outcome.existing = len(requests) - len(fresh) - len(refusals)
    progress(len(requests) - len(fresh))
    for portion in _portions(zip(fresh, read_files(listing.contents(fresh)), strict=True)):
        images = []
        for item, verdict in portion:
            if isinstance(verdict, BadPhotograph):
                refusals[item.where] = Refusal(item.where, str(verdict))
            else:
                images.append(NewImage(item.name, item.label, verdict))
        n_new = add_images(dataset=dataset, images=images)
        outcome.added += n_new
        outcome.existing += len(images) - n_new
        progress(len(portion))
    outcome.unlabelled = dataset.images.filter(dataset_label=None).count()
    outcome.refusals = [refusals[item.where] for item in requests if item.where in refusals]
    return outcome


Read = tuple[ImageRequest, Photograph | BadPhotograph]


def _portions(photographs: Iterable[Read]) -> Iterator[list[Read]]:
    """Yield the photographs of one transaction each: one by one is slow, and all at once would fill the memory."""
    portion: list[Read] = []
    n_bytes = 0
    for item, photograph in photographs:
        portion.append((item, photograph))
        n_bytes += len(photograph.original) if isinstance(photograph, Photograph) else 0
        if len(portion) == MOST_IN_PORTION or n_bytes > MOST_BYTES_IN_PORTION:
            yield portion
            portion, n_bytes = [], 0
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class Existing:
    """An image of the dataset, with the two facts that count here, as there may be very many."""

    label_id: int | None
    has_file: bool


def _sort_out(
    dataset: Dataset, requests: list[ImageRequest | Refusal]
) -> tuple[list[ImageRequest], dict[str, Refusal]]:
    """Return the requests to read, and refusals by their place; all other images exist already."""
    rows = dataset.images.values_list("name", "dataset_label_id", "original", "pictures_problem")
    images = {name: Existing(label, bool(file) and not problem) for name, label, file, problem in rows.iterator()}
    fresh: list[ImageRequest] = []
    refusals: dict[str, Refusal] = {}
    for item in requests:
        if isinstance(item, Refusal):
            refusals[item.where] = item
        elif reason := _reason_against(item, images.get(item.name)):
            refusals[item.where] = Refusal(item.where, reason)
        elif item.name not in images or not images[item.name].has_file:
            fresh.append(item)
    return fresh, refusals


def _reason_against(item: ImageRequest, image: Existing | None) -> str:
    try:
        check_image_name(item.name)
    except BadName as error:
        return str(error)
    if image is None or item.label is None or item.label.pk == image.label_id:
        return ""
    label = None if image.label_id is None else Label.objects.filter(pk=image.label_id).first()
    if label is None:
        return gettext(
            "“%(name)s” cannot get the dataset label %(new)s any more, because workers have already "
            "answered questions about this image: change the image's name, or import it into another "
            "dataset"
        ) % {"name": item.name, "new": item.label}
    return gettext(
        "“%(name)s” has the dataset label %(label)s, and an import cannot change it to %(new)s: change the image's "
        "name, or import it into another dataset"
    ) % {"name": item.name, "label": label, "new": item.label}


@transaction.atomic
def _label_existing(dataset: Dataset, requests: Iterable[ImageRequest | Refusal]) -> int:
    """Give existing images without a dataset label the requested one. Returns how many.

    Images with answers are left out: the results of these answers were computed without a label.
    """
    requested = {item.name: item.label for item in requests if isinstance(item, ImageRequest) and item.label}
    # As in add_images: one import at a time decides.
    wait_for_lock(LockName.ASKING, dataset)
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    rows = dataset.images.filter(dataset_label=None).values_list("pk", "name")
    labels = {pk: requested[name] for pk, name in rows.iterator() if name in requested}
    for pk in _answered(dataset) & labels.keys() if labels else ():
        del labels[pk]
    return give_dataset_labels(dataset=dataset, labels=labels)


def _answered(dataset: Dataset) -> set[int]:
    """Return the images without a dataset label that have answers, or results of answers."""
    unlabelled = {"image__dataset": dataset, "image__dataset_label": None}
    votes = [kind.votes.model._default_manager.filter(role="question") for kind in task_kinds()]
    tables: list[QuerySet[Any]] = [*votes, CandidateSet.objects.all()]
    unlabelled_rows = [rows.filter(**unlabelled) for rows in tables]
    return {pk for rows in unlabelled_rows for pk in rows.values_list("image_id", flat=True).distinct()}


def without_dataset_label(n_images: int) -> str:
    message = ngettext(
        "%(n)s image has no dataset label: it gets selection frequencies but no candidate labels.",
        "%(n)s images have no dataset label: they get selection frequencies but no candidate labels.",
        n_images,
    )
    return message % {"n": f"{n_images:,}"}
