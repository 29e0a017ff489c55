"""Pages of a review before they are stored."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from review_task.models import Item

# Of a page for images without a dataset label, which have no class.
IMAGES_PER_PAGE = 50


class ItemDraft(NamedTuple):
    """A label (id) that was said of an image (id) by so many models."""

    image_id: int
    label_id: int
    n_models: int = 0
    origin: str = Item.Origin.MODELS


@dataclass
class PageDraft:
    """Items of a page in their order: of the class page of `label_id`, or of an old page; else of a new page."""

    label_id: int | None
    items: list[ItemDraft] = field(default_factory=list)
    page_id: int | None = None


def drafts_of(
    items: Iterable[ItemDraft], class_of: Mapping[int, int | None], page_of: Mapping[int, int], seed: int
) -> list[PageDraft]:
    """Divide items into pages: by class; without a class, by the page that has the image, or into new portions.

    `class_of` maps images to their class (label id), `page_of` images without a class to their page, if they have one.
    A page has its images in a random order drawn with `seed`, and the labels of an image by the number of models.
    """
    by_class: dict[int | None, dict[int, list[ItemDraft]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        by_class[class_of[item.image_id]][item.image_id].append(item)
    unclassed = by_class.pop(None, {})
    pages = [PageDraft(label_id, _in_order(images, seed)) for label_id, images in by_class.items()]
    return [*pages, *_without_class(unclassed, page_of, seed)]


def _without_class(images: Mapping[int, list[ItemDraft]], page_of: Mapping[int, int], seed: int) -> Iterable[PageDraft]:
    by_page: dict[int, dict[int, list[ItemDraft]]] = defaultdict(dict)
    for image_id in images.keys() & page_of.keys():
        by_page[page_of[image_id]][image_id] = images[image_id]
    for page_id, old in by_page.items():
        yield PageDraft(None, _in_order(old, seed), page_id)
    new = sorted(images.keys() - page_of.keys())
    for first in range(0, len(new), IMAGES_PER_PAGE):
        portion = {image_id: images[image_id] for image_id in new[first : first + IMAGES_PER_PAGE]}
        yield PageDraft(None, _in_order(portion, seed))


def _in_order(images: Mapping[int, list[ItemDraft]], seed: int) -> list[ItemDraft]:
    image_ids = np.random.default_rng(seed).permutation(sorted(images)).tolist()
    return [
        item
        for image_id in image_ids
        for item in sorted(images[image_id], key=lambda item: (-item.n_models, item.label_id))
    ]
