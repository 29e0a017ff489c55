"""The dataset and the label set that an import goes into."""

from catalog.actions import IMAGENET, create_dataset, ensure_imagenet
from catalog.errors import UserError
from catalog.models import Dataset, LabelSet
from catalog.reads import label_set_named


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
