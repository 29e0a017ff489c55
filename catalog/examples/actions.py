"""Storage of example photographs, and of the digests by which images of the study are kept out of them."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext

from catalog.actions import change_settings
from catalog.examples.reads import ExampleKey
from catalog.files import all_or_no_files
from catalog.models import Dataset, Example, ExampleSet, Image, SettingsVersion
from catalog.photographs.reads import digest_of

log = logging.getLogger(__name__)

IMAGES_AT_ONCE = 100


@transaction.atomic
def set_examples(*, dataset: Dataset, pictures: Mapping[ExampleKey, bytes]) -> SettingsVersion:
    """Make a settings version from which on the study shows these examples and no others."""
    settings = change_settings(dataset=dataset, note=gettext("Other example photographs"))
    example_set = ExampleSet.objects.create(settings=settings)
    rows = [Example(example_set=example_set, **key._asdict()) for key in pictures]
    files = [
        (row.picture, f"examples/{row.public_id}.jpg", picture)
        for row, picture in zip(rows, pictures.values(), strict=True)
    ]
    with all_or_no_files(files):
        Example.objects.bulk_create(rows)
    return settings


def fill_digests(*, datasets: Collection[Dataset], progress: Callable[[int], object] = lambda n: None) -> None:
    """Store the digests of images that were stored without one."""
    last = 0
    while images := _without_digest(datasets, last):
        for image in images:
            image.digest = _digest(image)
        Image.objects.bulk_update(images, ["digest"])
        last = images[-1].pk
        progress(len(images))


def _without_digest(datasets: Collection[Dataset], after: int) -> Sequence[Image]:
    images = Image.objects.filter(dataset__in=datasets, digest="", pk__gt=after).exclude(original="")
    return list(images.order_by("pk")[:IMAGES_AT_ONCE])


def _digest(image: Image) -> str:
    """Return the digest of an image's file; blank if the file cannot be read, as nobody can be shown it either."""
    try:
        with image.original.open() as original:
            return digest_of(original.read())
    except OSError as error:
        log.warning("The file of image %s cannot be read: %s", image.pk, error)
        return ""
