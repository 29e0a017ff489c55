"""The pictures that people see of images: made by a task, or when a page first shows them."""

import logging
from collections.abc import Sequence
from time import monotonic

from django.db import transaction

from catalog.files import File, all_or_no_files
from catalog.models import WITHOUT_PICTURES, Image
from catalog.photographs.reads import MANY_PIXELS, BadPhotograph, Pictures, pictures_of
from catalog.reads import LockName, wait_for_lock
from catalog.tiles.actions import store_small_versions

log = logging.getLogger(__name__)

LONGEST_PROBLEM = 500
# The file is missing or not readable, which no retry changes.
UNREADABLE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
PICTURES_AT_ONCE = 20
# One task of pictures: short, so that other work on its queue does not wait.
SECONDS_OF_PICTURES = 3.0


def make_pictures(*, seconds: float = SECONDS_OF_PICTURES) -> int:
    """Make the pictures of images that lack them, for about `seconds`. Returns how many images got theirs.

    Any number of callers may do so at once: images that one of them works on are skipped by the others.
    """
    end = monotonic() + seconds
    n_images = last = 0
    while monotonic() < end:
        portion = _make_portion(after=last)
        if not portion:
            break
        last = portion[-1].pk
        n_images += sum(bool(image.display) for image in portion)
    return n_images


@transaction.atomic
def ensure_pictures(*, image: Image) -> Image:
    """Return the image with its pictures; they are made now if the task has not made them yet."""
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    if locked.original and not locked.pictures_problem and not (locked.display and locked.thumbnail):
        if (locked.width or 0) * (locked.height or 0) > MANY_PIXELS:
            # Only one page at a time decodes such an image: each may take hundreds of megabytes.
            wait_for_lock(LockName.LARGE_IMAGE)
        _make([locked])
    return locked


@transaction.atomic
def _make_portion(*, after: int) -> list[Image]:
    # `after` skips the images whose file cannot be read: they would come first for ever.
    waiting = Image.objects.filter(WITHOUT_PICTURES, pk__gt=after).order_by("pk")
    portion = list(waiting.select_for_update(skip_locked=True, no_key=True)[:PICTURES_AT_ONCE])
    _make(portion)
    return portion


def _make(images: Sequence[Image]) -> None:
    pictures = {image: read for image in images if (read := _pictures(image)) is not None}
    with all_or_no_files([file for image, made in pictures.items() for file in _files(image, made)]):
        Image.objects.bulk_update(images, ["display", "thumbnail", "pictures_problem"])
    for image, made in pictures.items():
        store_small_versions(image=image, by_side=made.tiles)


def _pictures(image: Image) -> Pictures | None:
    """Return the pictures to store, or None if the original cannot be read; its row then has the reason, for good."""
    try:
        with image.original.open() as original:
            return pictures_of(original.read())
    except (BadPhotograph, *UNREADABLE) as error:
        image.pictures_problem = str(getattr(error, "strerror", None) or error)[:LONGEST_PROBLEM]
        log.error("No pictures of image %s: %s", image.pk, error)
    except OSError as error:
        # The host failed rather than this file: there will be a retry.
        log.error("No pictures of image %s for now: %s", image.pk, error)
    return None


def _files(image: Image, pictures: Pictures) -> list[File]:
    return [
        (image.display, f"display/{image.public_id}.jpg", pictures.display),
        (image.thumbnail, f"thumbnails/{image.public_id}.jpg", pictures.thumbnail),
    ]
