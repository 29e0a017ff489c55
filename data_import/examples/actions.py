"""Example photographs of a study (`./manage import examples`): all of a folder, or nothing.

FOLDER/crane/a.jpg                 shows a crane
FOLDER/crane/heron/b.jpg           shows a heron, which is often confused with a crane
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from catalog.decoding.reads import read_files
from catalog.errors import UserError
from catalog.examples.actions import fill_digests, set_examples
from catalog.examples.reads import ExampleKey, current_examples, images_among
from catalog.models import Dataset, Label
from catalog.photographs.reads import BadPhotograph, Photograph, digest_of, pictures_of
from catalog.reads import current_settings, label_lookup
from csv_files.tables import Refusal, all_refused
from data_import.sources.folder import images_of_folder
from data_import.sources.requests import ImageRequest

# Of a label, and of each of its look-alikes: more nobody looks at.
MOST_PER_GROUP = 6
MOST_LOOK_ALIKES = 3


class BadExample(UserError):
    """An error: a file that cannot be an example."""


class Request(NamedTuple):
    """A file of an example, and the labels that its folders name."""

    where: str
    place: Path
    label: Label
    look_alike: Label | None


class Imported(NamedTuple):
    """The outcome of an import: the examples, and the settings version that shows them; 0 if nothing changed."""

    n_examples: int
    version: int


@transaction.atomic
def import_examples(*, dataset: Dataset, folder: Path) -> Imported:
    """Make a settings version from which on the study shows the photographs of a folder as examples.

    Raises UserError with the files for a folder with faults, such as an image of the study; then nothing changes.
    """
    refusals: list[Refusal] = []
    requests = list(_requests(folder, dataset, refusals))
    datasets = _datasets_of(dataset)
    fill_digests(datasets=datasets)
    examples = _examples(requests, datasets, refusals)
    if refusals:
        raise all_refused(gettext("%(folder)s: no examples were imported.") % {"folder": folder}, refusals)
    if examples.keys() == current_examples(dataset):
        return Imported(len(examples), 0)
    pictures = {key: pictures_of(photograph.original).thumbnail for key, photograph in examples.items()}
    settings = set_examples(dataset=dataset, pictures=pictures)
    after = {"version": settings.version, "examples": len(examples)}
    record(area=Area.CONFIG, action="examples.import", subject=f"dataset {dataset}", after=after)
    return Imported(len(examples), settings.version)


def imported_message(outcome: Imported) -> str:
    """Return the outcome in words."""
    if not outcome.version:
        return gettext("No change: the study already has these examples.")
    message = ngettext(
        "%(n)s example was imported. Batches under settings version %(version)s show it.",
        "%(n)s examples were imported. Batches under settings version %(version)s show them.",
        outcome.n_examples,
    )
    return message % {"n": f"{outcome.n_examples:,}", "version": outcome.version}


def _datasets_of(dataset: Dataset) -> list[Dataset]:
    """Return the datasets whose images the study shows: its own, and the pool of its controls."""
    pool = current_settings(dataset).control_pool
    return [dataset] if pool is None else [dataset, pool]


def _requests(folder: Path, dataset: Dataset, refusals: list[Refusal]) -> Iterable[Request]:
    find = label_lookup(dataset.label_set)
    for item in images_of_folder(folder, dataset.label_set).requests:
        if isinstance(item, Refusal):
            refusals.append(item)
            continue
        try:
            yield _request(item, find)
        except UserError as error:
            refusals.append(Refusal(item.where, str(error), error.shell, error.page))


def _request(item: ImageRequest, find: Callable[[str], Label]) -> Request:
    """Return the request that a file's path makes. Raises BadExample or UnknownLabel."""
    *folders, _ = item.name.split("/")
    if len(folders) not in (1, 2):
        raise BadExample(gettext("put it into a folder named by its label, or by a label and, in it, a look-alike"))
    label = find(folders[0])
    look_alike = find(folders[1]) if len(folders) == 2 else None
    if label == look_alike:
        raise BadExample(gettext("a label is no look-alike of itself"))
    assert isinstance(item.place, Path)
    return Request(item.where, item.place, label, look_alike)


def _examples(
    requests: list[Request], datasets: list[Dataset], refusals: list[Refusal]
) -> dict[ExampleKey, Photograph]:
    """Return the photographs; whatever cannot be an example is added to `refusals`."""
    photographs: list[tuple[Request, Photograph]] = []
    for request, verdict in zip(requests, read_files(request.place for request in requests), strict=True):
        if isinstance(verdict, BadPhotograph):
            refusals.append(Refusal(request.where, str(verdict), verdict.shell, verdict.page))
        else:
            photographs.append((request, verdict))
    digests = [digest_of(photograph.original) for _, photograph in photographs]
    images = images_among(digests, datasets)
    examples: dict[ExampleKey, Photograph] = {}
    for (request, photograph), digest in zip(photographs, digests, strict=True):
        if (image := images.get(digest)) is not None:
            reason = gettext("it is the image %(image)s of dataset %(dataset)s, about which workers are asked")
            refusals.append(Refusal(request.where, reason % {"image": image.name, "dataset": image.dataset}))
        elif any((key.label_id, key.digest) == (request.label.pk, digest) for key in examples):
            refusals.append(Refusal(request.where, gettext("the same file is there twice for this label")))
        else:
            look_alike = request.look_alike.pk if request.look_alike else None
            examples[ExampleKey(request.label.pk, look_alike, digest)] = photograph
    refusals.extend(_too_many(examples))
    return examples


def _too_many(examples: Iterable[ExampleKey]) -> Iterable[Refusal]:
    groups = Counter((key.label_id, key.look_alike_id) for key in examples)
    look_alikes = Counter(label_id for label_id, look_alike_id in groups if look_alike_id is not None)
    labels = Label.objects.in_bulk([label_id for label_id, _ in groups])
    for (label_id, _), n in groups.items():
        if n > MOST_PER_GROUP:
            message = gettext("a folder has at most %(most)s photographs, this one has %(n)s")
            yield Refusal(labels[label_id].name, message % {"most": MOST_PER_GROUP, "n": n})
    for label_id, n in look_alikes.items():
        if n > MOST_LOOK_ALIKES:
            message = gettext("a label has at most %(most)s look-alikes, this one has %(n)s")
            yield Refusal(labels[label_id].name, message % {"most": MOST_LOOK_ALIKES, "n": n})
