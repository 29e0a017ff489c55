"""The blinding of a second review: what nobody may see while it is open.

The origin of its labels, and the number of models behind them, are in no page, row or file until it is closed. Other
reviews of the study show labels by their origin, so reviewers do not see those until then.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

from django.db.models import Q
from django.utils.crypto import constant_time_compare, salted_hmac

from catalog.models import Dataset, Image
from review_task.models import ClassPage, Item, Review

# A handle: two numbers, and as many bytes that check them.
LAYOUT, BLOCK, HANDLE_LENGTH = ">QQ", 16, 43


def is_blinded(review: Review) -> bool:
    """Tell whether a review is blind and open."""
    return review.stage == Review.Stage.BLIND and review.batch.closed_at is None


def blinded_under(path: str = "") -> Q:
    """Return the condition that rows belong to a blind and open review; `path` leads to the review, with its “__”."""
    return Q(**{f"{path}stage": Review.Stage.BLIND, f"{path}batch__closed_at": None})


def blind_review_in(dataset: Dataset) -> Review | None:
    """Return the open blind review of a study, if there is one."""
    rows = Review.objects.filter(blinded_under(), batch__dataset=dataset)
    return rows.select_related("batch").order_by("-pk").first()


def is_hidden(review: Review) -> bool:
    """Tell whether reviewers may not see the labels of a review now, as a blind one of its study is open.

    Researchers may: they can see predictions and answers on other pages anyway. The blind review itself is open to its
    reviewers.
    """
    return not is_blinded(review) and blind_review_in(review.batch.dataset) is not None


def image_handle(page: ClassPage, image: Image) -> str:
    """Return the ID of an image in the addresses of a page.

    In a blind review it is a handle of this page alone, so that its addresses do not lead to the image elsewhere.
    """
    if page.review.stage != Review.Stage.BLIND:
        return image.public_id
    plain = struct.pack(LAYOUT, page.pk, image.pk)
    check = _keyed("check", plain)
    return urlsafe_b64encode(check + _mixed(plain, _keyed("content", check))).decode().rstrip("=")


def image_of_handle(handle: str) -> Image | None:
    """Return the image of an ID that `image_handle` made; None if it is none."""
    image = Image.objects.filter(public_id=handle).first()
    if image is not None or len(handle) != HANDLE_LENGTH:
        return image
    try:
        content = urlsafe_b64decode(handle + "=")
    except ValueError:
        return None
    if len(content) != 2 * BLOCK:
        return None
    check, mixed = content[:BLOCK], content[BLOCK:]
    plain = _mixed(mixed, _keyed("content", check))
    if not constant_time_compare(check, _keyed("check", plain)):
        return None
    page, image_id = struct.unpack(LAYOUT, plain)
    on_page = Item.objects.filter(page=page, page__review__stage=Review.Stage.BLIND)
    return Image.objects.filter(pk=image_id, pk__in=on_page.values("image")).first()


def _keyed(purpose: str, content: bytes) -> bytes:
    return salted_hmac(f"{__name__}.{purpose}", content, algorithm="sha256").digest()[:BLOCK]


def _mixed(content: bytes, key: bytes) -> bytes:
    return bytes(first ^ second for first, second in zip(content, key, strict=True))
