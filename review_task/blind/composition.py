"""The labels of a blind review and their order, before they are stored.

Where a label stands depends on the seed and on which labels an image has, and on nothing else: not on who said them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from review_task.models import Item
from review_task.opening.drafts import ItemDraft, PageDraft

IMAGES_PER_PAGE = 20
# Streams of random numbers: how many one of them yields must not shift the other.
DRAW, ORDER = 1, 2

# (image id, label id)
Pair = tuple[int, int]
Drafts = dict[Pair, ItemDraft]


def all_labels(earlier: Mapping[Pair, ItemDraft], people: Collection[Pair], models: Mapping[Pair, int]) -> Drafts:
    """Return the labels of the images of an earlier review: its own, those of people, and those of other models.

    `models` has the number of models. Labels of other images are left out.
    """
    images = {image_id for image_id, _ in earlier}
    drafts = dict(earlier)
    for pair, n_models in models.items():
        if pair[0] in images:
            draft = drafts.get(pair, ItemDraft(*pair))
            drafts[pair] = draft._replace(n_models=max(draft.n_models, n_models))
    for pair in people:
        if pair[0] in images and pair not in drafts:
            drafts[pair] = ItemDraft(*pair, 0, Item.Origin.PEOPLE)
    return drafts


def images_without_models(drafts: Mapping[Pair, ItemDraft], people: Collection[Pair]) -> list[int]:
    """Return the images (ids) without a label that models said, and people did not."""
    images = {image_id for image_id, _ in drafts}
    return sorted(images - {pair[0] for pair, draft in drafts.items() if draft.n_models and pair not in people})


def seeded_predictions(
    image_ids: Iterable[int],
    drafts: Mapping[Pair, ItemDraft],
    predicted: Mapping[int, Sequence[Sequence[int]]],
    seed: int,
) -> Drafts:
    """Draw a prediction for each of these images that it does not have yet.

    `predicted` has the labels (ids) that each classifier ranks high for an image: one of the classifiers is drawn, and
    then one of its labels. Without any, a label is drawn of those that models say of other images.
    """
    random = np.random.default_rng([seed, DRAW])
    of_others = sorted({label_id for (_, label_id), draft in drafts.items() if draft.n_models})
    drawn = {}
    for image_id in sorted(image_ids):
        for lists in (predicted.get(image_id, ()), [of_others]):
            new = [[label_id for label_id in labels if (image_id, label_id) not in drafts] for labels in lists]
            if new := [labels for labels in new if labels]:
                labels = new[random.integers(len(new))]
                label_id = labels[random.integers(len(labels))]
                drawn[image_id, label_id] = ItemDraft(image_id, label_id, 1, Item.Origin.SEEDED)
                break
    return drawn


def portions(drafts: Mapping[Pair, ItemDraft], seed: int, images_per_page: int) -> list[PageDraft]:
    """Divide labels into pages of so many images: images in random order, and the labels of each in random order."""
    random = np.random.default_rng([seed, ORDER])
    by_image: dict[int, list[ItemDraft]] = defaultdict(list)
    for pair in sorted(drafts):
        by_image[pair[0]].append(drafts[pair])
    images = random.permutation(list(by_image)).tolist()
    items = [[by_image[image_id][n] for n in random.permutation(len(by_image[image_id]))] for image_id in images]
    return [
        PageDraft(None, [item for of_image in items[first : first + images_per_page] for item in of_image])
        for first in range(0, len(items), images_per_page)
    ]
