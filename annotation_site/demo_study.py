"""The study that a new site starts with: real photographs, and one answer wanted of everything, so that one person
can do all of it by hand and see annotations appear."""

from annotation_site.demo import demo_photos
from annotation_site.study import Pay, Refused, open_classify, open_pairs
from catalog.actions import add_image, create_dataset
from catalog.models import Dataset, Image, Label
from catalog.photographs import read_file
from catalog.reads import labels_by_index
from workforce.models import Batch

DEMO = "demo"
# Also the mark by which a dataset named "demo" is known to be this one.
NOTE = "The demo study: one answer to everything."
FIGURES = {"images_per_grid": 12, "contains_answers": 1, "classify_answers": 1, "min_shown": 1, "note": NOTE}
PAY = Pay(completion_code="THANK-YOU")


class NameInUse(Refused):
    """There is a dataset named "demo" that is not the demo study."""


def load_demo() -> list[Batch]:
    """The open batches of the demo study, CONTAINS first. A stop at any moment leaves what the next call completes.

    Raises NameInUse when a dataset of that name is somebody's own, DemoPhotoMissing when the photographs are absent.
    """
    dataset = _dataset()
    # Opened last, all at once: when they are there, everything is.
    if not dataset.batches.filter(kind=Batch.Kind.CONTAINS).exists():
        pairs = _pairs(dataset)
        open_classify(dataset=dataset, pay=PAY)
        open_pairs(dataset=dataset, pairs=pairs, pay=PAY)
    newest_first = dataset.batches.filter(closed_at=None).order_by("-kind", "-pk")
    return list(newest_first.distinct("kind"))


def _dataset() -> Dataset:
    known = Dataset.objects.filter(name=DEMO).select_related("label_set").first()
    if known is None:
        return create_dataset(name=DEMO, **FIGURES)
    if not known.settings_versions.filter(version=1, note=NOTE).exists():
        raise NameInUse(f"The dataset {DEMO!r} is not the demo study but one of your own: it is left as it is.")
    return known


def _pairs(dataset: Dataset) -> list[tuple[Image, Label]]:
    """Store what is not stored yet of the photographs; each with every label that is asked of it."""
    labels = labels_by_index(dataset)
    stored = {image.name: image for image in dataset.images.all()}
    pairs = []
    for photo in demo_photos():
        image = stored.get(photo.name) or add_image(
            dataset=dataset,
            name=photo.name,
            dataset_label=labels[photo.dataset_label],
            photograph=read_file(photo.path),
        )[0]
        pairs += [(image, labels[index]) for index in photo.potential_labels]
    return pairs
