"""Attempts to learn whose a label is in an open blind review: pages, files, REST, order, addresses, sizes, queries.

The main attempt swaps the origins of all labels in the database. Whatever is served to anybody must stay the same to
the byte: then it cannot depend on them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.models import Role
from review_task.actions import close_review, open_review
from review_task.blind.actions import open_blind_review
from review_task.blinding.reads import image_handle, image_of_handle
from review_task.models import ClassPage, Item, Review
from tests.factories import client_of, make_dataset, make_images, make_member
from tests.review_task.blind.studies import give_all, make_blind, make_reviewers, names_of
from workforce.models import Submission

pytestmark = pytest.mark.django_db

# A page's token, and what tells it from the same page of another moment.
CHANGING = re.compile(r'csrfmiddlewaretoken" value="[^"]+"|[0-9a-f]{16,}|\d\d:\d\d(:\d\d)?')


class Attack:
    """A study with a first review and an open blind one, with labels of models, people, the dataset and drawn ones."""

    def __init__(self):
        dataset = make_dataset(n_labels=9)
        images = make_images(dataset, 6, label=8)
        said = [(image.name, label, 2 + n) for n, image in enumerate(images) for label in ((0, 1) if n % 2 else (0,))]
        self.first = open_review(dataset=dataset, title="first", n_reviewers=2, predictions=said)
        self.users = make_reviewers(dataset, 2)
        give_all(self.first, self.users, lambda number, item: ("correct", "wrong")[(number + item.label.index) % 2])
        close_review(review=self.first)
        people = [(image.name, label) for n, image in enumerate(images) for label in ((0, 2) if n % 3 else (0, 3, 4))]
        self.review = open_blind_review(
            earlier=self.first, title="second", n_reviewers=2, labels=people, seed=5, images_per_page=3
        )
        self.dataset = dataset

    @property
    def items(self):
        return Item.objects.filter(page__review=self.review).order_by("page__number", "position")

    def judge_half(self):
        """Both reviewers have judged the first page, and differ everywhere: its labels are in consensus."""
        page = self.review.pages.order_by("number").first()
        give_all(self.review, self.users, lambda number, item: ("correct", "wrong")[number], only_page=page)

    def addresses(self) -> Iterator[str]:
        yield reverse("reviews", args=[self.dataset.name])
        for review in (self.review, self.first):
            yield reverse("review", args=[review.pk])
            yield reverse("next-class", args=[review.pk])
            yield reverse("consensus", args=[review.pk])
            for page in review.pages.order_by("number"):
                yield reverse("class-page", args=[page.pk])
        for index in (0, 2, 8):
            yield reverse("review-label", args=[self.review.pk, index])
        # The first image, which is in consensus, and a label of a page that waits.
        for item in [*self.items[:4], self.items.reverse()[0]]:
            yield reverse("discussion", args=[item.public_id])
        for pk in Submission.objects.filter(hit__batch=self.review.batch_id).values_list("pk", flat=True):
            yield reverse("study-submission", args=[pk])
        yield reverse("review-outcome", args=[self.review.pk])
        yield reverse("review-outcome-file", args=[self.review.pk])

    def files(self) -> Iterator[str]:
        for kind in ("verdicts", "label_sets"):
            for format in ("csv", "jsonl"):
                yield reverse("file-of-rows", args=[kind, format, self.dataset.name])

    def swap_origins(self):
        """Give every label the opposite origin and another number of models."""
        people, models = Item.Origin.PEOPLE, Item.Origin.MODELS
        for item in self.items:
            item.origin, item.n_models = (models, 40) if item.origin == people else (people, 0)
            item.save()


def served(client: Client, address: str) -> tuple[int, str, str]:
    answer: Any = client.get(address)
    content = answer.getvalue().decode()
    return answer.status_code, answer.headers.get("Location", ""), CHANGING.sub("", content)


@pytest.fixture
def attack(db):
    return Attack()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.RESEARCHER])
def test_what_is_served_does_not_depend_on_whose_a_label_is(attack, role):
    attack.judge_half()
    client = client_of(attack.users[0] if role == Role.REVIEWER else make_member(attack.dataset, role))
    addresses = [*attack.addresses()]
    before = [served(client, address) for address in addresses]
    attack.swap_origins()
    after = [served(client, address) for address in addresses]
    for address, *pair in zip(addresses, before, after, strict=True):
        assert pair[0] == pair[1], address
    good = [address for address, (status, *_) in zip(addresses, before, strict=True) if status == 200]
    assert {reverse("class-page", args=[page.pk]) for page in attack.review.pages.all()} <= set(good)
    assert any("/consensus/item/" in address for address in good)


@pytest.mark.django_db(transaction=True)
def test_files_do_not_depend_on_it_until_the_review_is_closed():
    attack = Attack()
    attack.judge_half()
    client = client_of(make_member(attack.dataset, Role.RESEARCHER))
    before = [served(client, address) for address in attack.files()]
    attack.swap_origins()
    assert before == [served(client, address) for address in attack.files()]
    assert {status for status, *_ in before} == {200}
    close_review(review=attack.review)
    # The attack sees what there is to see.
    after = [served(client, address) for address in attack.files()]
    assert all(first[2] != second[2] for first, second in zip(before, after, strict=True))


def test_no_page_of_a_reviewer_names_an_image_an_origin_or_a_number_of_models(attack):
    client = client_of(attack.users[0])
    for page in attack.review.pages.all():
        _, _, html = served(client, reverse("class-page", args=[page.pk]))
        images = html[html.index('class="review-images"') : html.index("</ol>")]
        # The reasons why an image is problematic speak of the dataset's label.
        images = re.sub(r"<select.*?</select>", "", images, flags=re.DOTALL)
        assert 'review-models">' not in images or re.search(r'review-models">\s*<', images)
        assert not re.search(r"\d models?\b|dataset’s label|seeded|people|origin\b", images)
        assert not [name for name in names_of(attack.review) if name in html]
        assert not [key for key in attack.dataset.images.values_list("public_id", flat=True) if key in html]


def test_all_labels_are_marked_up_alike(attack):
    """Each label is the same markup but for its words and its ID."""
    client = client_of(attack.users[0])
    for page in attack.review.pages.all():
        _, _, html = served(client, reverse("class-page", args=[page.pk]))
        shapes = set()
        for item in page.items.select_related("label"):
            start = html.index(f'data-item="{item.public_id}"')
            part = html[start : html.index("</li>", start)]
            part = re.sub(rf"thing {item.label.index}\b|numbered {item.label.index}\b", "", part)
            part = part.replace(item.public_id, "").replace(f'data-label="{item.label.index}"', "")
            shapes.add(re.sub(r"/label/\d+/", "", part))
        assert len(shapes) == 1


def press(client: Client, user: User, item: Item) -> tuple[int, tuple[str, ...]]:
    """Send a verdict as the page does. Returns the size of the answer and the statements behind it."""
    row = {
        "key": f"k{item.pk:09}",
        "device": "d",
        "kind": "verdict",
        "item": item.public_id,
        "verdict": "wrong",
        "age": 0,
    }
    body = json.dumps({"person": str(user.pk), "presses": [row]})
    address = reverse("store-presses", args=[item.page_id])
    with CaptureQueriesContext(connection) as queries:
        answer = client.post(address, body, "application/json")
    assert answer.status_code == 200 and "wrong" in answer.content.decode()
    return len(answer.content), tuple(re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries)


def test_a_verdict_on_every_label_takes_the_same_way_and_answers_in_the_same_size(attack):
    user = attack.users[0]
    client = client_of(user)
    items = list(attack.items.select_related("page"))
    assert {item.origin for item in items} == {"models", "people", "dataset", "seeded"}
    ways = set()
    for page in attack.review.pages.all():
        # With the first verdict the reviewer takes part, which is another way.
        first, *others = [item for item in items if item.page_id == page.pk]
        press(client, user, first)
        ways |= {press(client, user, item) for item in others}
    assert len(ways) == 1


def test_stored_rows_tell_nothing_by_age_number_or_length_of_an_id(attack):
    items = list(attack.items)
    assert len({item.added_at for item in items}) == 1
    assert [item.pk for item in items] == sorted(item.pk for item in items)
    assert {len(item.public_id) for item in items} == {22}
    # The same draw again has other IDs: they come from nothing that is stored.
    old = {item.public_id for item in items}
    pairs = [(item.image_id, item.label_id) for item in items]
    people = [(item.image.name, item.label.index) for item in items if item.origin == Item.Origin.PEOPLE]
    close_review(review=attack.review)
    attack.review = open_blind_review(
        earlier=attack.first, title="third", n_reviewers=2, labels=people, seed=5, images_per_page=3
    )
    assert not old & set(attack.items.values_list("public_id", flat=True))
    assert len(pairs) > 12


def test_an_image_has_an_address_of_its_page_alone(attack):
    client = client_of(attack.users[0])
    page = attack.review.pages.order_by("number").first()
    image = page.items.first().image
    handle = image_handle(page, image)
    assert handle != image.public_id and len(handle) == 43
    assert image_of_handle(handle) == image
    photograph: Any = client.get(reverse("review-photograph", args=[handle]))
    assert photograph.status_code == 200 and photograph.getvalue().startswith(b"\xff\xd8")
    # Nothing but this address takes it.
    researcher = client_of(make_member(attack.dataset, Role.RESEARCHER))
    assert researcher.get(reverse("image", args=[handle])).status_code == 404
    forged = handle[:20] + ("A" if handle[20] != "A" else "B") + handle[21:]
    assert image_of_handle(forged) is None
    assert client.get(reverse("review-photograph", args=[forged])).status_code == 404
    stranger = client_of(make_member(make_dataset(), Role.REVIEWER))
    assert stranger.get(reverse("review-photograph", args=[handle])).status_code == 404
    first_page = attack.first.pages.get()
    assert image_handle(first_page, image) == image.public_id
    close_review(review=attack.review)


def test_reviewers_do_not_see_the_other_reviews_while_it_is_open(attack):
    reviewer, researcher = client_of(attack.users[0]), client_of(make_member(attack.dataset, Role.RESEARCHER))
    item = Item.objects.filter(page__review=attack.first)[0]
    addresses = [
        reverse("class-page", args=[item.page_id]),
        reverse("consensus", args=[attack.first.pk]),
        reverse("discussion", args=[item.public_id]),
    ]
    assert [reviewer.get(address).status_code for address in addresses] == [403, 403, 403]
    assert [researcher.get(address).status_code for address in addresses[:2]] == [200, 200]
    body = json.dumps({"person": str(attack.users[0].pk), "presses": []})
    assert reviewer.post(f"{addresses[0]}presses/", body, "application/json").status_code == 403
    listed = served(reviewer, reverse("review", args=[attack.first.pk]))
    assert listed[0] == 200 and "reviewers do not see the labels of this one" in listed[2]
    close_review(review=attack.review)
    assert [reviewer.get(address).status_code for address in addresses[:2]] == [200, 200]


def test_a_blind_review_hides_no_review_of_another_study(attack):
    other = make_blind({0: [0]}, {0: [1]})
    close_review(review=other)
    reviewer = client_of(make_member(other.batch.dataset, Role.REVIEWER))
    page = ClassPage.objects.get(review=other.earlier)
    assert reviewer.get(reverse("class-page", args=[page.pk])).status_code == 200


def test_a_reviewer_reaches_no_file_and_no_other_page_that_tells_origins(attack):
    client = client_of(attack.users[0])
    image = attack.dataset.images.first()
    addresses = [
        *attack.files(),
        reverse("image", args=[image.public_id]),
        reverse("dataset", args=[attack.dataset.name]),
        reverse("file-of-rows", args=["predictions", "csv", attack.dataset.name]),
        reverse("file-of-rows", args=["annotations", "csv", attack.dataset.name]),
    ]
    answers = [client.get(address) for address in addresses]
    assert [answer.status_code for answer in answers[:-3]] == [403] * 5
    assert {answer.status_code for answer in answers[-2:]} == {403}
    # The first page of the study is there for everybody with a role, without any label.
    assert image.name not in answers[-3].content.decode()


def test_on_stored_pages_the_place_of_a_label_of_people_is_as_chance_has_it():
    """Of three labels of each image, the last is of people. Seeds are fixed, so the count is too."""
    places = [0, 0, 0]
    earlier = make_blind({n: [0, 1] for n in range(8)}, {n: [2] for n in range(8)}, seed=0)
    for seed in range(1, 12):
        for n, origin in enumerate(_origins(earlier)):
            places[n % 3] += origin == "people"
        close_review(review=earlier)
        labels = [(name, 2) for name in names_of(earlier)]
        first = Review.objects.get(later=earlier)
        earlier = open_blind_review(earlier=first, title=f"{seed}", labels=labels, seed=seed)
    assert sum(places) == 88
    # 99.9 % of binomial counts lie within 15 of the mean.
    assert all(abs(count - 88 / 3) < 15 for count in places)


def _origins(review: Review) -> list[str]:
    items = Item.objects.filter(page__review=review).order_by(F("page__number"), F("position"))
    return list(items.values_list("origin", flat=True))
