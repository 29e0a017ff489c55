"""Annotations, as people's labels of images, for tests of reviews."""

from aggregation.models import Annotation
from catalog.models import Image
from catalog.reads import current_settings


def annotate(image: Image, main: int, *others: int) -> Annotation:
    """Store an annotation with an object for each of these labels (indexes)."""
    objects = [{"label": label, "labels": [], "main_votes": 1} for label in (main, *others)]
    return Annotation.objects.create(
        image=image,
        settings=current_settings(image.dataset),
        main_label=main,
        n_objects=len(objects),
        n_annotators=3,
        n_optimal_partitions=1,
        objects_found=objects,
        unplaced=[],
        main_object=0,
        main_may_differ=False,
        main_must_differ=False,
    )
