"""The pages that open a blind review and show its outcome."""

import csv
import io
import re
from typing import Any

import pytest

from access.models import Role
from catalog.models import Classifier, Prediction
from review_task.actions import close_review
from review_task.models import Review
from tests.dashboard.outcomes.annotations import annotate
from tests.factories import client_of, make_member
from tests.review_task.blind.studies import give_all, make_blind, make_reviewed, make_reviewers, names_of, rows_of

pytestmark = pytest.mark.django_db


def client_in(review, role=Role.RESEARCHER):
    return client_of(make_member(review.batch.dataset, role))


def outcome_of_five():
    """Five images: nothing new, one added, one modified, one both, one in dispute."""
    review = make_blind({n: [0, 1] for n in range(5)}, {1: [2], 3: [2], 4: [3]}, n_reviewers=2)
    names = names_of(review)
    second = {(1, 2): "cc", (2, 1): "ww", (3, 2): "cc", (3, 0): "ww", (4, 3): "cw"}
    words = {"c": "correct", "w": "wrong"}

    def say(number, item):
        return words[second.get((names.index(item.image.name), item.label.index), "cc")[number]]

    give_all(review, make_reviewers(review.batch.dataset, 2), say)
    return close_review(review=review)


def numbers(page):
    found = re.findall(r'data-outcome="(\w+)"><dt>[^<]+</dt><dd><a href="[^"]+">(\d+)</a>', page.content.decode())
    return {key: int(n) for key, n in found}


def test_a_researcher_opens_a_blind_review_from_what_people_annotated():
    earlier = make_reviewed({0: [0], 1: [0, 1]})
    annotate(earlier.batch.dataset.images.order_by("-pk")[0], 3, 1)
    client, address = client_in(earlier), f"/review/{earlier.pk}/again/"
    page = client.get(address)
    assert "Annotated images: 1. Predictions that came later: 0." in page.content.decode()
    fields = {"title": "Second", "n_reviewers": "2", "with_people": "on", "only_labelled": "on"}
    answer = client.post(address, fields)
    review = Review.objects.get(stage="blind")
    assert answer["Location"] == f"/review/{review.pk}/" and review.n_reviewers == 2
    assert sorted(row[1:3] for row in rows_of(review)) == [(0, "models"), (1, "models"), (3, "people")]
    assert "Second" in client.get(answer["Location"]).content.decode()


def test_predictions_that_came_later_are_a_second_ensemble():
    earlier = make_reviewed({0: [0]})
    image = earlier.batch.dataset.images.get()
    network = Classifier.objects.create(name="n", network="n", label_set=earlier.batch.dataset.label_set)
    Prediction.objects.create(classifier=network, image=image, labels=[4])
    fields = {"title": "Second", "n_reviewers": "1", "with_predictions": "on"}
    client_in(earlier).post(f"/review/{earlier.pk}/again/", fields)
    assert {row[1:] for row in rows_of(Review.objects.get(stage="blind"))} == {(0, "models", 1), (4, "models", 1)}


def test_a_form_that_opens_nothing_says_why():
    earlier = make_reviewed({0: [0]})
    page = client_in(earlier).post(f"/review/{earlier.pk}/again/", {"title": "Second", "n_reviewers": "1"})
    assert "Nobody has said anything" in page.content.decode()
    page = client_in(earlier).post(f"/review/{earlier.pk}/again/", {"title": "", "n_reviewers": "0"})
    assert page.status_code == 200 and not Review.objects.filter(stage="blind").exists()


def test_the_outcome_is_shown_once_the_review_is_closed_and_not_before():
    review = make_blind({0: [0, 1]}, {0: [2]})
    for role in (Role.REVIEWER, Role.RESEARCHER, Role.OWNER):
        client = client_in(review, role)
        page = client.get(f"/review/{review.pk}/outcome/")
        assert "once it is closed" in page.content.decode() and "thing" not in page.content.decode()
        assert client.get(f"/review/{review.pk}/outcome.csv").status_code == 404
    assert client.get(f"/review/{review.earlier_id}/outcome/").status_code == 404
    close_review(review=review)
    assert numbers(client.get(f"/review/{review.pk}/outcome/")) == {
        "unchanged": 0,
        "added": 0,
        "modified": 0,
        "waiting": 1,
    }


def test_the_outcome_counts_images_and_names_what_changed():
    review = outcome_of_five()
    client = client_in(review, Role.REVIEWER)
    address = f"/review/{review.pk}/outcome/"
    page = client.get(address)
    # The image with an added and a modified label counts in both.
    assert numbers(page) == {"unchanged": 1, "added": 2, "modified": 2, "waiting": 1}
    names = names_of(review)
    shown = {
        show: client.get(f"{address}?show={show}").content.decode() for show in ("", "added", "modified", "waiting")
    }
    assert {show: [n for n in range(5) if names[n] in html] for show, html in shown.items()} == {
        "": [1, 2, 3],
        "added": [1, 3],
        "modified": [2, 3],
        "waiting": [4],
    }
    assert "<td>not reviewed</td><td><strong>correct</strong></td>" in shown["added"]
    assert client.get(f"{address}?show=other").status_code == 404


def test_the_file_has_a_row_for_each_label():
    review = outcome_of_five()
    answer: Any = client_in(review).get(f"/review/{review.pk}/outcome.csv")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    names = names_of(review)
    by_label = {(names.index(row["image"]), int(row["label"])): row for row in rows}
    assert len(rows) == 13
    assert by_label[3, 2] == {
        "image": names[3],
        "dataset_label": "0",
        "label": "2",
        "before": "",
        "after": "correct",
        "unchanged": "0",
        "added": "1",
        "modified": "1",
        "waiting": "0",
    }
    assert by_label[2, 1]["before"] == "correct" and by_label[2, 1]["after"] == "wrong"
    assert by_label[4, 3]["after"] == "disputed" and by_label[4, 3]["waiting"] == "1"


def test_the_pages_of_a_review_lead_to_a_second_one_and_to_its_outcome():
    earlier = make_reviewed({0: [0]})
    client = client_in(earlier)
    assert f"/review/{earlier.pk}/again/" in client.get(f"/review/{earlier.pk}/").content.decode()
    review = make_blind({0: [0]}, {0: [1]})
    client = client_in(review)
    page = client.get(f"/review/{review.pk}/").content.decode()
    assert f"/review/{review.pk}/outcome/" in page and "Add new predictions" not in page
