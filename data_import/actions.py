"""The dataset and the label set of an import. Datasets that people create are recorded."""

from django.db import transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.actions import IMAGENET, Figure, create_dataset, ensure_imagenet
from catalog.errors import UserError
from catalog.models import Dataset, LabelSet
from catalog.reads import label_set_named


def label_set_or_imagenet(name: str | None) -> LabelSet:
    """Return the label set of that name, ImageNet for None. Raises UserError if there is none."""
    return ensure_imagenet() if name in (None, IMAGENET) else label_set_named(name)


def label_set_for_import(name: str, label_set: str | None) -> LabelSet:
    """Return the label set of the dataset of that name, or that of a new dataset. Makes no dataset.

    Raises UserError if the dataset has another label set, or if there is no such label set.
    """
    dataset = Dataset.objects.filter(name=name).select_related("label_set").first()
    if dataset is None:
        return label_set_or_imagenet(label_set)
    if label_set not in (None, dataset.label_set.name):
        raise UserError(
            gettext("The dataset “%(dataset)s” uses the label set %(label_set)s, not “%(other)s”.")
            % {"dataset": name, "label_set": dataset.label_set, "other": label_set}
        )
    return dataset.label_set


def dataset_for_import(name: str, label_set: str | None) -> Dataset:
    """Return the dataset of that name, made on that label set if there is none. Raises UserError if it has another."""
    used = label_set_for_import(name, label_set)
    dataset = Dataset.objects.filter(name=name).first()
    return dataset or new_study(name=name, label_set=used)


@transaction.atomic
def new_study(*, name: str, label_set: LabelSet | None = None, **figures: Figure) -> Dataset:
    """Create a dataset as `catalog.actions.create_dataset` does, and record it."""
    dataset = create_dataset(name=name, label_set=label_set, **figures)
    note_new_dataset(dataset=dataset)
    return dataset


def note_new_dataset(*, dataset: Dataset) -> None:
    """Record that a dataset was created: last in the transaction."""
    after = {"label_set": dataset.label_set}
    record(area=Area.CONFIG, action="dataset.create", subject=f"dataset {dataset}", after=after)
