"""The pages of mistake queues: opening one, its overview, the images behind each figure, and pairs of classes."""

import html
import re

import pytest

from access.models import Role
from audit.models import AuditEntry
from catalog.models import ClassPair
from review_task.actions import give_verdict
from review_task.mistakes.actions import open_mistakes
from review_task.models import Item, Review
from tests.factories import client_of, make_dataset, make_images, make_member, member_client
from tests.review_task.panels import items_of, make_reviewers, predict, review_of

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


def by_label(review: Review) -> list[Item]:
    """Return the items of a queue by their labels, as a page has its images in a random order."""
    return sorted(items_of(review), key=lambda item: (item.label.index, item.pk))


@pytest.fixture
def queue() -> Review:
    """A queue with two minor and one grave mistake, one that is correct after all, and one that nobody judged."""
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 5), [1, 1, 2, 2, 3], "ViT-3B")
    review = open_mistakes(dataset=dataset, classifier=classifier).review
    (ann,) = make_reviewers(dataset, 1)
    first, second, third, fourth, _ = by_label(review)
    for item in (first, second):
        give_verdict(
            page=item.page, user=ann, item=item, verdict="wrong", category="Fine-grained error", severity="Minor"
        )
    give_verdict(page=third.page, user=ann, item=third, verdict="wrong", category="Blurred", severity="Grave")
    give_verdict(page=fourth.page, user=ann, item=fourth, verdict="correct")
    return review


def researcher(review: Review):
    return member_client(review.batch.dataset, Role.RESEARCHER)


def test_a_queue_is_opened_on_the_page_which_says_what_was_compared():
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 3), [0, 1, 1], "ViT-3B")
    client = member_client(dataset, Role.RESEARCHER)
    page = client.get(f"/mistakes/study/{dataset.name}/")
    assert "An image’s labels are those that reviewers found correct" in text_of(page)
    assert "No mistake queue yet." in text_of(page)
    fields = {"classifier": classifier.pk, "n_reviewers": 2, "title": ""}
    answer = client.post(f"/mistakes/open/{dataset.name}/", fields, follow=True)
    words = text_of(answer)
    assert "Mistakes of ViT-3B: 2 new mistakes among 3 predictions." in words
    assert "Labels in force are the dataset’s label: 2 images." in words
    assert "outside the labels that were in force when the queue was opened: the dataset’s label (2)." in words
    review = Review.objects.get()
    assert (review.n_reviewers, review.classifier) == (2, classifier)
    assert "Images: 2. Reviewers of each: 2." in text_of(client.get(f"/mistakes/study/{dataset.name}/"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classifier": "0", "n_reviewers": "1"}, "Select a valid choice"),
        ({"classifier": "", "n_reviewers": "1"}, "This field is required"),
        ({"n_reviewers": "0"}, "greater than or equal to 1"),
        ({"n_reviewers": "101"}, "less than or equal to 100"),
        ({"n_reviewers": "1"}, "makes no mistake"),
    ],
)
def test_what_cannot_be_opened_is_said_in_the_form(fields, words):
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 1), [0])
    fields = {"classifier": classifier.pk} | fields
    answer = member_client(dataset, Role.RESEARCHER).post(f"/mistakes/open/{dataset.name}/", fields)
    assert answer.status_code == 422 and words in html.unescape(answer.content.decode())
    assert not Review.objects.exists()


def test_without_predictions_there_is_no_form_and_readers_have_none():
    dataset = make_dataset()
    address = f"/mistakes/study/{dataset.name}/"
    assert "There are no predictions yet." in text_of(member_client(dataset, Role.RESEARCHER).get(address))
    predict(dataset, make_images(dataset, 1), [1])
    assert "Open a mistake queue" not in text_of(member_client(dataset, Role.READER).get(address))


def test_every_cell_of_the_overview_opens_its_images(queue):
    client = researcher(queue)
    source = client.get(f"/mistakes/{queue.pk}/").content.decode()
    words = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", source)))
    assert "Fine-grained error 0 2 0 0 2" in words and "Blurred 0 0 0 1 1" in words and "All 0 2 0 1 3" in words
    assert "Correct after all 1 Unclear 0 In dispute 0 Waiting for reviewers 1" in words
    cells = re.findall(rf'href="(/mistakes/{queue.pk}/images/[^"]*)">(\d+)</a>', source)
    # Seven categories and their sum by four severities and theirs, and the four states that are no mistake.
    assert len(cells) == 8 * 5 + 4
    for address, n in cells:
        page = client.get(html.unescape(address)).content.decode()
        assert page.count('<li class="result">') == int(n), address
        assert f"({n})</h2>" in page


def test_the_images_say_what_was_predicted_and_what_it_is_called(queue):
    client = researcher(queue)
    words = text_of(client.get(f"/mistakes/{queue.pk}/images/?category=Blurred&severity=Grave"))
    assert "Predicted: thing 2" in words and "Labels: thing 0 the dataset’s label" in words
    assert "wrong Blurred, Grave" in words
    for query in ("state=absent", f"category={'x' * 61}"):
        assert client.get(f"/mistakes/{queue.pk}/images/?{query}").status_code == 404
    assert "No images." in text_of(client.get(f"/mistakes/{queue.pk}/images/?category=absent"))


def test_the_file_of_a_queue_is_the_file_that_an_import_reads(queue):
    client = researcher(queue)
    response = client.get(f"/mistakes/{queue.pk}/file/")
    names = [item.image.name for item in by_label(queue)]
    rows = {
        f"{names[0]},1,Fine-grained error,Minor",
        f"{names[1]},1,Fine-grained error,Minor",
        f"{names[2]},2,Blurred,Grave",
    }
    head, *lines = response.content.decode().splitlines()
    assert head == "image,prediction,category,severity" and len(lines) == 3 and set(lines) == rows
    assert response.headers["Content-Disposition"] == f'attachment; filename="mistakes-{queue.pk}.csv"'
    assert AuditEntry.objects.filter(action="rows.download").count() == 1


def test_one_press_adds_a_pair_and_the_page_says_so(queue):
    client = researcher(queue)
    (item, *_) = by_label(queue)
    address = f"/mistakes/{queue.pk}/images/?severity=Minor"
    source = client.get(address).content.decode()
    assert source.count('value="equivalent"') == source.count('value="confusable"') == 2
    fields = {"other": "0", "kind": "equivalent", "back": "images", "severity": "Minor"}
    answer = client.post(f"/mistakes/item/{item.public_id}/pair/", fields)
    assert answer.headers["Location"] == address
    words = text_of(client.get(address))
    assert "“thing 1” and “thing 0” are added to the class pairs." in words
    assert words.count("“thing 1” and “thing 0” are registered as equivalent.") == 2
    pair = ClassPair.objects.get()
    assert pair.provenance == f"review {queue.pk}, mistakes of ViT-3B" and pair.note == item.image.name
    words = text_of(client.post(f"/mistakes/item/{item.public_id}/pair/", fields, follow=True))
    assert "This queue has said so of “thing 1” and “thing 0” before." in words
    for other, kind, said in (("3", "equivalent", "none of the image’s labels"), ("0", "twin", "is no kind of pair")):
        answer = client.post(f"/mistakes/item/{item.public_id}/pair/", {"other": other, "kind": kind}, follow=True)
        assert said in text_of(answer)
    assert ClassPair.objects.count() == 1


def test_other_reviews_are_no_mistake_queues():
    review, (ann,) = review_of(["c"])
    client = researcher(review)
    for end in ("", "images/", "file/"):
        assert client.get(f"/mistakes/{review.pk}/{end}").status_code == 404
    (item,) = items_of(review)
    assert client_of(ann).post(f"/mistakes/item/{item.public_id}/pair/", {}).status_code == 404


def test_a_reviewer_adds_a_pair_from_the_discussion():
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 1), [1])
    review = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=2).review
    (item,) = items_of(review)
    reviewers = make_reviewers(dataset, 2)
    for user, verdict in zip(reviewers, ("correct", "unclear"), strict=True):
        give_verdict(page=item.page, user=user, item=item, verdict=verdict)
    client = client_of(reviewers[0])
    assert "Confusable with “thing 0”" in text_of(client.get(f"/consensus/item/{item.public_id}/"))
    fields = {"other": "0", "kind": "confusable", "back": "discussion"}
    answer = client.post(f"/mistakes/item/{item.public_id}/pair/", fields, follow=True)
    assert "registered as confusable" in text_of(answer)
    assert ClassPair.objects.get().added_by == reviewers[0]
    assert client.get(f"/mistakes/{review.pk}/").status_code == 403, "figures are for those who see results"
    stranger = make_member(dataset, Role.LABELER)
    assert client_of(stranger).post(f"/mistakes/item/{item.public_id}/pair/", fields).status_code == 403
