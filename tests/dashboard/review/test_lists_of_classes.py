"""The tab Review and the list of a review's classes: what each reader finds there, in words, for any review."""

import random
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Role
from review_task.actions import assign, close_review, open_review, take_part
from review_task.models import Group, PageAssignment, ProblemReason, Review
from tests.chance import seeds
from tests.dashboard.review.forms import words_of
from tests.factories import client_of, make_dataset, make_images, make_member, member_client
from tests.review_task.reviews import judge_all

pytestmark = pytest.mark.django_db
NAMES = ["It's “all” / of <it> & more", "Überprüfung Ö", "مراجعة", "x" * 200, "{{ title }} %(n)s {n}"]


def review_of_classes(n_classes: int, *, n_reviewers: int = 1, title: str = "all") -> Review:
    """A review with an image in each class, of which models say class 0."""
    dataset = make_dataset(n_labels=n_classes)
    said = [(make_images(dataset, 1, label=label)[0].name, 0, 1) for label in range(n_classes)]
    return open_review(
        dataset=dataset, title=title, n_reviewers=n_reviewers, predictions=said, with_dataset_label=False
    )


def classes_on(response) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/review/class/\d+/">([^<]*)</a>', response.content.decode())


def n_queries(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_a_study_without_a_review_says_so_and_offers_to_open_one_to_those_who_may():
    dataset = make_dataset()
    for role, has_form in ((Role.OWNER, True), (Role.RESEARCHER, True), (Role.REVIEWER, False)):
        words = words_of(member_client(dataset, role).get(f"/review/study/{dataset.name}/"))
        assert "No review yet." in words and ("Open a review" in words) is has_form
    for role in (Role.LABELER, Role.READER):
        assert member_client(dataset, role).get(f"/review/study/{dataset.name}/").status_code == 403


@pytest.mark.parametrize(
    ("n_classes", "n_reviewers", "words"),
    [
        (1, 1, ["1 reviewer per class", "0 of 1 classes complete", "1 prediction on 1 image ", "1 place free"]),
        (2, 2, ["2 reviewers per class", "0 of 2 classes complete", "2 predictions on 2 images", "2 places free"]),
    ],
)
def test_numbers_are_singular_or_plural(n_classes, n_reviewers, words):
    review = review_of_classes(n_classes, n_reviewers=n_reviewers)
    page = words_of(member_client(review.batch.dataset, Role.REVIEWER).get(f"/review/{review.pk}/"))
    assert not [text for text in words if text not in page]
    assert "A forecast follows after 20 verdicts." in page


@pytest.mark.parametrize("title", NAMES)
def test_a_review_of_any_title_is_opened_shown_and_closed(title):
    dataset = make_dataset(name="räder / “1”")
    make_images(dataset, 1)
    table = SimpleUploadedFile("said.csv", f"image,label\n{dataset.images.get().name},1\n".encode())
    client = member_client(dataset, Role.RESEARCHER)
    fields = {"title": title, "n_reviewers": "1", "file": table}
    words = words_of(client.post(f"/review/open/{dataset.name}/", fields, follow=True))
    assert f"Review “{title}” is open." in words and words.count(title) >= 3
    review = Review.objects.get()
    assert title in words_of(client.get(f"/review/study/{dataset.name}/"))
    page = client.get(f"/review/class/{review.pages.get().pk}/")
    assert title in words_of(page) and "<it>" not in page.content.decode()
    assert f"Review “{title}” is closed." in words_of(client.post(f"/review/{review.pk}/close/", follow=True))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": ""}, "Title: This field is required."),
        ({"title": "x" * 201}, "Title: Ensure this value has at most 200 characters (it has 201)."),
        ({"n_reviewers": "0"}, "Reviewers of each class: Ensure this value is greater than or equal to 1."),
        ({"n_reviewers": "101"}, "Reviewers of each class: Ensure this value is less than or equal to 100."),
        ({"n_reviewers": "two"}, "Reviewers of each class: Enter a whole number."),
        ({"n_reviewers": ""}, "Reviewers of each class: This field is required."),
    ],
)
def test_what_opens_no_review_is_said(fields, words):
    dataset = make_dataset()
    fields = {"title": "all", "n_reviewers": "1"} | fields
    page = member_client(dataset, Role.OWNER).post(f"/review/open/{dataset.name}/", fields, follow=True)
    assert words in words_of(page) and not Review.objects.exists()


def test_every_state_of_a_class_is_a_filter_and_a_word():
    review = review_of_classes(5)
    dataset, pages = review.batch.dataset, list(review.pages.order_by("number"))
    ann, ben = make_member(dataset, Role.REVIEWER), make_member(dataset, Role.REVIEWER)
    judge_all(pages[0], ann)
    take_part(page=pages[1], user=ann)
    take_part(page=pages[2], user=ben)
    assign(review=review, page=pages[3], people=[ben])
    client, address = client_of(ann), f"/review/{review.pk}/"
    names = {page: f"thing {number}" for number, page in enumerate(pages)}
    for state, page, word in (
        ("done", pages[0], "reviewed complete"),
        ("mine", pages[1], "0 / 1"),
        ("full", pages[2], "has all reviewers"),
        ("others", pages[3], f"assigned to others 1 place free {ben.username}"),
        ("open", pages[4], "open 1 place free"),
    ):
        response = client.get(address, {"show": state})
        assert classes_on(response) == [names[page]] and word in words_of(response)
    assert classes_on(client.get(address)) == list(names.values())
    for state in ("absent", "Done", "' OR 1"):
        assert client.get(address, {"show": state}).status_code == 404
    close_review(review=review)
    words = words_of(client.get(address))
    assert "closed" in words and "Review the next class" not in words and "Assign classes" not in words


@pytest.mark.parametrize(
    ("search", "classes"),
    [
        ("thing 3", ["thing 3"]),
        ("n00000002", ["thing 2"]),
        ("  1  ", ["thing 1"]),
        ("zebra", []),
        ("' OR ''='", []),
        ("x" * 500, []),
    ],
)
def test_a_search_finds_the_classes_of_the_review(search, classes):
    review = review_of_classes(4)
    response = member_client(review.batch.dataset, Role.REVIEWER).get(f"/review/{review.pk}/", {"search": search})
    assert classes_on(response)[: len(classes) or None] == classes
    assert ("No class matches." in words_of(response)) is not bool(classes)


def test_classes_are_listed_a_hundred_at_a_time_and_reading_them_costs_the_same():
    few, many = review_of_classes(2), review_of_classes(103)
    clients = [member_client(review.batch.dataset, Role.RESEARCHER) for review in (few, many)]
    address = f"/review/{many.pk}/"
    assert n_queries(clients[1], address) == n_queries(clients[0], f"/review/{few.pk}/")
    first, second = (clients[1].get(f"{address}?page={page}") for page in (1, 2))
    assert (len(classes_on(first)), len(classes_on(second))) == (100, 3)
    assert classes_on(clients[1].get(f"{address}?page=many")) == classes_on(first)


def test_the_queries_of_a_class_page_do_not_grow_with_its_images():
    numbers = []
    for n_images in (1, 12):
        dataset = make_dataset()
        said = [(image.name, label, 1) for image in make_images(dataset, n_images) for label in (0, 1, 2)]
        review = open_review(dataset=dataset, title="all", predictions=said)
        user = make_member(dataset, Role.REVIEWER)
        judge_all(review.pages.get(), user)
        numbers.append(n_queries(client_of(user), f"/review/class/{review.pages.get().pk}/"))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("seed", seeds(3))
def test_next_leads_through_all_classes_and_then_says_that_none_is_left(seed):
    chance, review = random.Random(seed), review_of_classes(5)
    user = make_member(review.batch.dataset, Role.REVIEWER)
    client, address, visited = client_of(user), f"/review/{review.pk}/next/", set()
    while (location := client.get(address).headers["Location"]).startswith("/review/class/"):
        page = review.pages.select_related("hit", "review__batch__dataset").get(pk=int(location.split("/")[3]))
        assert page.pk not in visited
        if chance.random() < 0.3:
            other = client.get(f"{address}?after={page.pk}").headers["Location"]
            assert other != location, "the class that was left is not the next"
        judge_all(page, user)
        visited.add(page.pk)
    assert len(visited) == 5
    assert "There is no other class for you to review now." in words_of(client.get(address, follow=True))
    for after in ("", "x", "-1", "9" * 9, "9" * 400, "²"):
        assert client.get(address, {"after": after}).headers["Location"] == f"/review/{review.pk}/"


def test_classes_are_assigned_by_word_wnid_or_superclass_to_people_or_a_group():
    review = review_of_classes(4)
    dataset = review.batch.dataset
    ann, ben, stranger = (make_member(dataset, role) for role in (Role.REVIEWER, Role.OWNER, Role.LABELER))
    client, address = member_client(dataset, Role.RESEARCHER), f"/review/{review.pk}/assign/"
    for family, people, group, words in (
        ("thing 1", [ann], "", "1 class assigned."),
        (" n00000002 ", [ann, ben], "", "1 class assigned."),
        ("Objects", [ann, ben], "Birds & “more”", "4 classes assigned."),
        ("Objects", [], "", "Reviewers: This field is required."),
        ("", [ann], "", "Class or family of classes: This field is required."),
        ("zebras", [ann], "", "No class of this review belongs to that family."),
        ("thing 1", [stranger], "", "Select a valid choice."),
        ("thing 1", [ann], "x" * 101, "Name of the group: Ensure this value has at most 100 characters"),
    ):
        fields = {"family": family, "people": [user.pk for user in people], "group": group}
        assert words in words_of(client.post(address, fields, follow=True)), (family, words)
    assert Group.objects.get().name == "Birds & “more”" and PageAssignment.objects.filter(person=ann).count() == 2
    page = client.get(f"/review/{review.pk}/")
    assert "Birds & “more”" in words_of(page) and 'aria-label="End the assignment of class 1"' in page.content.decode()
    for _ in range(2):
        words = words_of(client.post(f"/review/{review.pk}/unassign/1/", follow=True))
        assert "The class is assigned to nobody any more." in words
    assert client.post(f"/review/{review.pk}/unassign/99999/").status_code == 404


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.LABELER, Role.READER])
def test_only_those_who_open_batches_decide_about_a_review(role):
    review = review_of_classes(1)
    client = member_client(review.batch.dataset, role)
    for end in ("assign/", "unassign/1/", "predictions/", "reason/", "close/"):
        assert client.post(f"/review/{review.pk}/{end}").status_code == 403
    assert (
        client.post(f"/review/open/{review.batch.dataset.name}/", {"title": "x", "n_reviewers": 1}).status_code == 403
    )
    review.batch.refresh_from_db()
    assert review.batch.closed_at is None and not ProblemReason.objects.exists()


@pytest.mark.parametrize("words", ["A collage", "It's “odd” / <b>", "نص", "x" * 100])
def test_a_reason_is_added_once_and_offered_on_every_page(words):
    review = review_of_classes(1)
    client = member_client(review.batch.dataset, Role.OWNER)
    for _ in range(2):
        page = client.post(f"/review/{review.pk}/reason/", {"words": f" {words} "}, follow=True)
        assert words in words_of(page)
    assert [reason.words for reason in ProblemReason.objects.all()] == [words]
    page = client.get(f"/review/class/{review.pages.get().pk}/")
    assert words_of(page).count(words) == 2, "in the list of the image, and in the dialog"
    for bad in ("", "   ", "x" * 101):
        assert "Reason: " in words_of(client.post(f"/review/{review.pk}/reason/", {"words": bad}, follow=True))


def test_what_explains_a_label_is_a_page_for_any_class_and_none_for_others():
    review = review_of_classes(2)
    client = member_client(review.batch.dataset, Role.REVIEWER)
    words = words_of(client.get(f"/review/{review.pk}/label/1/"))
    assert "thing 1" in words and "a thing numbered 1" in words and "n00000001" in words and "class 1" in words
    for index in (2, 10**6, 10**30):
        assert client.get(f"/review/{review.pk}/label/{index}/").status_code == 404
