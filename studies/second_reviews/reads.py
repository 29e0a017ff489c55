"""Labels that people gave to the images of a study, for a blind second review."""

from collections.abc import Iterator

from aggregation.models import Annotation
from catalog.models import Dataset


def labels_of_people(dataset: Dataset) -> Iterator[tuple[str, int]]:
    """Yield image name and class index of each label of people: the label of each object, and the main label."""
    rows = Annotation.objects.filter(image__dataset=dataset).order_by("image_id")
    for name, main, objects in rows.values_list("image__name", "main_label", "objects_found"):
        for index in sorted({main, *(part["label"] for part in objects)}):
            yield name, index
