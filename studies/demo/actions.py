"""The study that a new site starts with: real photographs, potential labels by the installed classifiers, and one
answer wanted of everything, so that one person can do some of it by hand and see annotations appear.

It comes in two steps, as the site starts between them: the photographs are stored, and when they are predicted the
study is opened. A stop at any moment leaves what the same steps complete.
"""

from typing import Any

from django.db import transaction

from candidates.actions import find_potential_labels
from catalog.actions import add_image, create_dataset
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.photographs.reads import read_file
from catalog.reads import LockName, labels_by_index, wait_for_lock
from studies.composed_grids.actions import OWN, OpenedComposed, open_composed
from studies.demo.photos import demo_photos
from studies.opening.actions import Pay, open_classify
from workforce.models import Batch

DEMO = "demo"
# Also the mark by which a dataset named "demo" is known to be this one.
NOTE = "The demo study: one answer to everything."
FIGURES: dict[str, Any] = {
    # Of 25 photographs a class has one or two, which are asked about: none is left to be a positive control. The
    # other cells show the most similar classes, so that there is something to tell apart.
    "images_per_grid": 6,
    "positive_controls": 0,
    "negative_controls": 4,
    # Five are asked about in about 7 grids a photograph, three in 5.
    "top_k": 3,
    "contains_answers": 1,
    "classify_answers": 1,
    "min_shown": 1,
    "note": NOTE,
}
PAY = Pay(completion_code="THANK-YOU")


class NameInUse(UserError):
    """There is a dataset named "demo" that is not the demo study."""


def store_demo() -> Dataset:
    """The demo study with its photographs; one that is open is left as it is, whichever version of the site made it.

    Raises NameInUse when a dataset of that name is somebody's own, DemoPhotoMissing when the photographs are absent.
    """
    dataset = _dataset()
    if is_open(dataset):
        return dataset
    labels = labels_by_index(dataset)
    stored = set(dataset.images.values_list("name", flat=True))
    for photo in demo_photos():
        if photo.name not in stored:
            label = labels[photo.dataset_label]
            add_image(dataset=dataset, name=photo.name, dataset_label=label, photograph=read_file(photo.path))
    return dataset


def _dataset() -> Dataset:
    known = Dataset.objects.filter(name=DEMO).select_related("label_set").first()
    if known is None:
        return create_dataset(name=DEMO, **FIGURES)
    if not known.settings_versions.filter(version=1, note=NOTE).exists():
        raise NameInUse(f"The dataset {DEMO!r} is not the demo study but one of your own: it is left as it is.")
    return known


def is_open(dataset: Dataset) -> bool:
    return dataset.batches.filter(kind="contains").exists()


@transaction.atomic
def open_demo(*, dataset: Dataset) -> OpenedComposed | None:
    """Open grids for the potential labels that follow from the predictions; None if that has been done.

    All or nothing. Raises NoPredictions when nothing is predicted.
    """
    wait_for_lock(LockName.ASKING, dataset)
    if is_open(dataset):
        return None
    find_potential_labels(dataset=dataset)
    open_classify(dataset=dataset, pay=PAY)
    return open_composed(dataset=dataset, profile=OWN, pay=PAY)


def open_batches(dataset: Dataset) -> list[Batch]:
    """The newest open batch of each kind, CONTAINS first."""
    newest_first = dataset.batches.filter(closed_at=None).order_by("-kind", "-pk")
    return list(newest_first.distinct("kind"))
