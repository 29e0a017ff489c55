"""Division of items into pages: by class, in an order that the seed draws."""

from collections.abc import Iterable

from review_task.opening.drafts import IMAGES_PER_PAGE, ItemDraft, PageDraft, drafts_of


def drafts(items: Iterable[tuple[int, int, int]], class_of, page_of=None, seed=0) -> list[PageDraft]:
    return drafts_of([ItemDraft(*item) for item in items], class_of, page_of or {}, seed)


def images_of(page: PageDraft) -> list[int]:
    return list(dict.fromkeys(item.image_id for item in page.items))


def test_a_class_has_one_page_with_all_its_images():
    pages = drafts([(1, 7, 1), (2, 8, 1), (3, 7, 1)], {1: 5, 2: 6, 3: 5})
    assert {page.label_id: sorted(images_of(page)) for page in pages} == {5: [1, 3], 6: [2]}


def test_the_labels_of_an_image_stand_together_the_most_predicted_first():
    items = [(1, 9, 2), (2, 9, 1), (1, 7, 5), (2, 8, 3), (1, 8, 2)]
    (page,) = drafts(items, {1: 5, 2: 5})
    of_image = {image: [item.label_id for item in page.items if item.image_id == image] for image in (1, 2)}
    assert of_image == {1: [7, 8, 9], 2: [8, 9]}
    # Each image once: nothing of another stands between its labels.
    assert [item.image_id for item in page.items] in ([1, 1, 1, 2, 2], [2, 2, 1, 1, 1])


def test_the_order_of_images_follows_from_the_seed_alone():
    items = [(image, 1, 1) for image in range(20)]
    class_of = dict.fromkeys(range(20), 5)
    cases = ((items, 0), (items[::-1], 0), (items, 1))
    orders = [images_of(drafts(some, class_of, seed=seed)[0]) for some, seed in cases]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(20)) != orders[0]


def test_images_without_a_class_come_in_portions():
    n_images = 2 * IMAGES_PER_PAGE + 1
    pages = drafts([(image, 1, 1) for image in range(n_images)], dict.fromkeys(range(n_images)))
    assert [len(page.items) for page in pages] == [IMAGES_PER_PAGE, IMAGES_PER_PAGE, 1]
    assert {(page.label_id, page.page_id) for page in pages} == {(None, None)}
    assert sorted(image for page in pages for image in images_of(page)) == list(range(n_images))


def test_an_image_without_a_class_stays_on_its_page():
    pages = drafts([(1, 1, 1), (2, 1, 1), (3, 1, 1)], dict.fromkeys((1, 2, 3)), {1: 40, 2: 41})
    assert sorted((page.page_id or 0, images_of(page)) for page in pages) == [(0, [3]), (40, [1]), (41, [2])]


def test_nothing_to_review_makes_no_page():
    assert drafts([], {}) == []
