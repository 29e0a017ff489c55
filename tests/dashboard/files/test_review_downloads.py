"""Reviews on the page Files, and the way to them from the first page."""

import json

import pytest

from access.models import Role
from review_task.actions import close_review
from review_task.files.reads import log_of
from review_task.files.rows import line_of
from tests.factories import client_of, make_member, member_client, staff_client
from tests.review_task.reviews import judge_all, make_review, make_reviewer

pytestmark = pytest.mark.django_db(transaction=True)


def body(response) -> str:
    return b"".join(response.streaming_content).decode()


def test_a_review_is_downloaded_as_label_sets_and_as_a_whole():
    review = make_review()
    judge_all(review.pages.get(), make_reviewer(review), "wrong")
    owner = member_client(review.batch.dataset, Role.OWNER)
    page = owner.get(f"/setup/files/{review.batch.dataset}/").content.decode()
    assert f"/setup/review/{review.pk}/file.json" in page and f"/setup/review/{review.pk}/file.jsonl" in page
    response = owner.get(f"/setup/review/{review.pk}/file.json")
    assert f"{review.batch.dataset}-review-{review.pk}.json" in response.headers["Content-Disposition"]
    sets = json.loads(body(response))
    assert [sorted(states) for states in sets["image_labels"].values()] == [["wrong"], ["wrong"]]
    lines = body(owner.get(f"/setup/review/{review.pk}/file.jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == [line_of(row) for row in log_of(review).rows()]
    assert owner.get(f"/setup/review/{review.pk}/file.pickle").status_code == 404


def test_a_reader_gets_label_sets_and_not_what_each_reviewer_said():
    review = make_review()
    reader = member_client(review.batch.dataset, Role.READER)
    page = reader.get(f"/setup/files/{review.batch.dataset}/").content.decode()
    assert 'file.json"' in page and "file.jsonl" not in page
    assert reader.get(f"/setup/review/{review.pk}/file.json").status_code == 200
    assert reader.get(f"/setup/review/{review.pk}/file.jsonl").status_code == 403
    reviewer = client_of(make_reviewer(review))
    assert reviewer.get(f"/setup/review/{review.pk}/file.json").status_code == 403


def test_an_open_review_is_one_press_from_the_first_page():
    review = make_review()
    dataset, page = review.batch.dataset, review.pages.get()
    people = staff_client(), client_of(make_reviewer(review)), client_of(make_member(dataset, Role.OWNER))
    for person in people:
        first = person.get("/").content.decode()
        assert f'href="/review/{review.pk}/next/"' in first and "Review: all" in first
        assert person.get(f"/review/{review.pk}/next/").headers["Location"] == f"/review/class/{page.pk}/"
    front = people[1].get(f"/datasets/{dataset}/").content.decode()
    assert f'href="/review/{review.pk}/next/"' in front and "no task for you" not in front
    assert "Review: all" not in member_client(dataset, Role.READER).get("/").content.decode()
    close_review(review=review)
    assert "Review: all" not in people[1].get("/").content.decode()
