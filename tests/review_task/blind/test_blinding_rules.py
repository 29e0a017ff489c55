"""Things that a blind review hides, from when to when; and handles of its images, which nobody can guess or reuse."""

import re
import string
from base64 import urlsafe_b64decode

import pytest

from access.models import Role
from catalog.models import Classifier
from review_task.actions import close_review, open_review
from review_task.blind.actions import open_blind_review
from review_task.blinding.reads import (
    HANDLE_LENGTH,
    blind_review_in,
    blinded_under,
    image_handle,
    image_of_handle,
    is_blinded,
    is_hidden,
)
from review_task.mistakes.actions import new_queue
from review_task.models import ClassPage, Review
from tests.factories import make_dataset, make_images, member_client
from tests.review_task.blind.studies import make_blind, names_of

pytestmark = pytest.mark.django_db

ALPHABET = string.ascii_letters + string.digits + "-_"


def blind_pages(n_images: int = 4) -> list[ClassPage]:
    review = make_blind({n: [0] for n in range(n_images)}, {n: [1] for n in range(n_images)}, images_per_page=2)
    return list(review.pages.select_related("review").order_by("number"))


class TestStages:
    def reviews(self) -> dict[str, Review]:
        blind = make_blind({0: [0]}, {0: [1]})
        dataset = blind.batch.dataset
        first = require_earlier(blind)
        other = open_review(dataset=dataset, title="other", predictions=[(names_of(first)[0], 2, 1)])
        network = Classifier.objects.create(name="n", network="n", label_set=dataset.label_set)
        queue = new_queue(dataset=dataset, classifier=network, n_reviewers=1, title="")
        return {"blind": blind, "first": first, "other": other, "queue": queue}

    def test_an_open_blind_review_hides_every_other_review_of_its_study_and_not_itself(self):
        reviews = self.reviews()
        assert {name: is_hidden(review) for name, review in reviews.items()} == {
            "blind": False,
            "first": True,
            "other": True,
            "queue": True,
        }
        assert {name for name, review in reviews.items() if is_blinded(review)} == {"blind"}
        assert [*Review.objects.filter(blinded_under())] == [reviews["blind"]]
        assert {page.review for page in ClassPage.objects.filter(blinded_under("review__"))} == {reviews["blind"]}

    def test_closed_it_hides_nothing_any_more(self):
        reviews = self.reviews()
        close_review(review=reviews["blind"])
        fresh = {name: Review.objects.select_related("batch").get(pk=review.pk) for name, review in reviews.items()}
        assert not any(is_hidden(review) or is_blinded(review) for review in fresh.values())
        assert blind_review_in(reviews["blind"].batch.dataset) is None
        assert not Review.objects.filter(blinded_under()).exists()

    def test_it_hides_nothing_of_another_study(self):
        self.reviews()
        dataset = make_dataset()
        review = open_review(dataset=dataset, title="t", predictions=[(make_images(dataset, 1)[0].name, 0, 1)])
        assert not is_hidden(review) and blind_review_in(dataset) is None

    def test_opened_again_it_hides_again(self):
        reviews = self.reviews()
        close_review(review=reviews["blind"])
        labels = [(names_of(reviews["first"])[0], 3)]
        again = open_blind_review(earlier=reviews["first"], title="again", labels=labels)
        assert blind_review_in(again.batch.dataset) == again and is_hidden(reviews["blind"])


def require_earlier(review: Review) -> Review:
    assert review.earlier is not None
    return review.earlier


# Handles


def test_each_image_of_each_page_has_a_handle_that_leads_back_to_it():
    handles = {}
    for page in blind_pages():
        for item in page.items.select_related("image"):
            handles[image_handle(page, item.image)] = item.image
    assert len(handles) == 4
    for handle, image in handles.items():
        assert re.fullmatch(r"[-\w]{43}", handle) and len(handle) == HANDLE_LENGTH
        assert image_of_handle(handle) == image


def test_a_handle_is_the_same_each_time_and_tells_no_number():
    page, *_ = blind_pages()
    image = page.items.select_related("image")[0].image
    handle = image_handle(page, image)
    assert image_handle(page, image) == handle
    content = urlsafe_b64decode(handle + "=")
    assert image.pk.to_bytes(8, "big") not in content and page.pk.to_bytes(8, "big") not in content
    assert image.public_id not in handle


def test_the_same_image_has_another_handle_on_another_page():
    first, second, *_ = blind_pages()
    image = first.items.select_related("image")[0].image
    # The second page has no such image: a handle for it is well-formed, and leads nowhere.
    assert image_of_handle(image_handle(second, image)) is None
    assert image_handle(first, image)[22:] != image_handle(second, image)[22:]


def test_a_handle_with_another_character_anywhere_is_none():
    page, *_ = blind_pages()
    image = page.items.select_related("image")[0].image
    handle = image_handle(page, image)
    for place in range(HANDLE_LENGTH - 1):
        other = ALPHABET[(ALPHABET.index(handle[place]) + 7) % len(ALPHABET)]
        assert image_of_handle(handle[:place] + other + handle[place + 1 :]) is None, place


NO_HANDLES = [
    "",
    "A",
    "A" * 42,
    "A" * 43,
    "A" * 44,
    "_" * 43,
    "-" * 43,
    "=" * 43,
    "é" * 43,
    "!" * 43,
    "!!!" + "A" * 40,
    "A" * 40 + "   ",
    "A" * 500,
    "../../etc/passwd",
    "' OR 1=1 --",
]


def test_what_is_no_handle_leads_nowhere():
    blind_pages()
    for handle in NO_HANDLES:
        assert image_of_handle(handle) is None, handle


def test_an_image_of_another_stage_has_its_own_id():
    page, *_ = blind_pages()
    image = page.items.select_related("image")[0].image
    first = ClassPage.objects.select_related("review").get(review=page.review.earlier)
    assert image_handle(first, image) == image.public_id and image_of_handle(image.public_id) == image


def test_a_handle_still_leads_to_its_image_once_the_review_is_closed():
    page, *_ = blind_pages()
    image = page.items.select_related("image")[0].image
    handle = image_handle(page, image)
    close_review(review=page.review)
    assert image_of_handle(handle) == image
    client = member_client(page.review.batch.dataset, Role.REVIEWER)
    assert client.get(f"/review/image/{handle}.jpg").status_code == 200


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.RESEARCHER, Role.OWNER])
def test_who_may_review_sees_the_photograph_behind_a_handle(role):
    page, *_ = blind_pages()
    handle = image_handle(page, page.items.select_related("image")[0].image)
    answer = member_client(page.review.batch.dataset, role).get(f"/review/image/{handle}.jpg")
    assert answer.status_code == 200 and answer["Content-Type"] == "image/jpeg"


def test_a_photograph_is_served_to_no_member_of_another_study():
    page, *_ = blind_pages()
    handle = image_handle(page, page.items.select_related("image")[0].image)
    for role in Role:
        assert member_client(make_dataset(), role).get(f"/review/image/{handle}.jpg").status_code == 404
