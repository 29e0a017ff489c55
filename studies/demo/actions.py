"""The study that a new site starts with: real photographs and potential labels by the installed classifiers.

It needs one answer to each grid and form, so that one person can do some by hand and see annotations appear.

It is made in two steps, and the site starts between them: the photographs are stored, and once they are predicted the
study is opened. After an interruption, the same steps complete it.
"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from candidates.actions import find_potential_labels
from catalog.actions import add_image
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.photographs.reads import read_file
from catalog.reads import LockName, labels_by_index, wait_for_lock
from data_import.actions import new_study
from review_task.actions import open_review
from studies.composed_grids.actions import OWN, OpenedComposed, open_composed
from studies.demo.photos import demo_photos
from studies.opening.actions import Pay, open_classify
from workforce.models import Batch

DEMO = "demo"
# Also the mark that tells this study from another dataset named "demo".
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
REVIEW_TITLE = gettext_lazy("What the networks said")


class NameInUse(UserError):
    """A dataset named "demo" that is not the demo study."""


def store_demo() -> Dataset:
    """Return the demo study, with its photographs stored; leave a study that is open unchanged.

    Raises NameInUse for another dataset of that name, DemoPhotoMissing for photographs that are not installed.
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
    dataset = Dataset.objects.filter(name=DEMO).select_related("label_set").first()
    if dataset is None:
        return new_study(name=DEMO, **FIGURES)
    if not is_demo(dataset):
        raise NameInUse(
            gettext("The dataset “%(dataset)s” is not the demo study, so the demo study is not opened.")
            % {"dataset": DEMO}
        )
    return dataset


def is_demo(dataset: Dataset) -> bool:
    """Return whether this is the demo study, and not another dataset of that name."""
    return dataset.name == DEMO and dataset.settings_versions.filter(version=1, note=NOTE).exists()


def is_open(dataset: Dataset) -> bool:
    return dataset.batches.filter(kind="contains").exists()


@transaction.atomic
def open_demo(*, dataset: Dataset) -> OpenedComposed | None:
    """Open grids for the potential labels that follow from the predictions, and experts' review of the latter.

    Returns None if they are open already.

    All or nothing. Raises NoPredictions without predictions.
    """
    wait_for_lock(LockName.ASKING, dataset)
    if is_open(dataset):
        return None
    find_potential_labels(dataset=dataset)
    open_classify(dataset=dataset, pay=PAY)
    open_review(dataset=dataset, title=str(REVIEW_TITLE))
    return open_composed(dataset=dataset, profile=OWN, pay=PAY)


def open_batches(dataset: Dataset) -> list[Batch]:
    """Return the newest open batch of each kind that has a study link, CONTAINS first."""
    joinable = dataset.batches.filter(closed_at=None).exclude(marketplace=Batch.Marketplace.ACCOUNTS)
    newest_first = joinable.order_by("-kind", "-pk")
    return list(newest_first.distinct("kind"))
