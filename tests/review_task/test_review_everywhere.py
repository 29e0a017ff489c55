"""A review among the site's other batches: no study link, no marketplace, and everything for all kinds works on."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from access.models import Role
from aggregation.actions import aggregate
from api.actions import create_token
from catalog.models import Dataset
from dashboard.payments.reads import not_published
from mturk.terms.reads import CannotPublish, check_can_publish
from review_task.actions import give_verdict, take_part
from review_task.errors import NoSeat
from review_task.models import Review, Verdict
from review_task.progress.reads import states_of
from studies.demo.actions import open_batches
from studies.exclusions.actions import exclude_person
from tests.api_reader import Reader
from tests.factories import make_grid, member_client, staff_client, worker_client
from tests.review_task.reviews import judge_all, make_review, make_reviewer
from workforce.actions import exclude_submission, readmit_submission
from workforce.models import Slot
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def review() -> Review:
    """A review with two reviewers of a class, one of whom is through."""
    review = make_review(2)
    judge_all(review.pages.get(), make_reviewer(review))
    return review


def test_nobody_joins_a_review_by_a_link(review):
    client = worker_client()
    for address in (f"/join/{review.batch.public_id}?worker=ann", f"/about/{review.batch.public_id}/"):
        assert client.get(address).status_code == 404
    assert client.post(f"/join/{review.batch.public_id}?worker=ann").status_code == 404


def test_pages_of_the_study_offer_no_study_link_for_a_review(review):
    client, name = staff_client(), review.batch.dataset.name
    pages = ("dataset", "setup-grids", "setup-marketplace", "setup-files", "study-workers", "study-recruitment")
    more = ("setup-networks", "study-rules", "agreement", "setup-images")
    for address in (reverse("datasets"), *(reverse(page, args=[name]) for page in (*pages, *more))):
        response = client.get(address)
        assert response.status_code == 200, address
        assert review.batch.public_id not in response.content.decode(), address


def test_researchers_see_the_verdicts_of_an_answer(review):
    submission = Verdict.objects.all()[0].submission
    page = staff_client().get(reverse("study-submission", args=[submission.pk])).content.decode()
    assert page.count('<span class="tag">correct</span>') == 4


def test_a_review_is_listed_as_open_to_members(review):
    page = staff_client().get(reverse("datasets")).content.decode()
    assert "open to members" in page and "completion code" not in page


def test_a_review_is_not_for_the_marketplace(review):
    assert not_published(review.batch.dataset) == []
    with pytest.raises(CannotPublish):
        check_can_publish(review.batch)
    assert staff_client().get(reverse("setup-publish", args=[review.batch.pk])).status_code == 404


def test_the_demo_names_no_address_of_a_review(review):
    assert open_batches(review.batch.dataset) == []


def test_the_aggregation_passes_a_review_by(review):
    dataset = review.batch.dataset
    grid = make_grid(images=list(dataset.images.all()), batch=None)
    assert aggregate(dataset=dataset) == 1
    assert aggregate(dataset=dataset) == 0
    assert grid.hit.submissions.count() == 0
    assert Verdict.objects.filter(counted=True).count() == 4


def test_an_excluded_reviewer_is_replaced_by_another_and_readmitted(review):
    page, dataset = review.pages.get(), review.batch.dataset
    cem, dora = make_reviewer(review), make_reviewer(review)
    judge_all(page, cem, "wrong")
    with pytest.raises(NoSeat):
        take_part(page=page, user=dora)
    submission = take_part(page=page, user=cem)
    exclude_submission(submission=submission, reason="a test")
    aggregate(dataset=dataset)
    assert states_of(review).counts.tolist() == [[1, 0, 0, 0]] * 4
    assert Slot.objects.get(batch=review.batch, state="free").hit_id == page.hit_id
    readmit_submission(submission=submission)
    aggregate(dataset=dataset)
    assert states_of(review).counts.tolist() == [[1, 1, 0, 0]] * 4
    assert not Slot.objects.filter(batch=review.batch, state="free").exists()
    exclude_submission(submission=submission, reason="a test")
    aggregate(dataset=dataset)
    judge_all(page, dora, "unclear")
    assert states_of(review).counts.tolist() == [[1, 0, 1, 0]] * 4


def test_a_person_is_excluded_by_their_pseudonym(review):
    worker_id = Verdict.objects.all()[0].worker_id
    dataset = review.batch.dataset
    exclude_person(dataset=dataset, worker=pseudonym(dataset, worker_id), reason="a test")
    aggregate(dataset=dataset)
    assert not Verdict.objects.filter(counted=True).exists()


def exported(dataset: Dataset, format: str) -> str:
    out = StringIO()
    call_command("export", "verdicts", dataset=dataset.name, format=format, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_verdicts_are_exported_with_pseudonyms(review):
    page, user = review.pages.get(), make_reviewer(review)
    give_verdict(page=page, user=user, item=page.items.all()[0], verdict="wrong")
    rows = [json.loads(line) for line in exported(review.batch.dataset, "jsonl").splitlines()]
    assert len(rows) == 5
    assert {row["verdict"] for row in rows} == {"correct", "wrong"}
    (wrong,) = [row for row in rows if row["verdict"] == "wrong"]
    assert (wrong["category"], wrong["severity"], wrong["counted"], wrong["role"]) == ("", "", True, "question")
    assert user.username not in exported(review.batch.dataset, "csv")


def test_rest_yields_the_verdicts_of_a_review(review):
    _, key = create_token(name="reader")
    reader, query = Reader(key, staff_client(signed_in=False)), {"dataset": review.batch.dataset.name}
    assert len(reader.results("verdicts", **query)) == 4
    assert [len(page) for page in reader.pages("verdicts", limit=3, **query)] == [3, 1]
    assert {row["label"] for row in reader.results("verdicts", label=1, names=1, **query)} == {1}
    assert reader.results("verdicts", review=review.pk + 1, **query) == []
    assert reader.get("verdicts", verdicts=2, **query).status_code == 400


@pytest.mark.parametrize(("role", "status"), [(Role.RESEARCHER, 200), (Role.REVIEWER, 403), (Role.READER, 403)])
def test_reviewers_and_readers_get_no_file_of_verdicts(review, role, status):
    client = member_client(review.batch.dataset, role)
    address = reverse("file-of-rows", args=["verdicts", "csv", review.batch.dataset.name])
    assert client.get(address).status_code == status


def test_a_page_of_a_reviewers_answer_opens(review):
    client, submission = staff_client(), Verdict.objects.all()[0].submission
    for address in (
        reverse("study-submission", args=[submission.pk]),
        reverse(
            "study-worker", args=[pseudonym(review.batch.dataset, submission.worker_id), review.batch.dataset.name]
        ),
        reverse("setup-links", args=[review.batch.pk]),
        reverse("image", args=[review.batch.dataset.images.first().public_id]),
    ):
        response = client.get(address)
        assert response.status_code == (404 if "links" in address else 200), address
        assert review.batch.public_id not in response.content.decode(), address
