"""A kind of task that was made up for this test works with one line in the settings, and no room was told of it."""

import importlib
import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import clear_url_caches

from access.permissions.reads import OF_A_STUDY
from aggregation.actions import aggregate
from api.actions import create_token
from catalog.models import Dataset, Image
from dashboard.files.downloads import files_of
from mturk.repeats.reads import repeats_of
from tests.api_reader import Reader
from tests.factories import make_batch, make_dataset, make_images, staff_client, start, worker_client
from tests.made_up_task.actions import open_countings
from tests.made_up_task.models import Counting, CountVote
from tests.required import require
from tests.workforce.assignments_by_hand import make_assignment, offer
from workforce.actions import exclude_submission, readmit_submission
from workforce.frame.actions import confirm
from workforce.models import Batch, Submission
from workforce.tasks import take_in_recovered

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (Counting, CountVote)
ADDRESS_TABLES = ("api.urls", "annotation_site.staff_urls", "annotation_site.worker_urls")


def make_address_tables() -> None:
    """Reload the URL tables, as a start of the site does."""
    for name in (*ADDRESS_TABLES, "annotation_site.urls"):
        importlib.reload(importlib.import_module(name))
    clear_url_caches()


@pytest.fixture(autouse=True)
def count_is_a_kind(transactional_db, settings) -> Iterator[None]:
    listed = settings.TASK_KINDS
    settings.TASK_KINDS = [*listed, "tests.made_up_task.kind.COUNT"]
    make_address_tables()
    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in reversed(TABLES):
            editor.delete_model(model)
    settings.TASK_KINDS = listed
    make_address_tables()


@pytest.fixture
def batch() -> Batch:
    """Two images, of which three people each are to count the objects."""
    dataset = make_dataset()
    batch = make_batch(dataset, kind="count")
    open_countings(batch=batch, images=make_images(dataset, 2), n_slots=3)
    return batch


def answered(batch: Batch, name: str, n_objects: int) -> Submission:
    """Have a person open the batch's address, look at the page and its photograph, and send the answer."""
    client = worker_client()
    page = start(batch, name, client, follow=True)
    (address, _) = page.redirect_chain[-1]
    assert address.startswith("/count/")
    carried = page.json()
    photograph = client.get(carried["photograph"])
    assert b"".join(photograph).startswith(b"\xff\xd8")
    photograph.close()
    sent = client.post(address, {"token": carried["token"], "key": carried["key"], "n_objects": n_objects})
    assert sent.status_code == 303
    return Submission.objects.get(idempotency_key=carried["key"])


def answer_all(batch: Batch) -> list[Submission]:
    return [answered(batch, name, n) for n, name in enumerate(("ann", "ann", "bob", "bob", "cleo", "cleo"), start=1)]


def exported(dataset: Dataset, format: str) -> str:
    out = StringIO()
    call_command("export", "count_votes", dataset=dataset.name, format=format, stdout=out)
    return out.getvalue()


def without_own_names(rows: str) -> list[tuple]:
    """The exported votes without what another dataset gives other names: pseudonyms and submissions."""
    kept = ("image", "n_objects", "role", "state", "submitted_at", "settings_version")
    return sorted(tuple(row[name] for name in kept) for row in map(json.loads, rows.splitlines()))


def counted() -> set[int]:
    return set(CountVote.objects.filter(counted=True).values_list("submission_id", flat=True))


def test_its_work_is_handed_out_voted_on_and_aggregated(batch):
    submissions = answer_all(batch)
    assert {vote.n_objects for vote in CountVote.objects.all()} == {1, 2, 3, 4, 5, 6}
    assert counted() == {submission.pk for submission in submissions}
    assert aggregate(dataset=batch.dataset) == 6
    assert aggregate(dataset=batch.dataset) == 0


def test_an_exclusion_settles_its_votes_and_lifting_it_settles_them_back(batch):
    submission, other = answered(batch, "ann", 1), answered(batch, "bob", 2)
    exclude_submission(submission=submission, reason="a guess")
    aggregate(dataset=batch.dataset)
    assert counted() == {other.pk}
    readmit_submission(submission=submission)
    aggregate(dataset=batch.dataset)
    assert counted() == {submission.pk, other.pk}


def test_of_two_answers_of_a_person_to_a_question_one_counts_at_a_time(batch):
    image: Image = Counting.objects.earliest("id").image
    again = make_batch(batch.dataset, kind="count")
    open_countings(batch=again, images=[image], n_slots=1)
    first, repeat = answered(batch, "ann", 1), answered(again, "ann", 2)
    assert CountVote.objects.get(submission=repeat).role == "repeat"
    CountVote.objects.filter(submission=repeat).update(role="question")
    exclude_submission(submission=first, reason="a guess")
    aggregate(dataset=batch.dataset)
    assert counted() == {repeat.pk}
    readmit_submission(submission=first)
    aggregate(dataset=batch.dataset)
    assert counted() == {first.pk}


def test_its_votes_are_exported_and_listed_on_the_page_of_files(batch):
    submission, *_ = answer_all(batch)
    (header, *lines) = exported(batch.dataset, "csv").splitlines()
    assert header == "image,n_objects,worker,role,state,submitted_at,settings_version,submission"
    assert len(lines) == 6
    rows = {row["submission"]: row for row in map(json.loads, exported(batch.dataset, "jsonl").splitlines())}
    assert (rows[submission.pk]["n_objects"], rows[submission.pk]["state"]) == (1, "confirmed")
    (file,) = [file for file in files_of(batch.dataset, OF_A_STUDY) if file.kind == "count_votes"]
    assert (file.says, file.is_empty, file.on_rest) == ("How many objects each person saw.", False, True)


def test_its_votes_are_served_over_rest_and_described_in_the_schema(batch):
    answer_all(batch)
    _, key = create_token(name="reader")
    reader = Reader(key, staff_client(signed_in=False))
    query = {"dataset": batch.dataset.name}
    rows = reader.results("count_votes", **query)
    assert [row["n_objects"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [len(page) for page in reader.pages("count_votes", limit=4, **query)] == [4, 2]
    assert [row["n_objects"] for row in reader.results("count_votes", n_objects=2, **query)] == [2]
    assert reader.get("count_votes", n_things=2, **query).status_code == 400
    assert reader.get("/api/v1/").json()["count_votes"].endswith("/api/v1/count_votes/")
    described = reader.get("/api/v1/schema/").json()["paths"]["/api/v1/count_votes/"]["get"]
    assert described["description"] == "All COUNT votes."


def test_a_replayed_export_is_exported_again_as_it_was(batch, tmp_path):
    answer_all(batch)
    exclude_submission(submission=Submission.objects.latest("id"), reason="a guess")
    aggregate(dataset=batch.dataset)
    file = tmp_path / "count_votes.csv"
    file.write_text(exported(batch.dataset, "csv"), newline="")
    again = make_dataset()
    for said in ("6 answers (6 new)", "6 answers (0 new)"):
        out = StringIO()
        call_command("replay", "count", str(file), dataset=again.name, stdout=out)
        assert said in out.getvalue()
    assert aggregate(dataset=again) == 6
    before, after = exported(batch.dataset, "jsonl"), exported(again, "jsonl")
    assert without_own_names(after) == without_own_names(before)
    assert CountVote.objects.filter(image__dataset=again, counted=True).count() == 5


@pytest.mark.parametrize(("selected", "state", "n_votes"), [("7", "confirmed", 1), ("7 8", "orphaned", 0)])
def test_what_came_through_a_marketplace_alone_is_taken_in(selected, state, n_votes):
    dataset = make_dataset()
    batch = make_batch(dataset, kind="count", marketplace="mturk")
    (hit,) = open_countings(batch=batch, images=make_images(dataset, 1), n_slots=1)
    assignment = make_assignment(hit, offer(hit))
    outcome, submission = confirm(
        hit=hit,
        external_hit_id=assignment.external_hit_id,
        assignment_id=assignment.external_id,
        worker_id=assignment.worker.identity.external_id,
        fields={"lease": assignment.lease.public_id, "selected": selected},
    )
    assert outcome == "recovered"
    take_in_recovered()
    recovered = require(submission)
    recovered.refresh_from_db()
    assert recovered.state == state
    assert CountVote.objects.filter(n_objects=7, counted=True).count() == n_votes


def test_hits_that_ask_again_on_the_marketplace_are_seen():
    dataset = make_dataset()
    images = make_images(dataset, 2)
    first, second = (make_batch(dataset, kind="count", marketplace="mturk") for _ in range(2))
    (former,) = open_countings(batch=first, images=images[:1], n_slots=1)
    again, _ = open_countings(batch=second, images=images, n_slots=1)
    assert list(repeats_of(second)) == [(again.pk, former.pk)]
