"""Queries on the results of the aggregation, for pages, files and REST."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from catalog.models import Dataset, Label
from catalog.reads import name_cells


def frequencies_of(dataset: Dataset) -> QuerySet[SelectionFrequency]:
    return (
        SelectionFrequency.objects.filter(image__dataset=dataset)
        .select_related("image", "label")
        .order_by("image_id", "label_id")
    )


def annotations_of(dataset: Dataset) -> QuerySet[Annotation]:
    return (
        Annotation.objects.filter(image__dataset=dataset)
        .select_related("image__dataset_label", "settings")
        .order_by("image_id")
    )


def frequency_row(frequency: SelectionFrequency, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of selection frequencies; with `labels` (by index) their names are added."""
    label = frequency.label.index
    row = {
        "image": frequency.image.name,
        "label": label,
        "n_selected": frequency.n_selected,
        "n_shown": frequency.n_shown,
    }
    return row if labels is None else row | name_cells("label", label, labels)


def object_labels_of(dataset: Dataset) -> dict[int, set[int]]:
    """Return the labels (class indexes) of the objects of each annotated image, by image id."""
    rows = Annotation.objects.filter(image__dataset=dataset).values_list("image_id", "objects_found")
    return {image_id: {found["label"] for found in objects} for image_id, objects in rows}


def annotation_row(annotation: Annotation, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of annotations; with `labels` (by index) their names are added, in objects too."""
    dataset_label = annotation.image.dataset_label
    row = {
        "image": annotation.image.name,
        "dataset_label": dataset_label and dataset_label.index,
        "main_label": annotation.main_label,
        "n_objects": annotation.n_objects,
        "n_annotators": annotation.n_annotators,
        "n_optimal_partitions": annotation.n_optimal_partitions,
        "objects": annotation.objects_found,
        "unplaced": annotation.unplaced,
        "main_object": annotation.main_object,
        "dataset_label_object": annotation.dataset_label_object,
    }
    if labels is None:
        return row
    return (
        row
        | {"objects": [_named(image_object, labels) for image_object in row["objects"]]}
        | name_cells("dataset_label", row["dataset_label"], labels)
        | name_cells("main_label", row["main_label"], labels)
    )


def _named(image_object: dict[str, Any], labels: Mapping[int, Label]) -> dict[str, Any]:
    """Return an object and each of its labels with their names."""
    shares = [share | _name(share["label"], labels) for share in image_object["labels"]]
    return image_object | _name(image_object["label"], labels) | {"labels": shares}


def _name(index: int, labels: Mapping[int, Label]) -> dict[str, str]:
    return {"wnid": labels[index].wnid, "words": labels[index].words}


def split_counts(dataset: Dataset) -> dict[str, int]:
    """Return the number of images in each part of the four-way split."""
    rows = CandidateSet.objects.filter(image__dataset=dataset).values_list("split").annotate(n=Count("id"))
    return dict(rows.order_by("split"))


def annotation_summary(dataset: Dataset) -> dict[str, int]:
    """Count annotated images; the last two bound, over all ties, how often the main object is another one."""
    annotations = Annotation.objects.filter(image__dataset=dataset)
    multi = Q(n_objects__gt=1)
    another_main_object = Q(dataset_label_object__isnull=False) & ~Q(main_object=F("dataset_label_object"))
    return annotations.aggregate(
        images=Count("id"),
        multi_object=Count("id", filter=multi),
        main_is_not_dataset_object=Count("id", filter=multi & another_main_object),
        main_must_differ=Count("id", filter=multi & Q(main_must_differ=True)),
        main_may_differ=Count("id", filter=multi & Q(main_may_differ=True)),
    )
