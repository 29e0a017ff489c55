"""Outcome pages of large, empty and oddly named studies, for every role, with what their texts and files say."""

import csv
import html
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Role
from audit.models import AuditEntry
from catalog.models import Image
from review_task.actions import close_review
from review_task.models import Review
from tests.dashboard.outcomes.annotations import annotate
from tests.factories import member_client, staff_client
from tests.review_task.blind.studies import give_all, make_blind, make_reviewed, make_reviewers

pytestmark = pytest.mark.django_db

ODD_NAMES = ["=1+1.jpg", "<script>alert(1)</script>.jpg", "a,\"b\"/'c'.jpg", "Größe ß.jpg", "שלום.jpg", "x" * 200]


def judged_review(n_images: int, verdict: str = "correct") -> Review:
    """A closed blind review in which people added a label to each image, on which its reviewer says this."""
    review = make_blind({n: [0] for n in range(n_images)}, {n: [2] for n in range(n_images)})
    users = make_reviewers(review.batch.dataset, 1)
    give_all(review, users, lambda number, item: verdict if item.label.index == 2 else "correct")
    return close_review(review=review)


def words(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())))


def client_in(review: Review, role: Role = Role.RESEARCHER) -> Any:
    return member_client(review.batch.dataset, role)


def test_a_long_outcome_is_divided_into_pages_that_keep_what_is_shown():
    review = judged_review(30)
    client, address = client_in(review), f"/review/{review.pk}/outcome/"
    first, last = (client.get(f"{address}?show=added&page={page}").content.decode() for page in (1, 2))
    names = set(review.batch.dataset.images.values_list("name", flat=True))
    shown = [{name for name in names if name in page} for page in (first, last)]
    assert [len(part) for part in shown] == [24, 6] and shown[0] | shown[1] == names
    assert "show=added&amp;page=2" in first
    # A page that there is not is the nearest one.
    for odd, near in (("99", 1), ("0", 1), ("-1", 1), ("x", 0), ("", 0)):
        page = client.get(f"{address}?show=added&page={odd}").content.decode()
        assert {name for name in names if name in page} == shown[near], odd


def test_queries_of_the_page_and_of_the_file_do_not_grow_with_images():
    numbers = []
    for n_images in (2, 20):
        review = judged_review(n_images)
        client = client_in(review)
        with CaptureQueriesContext(connection) as page:
            client.get(f"/review/{review.pk}/outcome/")
        with CaptureQueriesContext(connection) as file:
            client.get(f"/review/{review.pk}/outcome.csv").getvalue()
        numbers.append((len(page), len(file)))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("n_images", "text"), [(1, "Labels of 1 image, compared with “first”."), (2, "Labels of 2 images, compared with")]
)
def test_the_heading_counts_images_in_singular_and_plural(n_images, text):
    review = judged_review(n_images)
    assert text in words(client_in(review).get(f"/review/{review.pk}/outcome/"))


@pytest.mark.parametrize(
    ("verdict", "numbers"),
    [
        ("correct", {"added": 1}),
        ("wrong", {"unchanged": 1}),
        ("unclear", {"unchanged": 1}),
        ("dontknow", {"waiting": 1}),
    ],
)
def test_each_verdict_on_a_new_label_counts_where_it_belongs(verdict, numbers):
    review = judged_review(1, verdict)
    page = client_in(review).get(f"/review/{review.pk}/outcome/").content.decode()
    counts = dict(re.findall(r'data-outcome="(\w+)"><dt>[^<]+</dt><dd><a href="[^"]+">(\d+)</a>', page))
    assert counts == {key: str(numbers.get(key, 0)) for key in ("unchanged", "added", "modified", "waiting")}
    shown = client_in(review).get(f"/review/{review.pk}/outcome/?show={next(iter(numbers))}")
    assert "No images." not in words(shown)


def test_an_outcome_without_images_says_so_and_marks_what_is_shown():
    review = judged_review(1, "wrong")
    client = client_in(review)
    for show in ("", "added", "modified", "waiting"):
        page = client.get(f"/review/{review.pk}/outcome/?show={show}")
        assert "No images." in words(page)
        marked = re.findall(r'<a href="\?(?:show=(\w+))?" aria-current="true">', page.content.decode())
        assert marked == [show]


def test_a_label_in_dispute_and_one_that_nobody_reviewed_are_told_apart():
    review = make_blind({0: [0], 1: [0]}, {0: [2]}, n_reviewers=2, images_per_page=1)
    first = Image.objects.filter(dataset=review.batch.dataset).order_by("pk")[0]
    page = review.pages.select_related("hit", "review__batch__dataset").get(items__image=first, items__label__index=2)
    users = make_reviewers(review.batch.dataset, 2)
    give_all(review, users, lambda number, item: ("correct", "wrong")[number], only_page=page)
    close_review(review=review)
    text = words(client_in(review).get(f"/review/{review.pk}/outcome/?show=waiting"))
    assert "thing 2 not reviewed unclear, in dispute" in text and "thing 0 correct not reviewed" in text


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_shown_as_they_are_and_come_out_of_the_file_unharmed(name):
    review = judged_review(1)
    review.batch.dataset.images.update(name=name)
    client = client_in(review)
    page = client.get(f"/review/{review.pk}/outcome/").content.decode()
    assert f"<h3>{html.escape(name)}</h3>" in page and "<script>alert" not in page
    (row, _) = csv.DictReader(io.StringIO(client.get(f"/review/{review.pk}/outcome.csv").getvalue().decode()))
    assert row["image"] == (f"'{name}" if name.startswith("=") else name)


def test_the_file_is_in_the_order_of_names_and_labels_and_leaves_out_a_label_that_the_dataset_lacks():
    review = judged_review(4)
    images = list(review.batch.dataset.images.order_by("pk"))
    for image, name in zip(images, ("d", "b", "c", "a"), strict=True):
        Image.objects.filter(pk=image.pk).update(name=name, dataset_label=None)
    rows = list(csv.reader(io.StringIO(client_in(review).get(f"/review/{review.pk}/outcome.csv").getvalue().decode())))
    assert rows[0][:5] == ["image", "dataset_label", "label", "before", "after"]
    assert [(row[0], row[2]) for row in rows[1:]] == [(name, label) for name in "abcd" for label in "02"]
    assert {row[1] for row in rows[1:]} == {""}


def test_a_download_is_recorded_and_a_look_at_its_headers_is_not():
    review = judged_review(1)
    client, address = client_in(review), f"/review/{review.pk}/outcome.csv"
    uses = AuditEntry.objects.filter(action="review_outcome.export", subject=f"review {review.pk}")
    assert client.head(address).status_code == 200 and not uses.exists()
    answer = client.get(address)
    assert answer["Content-Disposition"] == f'attachment; filename="outcome-{review.pk}.csv"' and uses.count() == 1


# Who may, and what


@pytest.mark.parametrize("role", list(Role))
def test_only_who_may_open_batches_meets_the_form_and_the_button(role):
    earlier = make_reviewed({0: [0]})
    may = role in (Role.OWNER, Role.RESEARCHER)
    client, address = client_in(earlier, role), f"/review/{earlier.pk}/again/"
    assert client.get(address).status_code == (200 if may else 403)
    assert client.post(address, {"title": "t", "n_reviewers": "1"}).status_code == (200 if may else 403)
    assert not Review.objects.filter(stage="blind").exists()
    review = make_blind({0: [0]}, {0: [1]})
    page = client_in(review, role).get(f"/review/{review.pk}/outcome/")
    if role in (Role.OWNER, Role.RESEARCHER, Role.REVIEWER):
        assert ("Close review" in words(page)) == may
    else:
        assert page.status_code == 403


def test_a_stranger_and_who_is_not_signed_in_see_nothing_of_it():
    review, other = judged_review(1), make_reviewed({0: [0]})
    for end in ("again/", "outcome/", "outcome.csv"):
        assert client_in(other).get(f"/review/{review.pk}/{end}").status_code == 404
        answer = staff_client(signed_in=False).get(f"/review/{review.pk}/{end}")
        assert answer.status_code == 302 and "login" in answer["Location"]


@pytest.mark.parametrize("end", ["again/", "outcome/", "outcome.csv"])
def test_a_review_that_there_is_not_is_no_page(end):
    assert staff_client().get(f"/review/987654321/{end}").status_code == 404


# The form


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"title": ""}, "This field is required."),
        ({"title": "   "}, "This field is required."),
        ({"title": "x" * 201}, "at most 200 characters (it has 201)"),
        ({"n_reviewers": ""}, "This field is required."),
        ({"n_reviewers": "0"}, "greater than or equal to 1."),
        ({"n_reviewers": "101"}, "less than or equal to 100."),
        ({"n_reviewers": "1.5"}, "Enter a whole number."),
        ({"n_reviewers": "two"}, "Enter a whole number."),
        ({"with_people": ""}, "Nobody has said anything of the images of “first” since."),
    ],
)
def test_a_form_with_a_fault_says_which_and_keeps_what_was_written(fields, message):
    earlier = make_reviewed({0: [0]})
    annotate(earlier.batch.dataset.images.get(), 3)
    sent = {"title": "„Second“ <b>", "n_reviewers": "2", "with_people": "on"} | fields
    answer = client_in(earlier).post(f"/review/{earlier.pk}/again/", sent)
    assert message in words(answer)
    assert "title" in fields or 'value="„Second“ &lt;b&gt;"' in answer.content.decode()
    assert Review.objects.get() == earlier


def test_the_form_proposes_what_there_is():
    earlier = make_reviewed({0: [0]})
    address = f"/review/{earlier.pk}/again/"

    def ticked() -> set[str]:
        page = client_in(earlier).get(address).content.decode()
        return {tag for tag in re.findall(r"<input[^>]*checkbox[^>]*>", page) if " checked" in tag}

    assert not ticked()
    annotate(earlier.batch.dataset.images.get(), 3)
    (tag,) = ticked()
    assert 'name="with_people"' in tag


def test_a_second_press_does_not_open_a_second_review_and_says_why():
    earlier = make_reviewed({0: [0]})
    annotate(earlier.batch.dataset.images.get(), 3)
    client, address = client_in(earlier), f"/review/{earlier.pk}/again/"
    fields = {"title": "Second", "n_reviewers": "1", "with_people": "on"}
    assert client.post(address, fields).status_code == 302
    assert "The blind review “Second” of this study is open. Close it first." in words(client.post(address, fields))
    assert Review.objects.filter(stage="blind").count() == 1
