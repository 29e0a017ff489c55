"""Comparison of a platform's submissions with the work on a batch: each case, and nobody in two of them."""

import pytest

from studies.recruitment.exports.reads import PlatformSubmission, Status, read_submissions
from studies.recruitment.reads import Case, case_of, compare
from tests.factories import make_batch, make_dataset, make_grid, make_lease, make_worker
from workforce.models import Batch
from workforce.platforms.reads import participants_with_work, workers_of_participants, workers_of_platform_id

BATCH = Batch(kind="contains", completion_code="C0DE", decline_code="N0", hits_per_worker=2)


def submission(status: Status, code: str | None = "C0DE") -> PlatformSubmission:
    return PlatformSubmission(2, "p", "s", status, status.value, code)


@pytest.mark.parametrize(
    ("status", "code", "n_done", "case"),
    [
        (Status.AWAITING, "", 2, Case.NO_CODE),
        (Status.AWAITING, "other", 2, Case.NO_CODE),
        (Status.AWAITING, "c0de", 2, Case.UNPAID),
        (Status.AWAITING, None, 2, Case.UNPAID),
        (Status.AWAITING, "C0DE", 1, Case.NOT_DONE),
        (Status.AWAITING, "n0", 0, None),
        (Status.APPROVED, "", 2, None),
        (Status.APPROVED, "C0DE", 0, Case.NOT_DONE),
        (Status.RETURNED, "", 1, Case.RETURNED),
        (Status.RETURNED, "", 0, None),
        (Status.TIMED_OUT, "", 2, Case.RETURNED),
        (Status.REJECTED, "", 2, Case.REJECTED),
        (Status.REJECTED, "", 1, None),
        (Status.ACTIVE, None, 2, None),
        (Status.OTHER, None, 2, None),
    ],
)
def test_each_participant_is_at_most_one_case(status, code, n_done, case):
    assert case_of(BATCH, submission(status, code), n_done) == case


@pytest.mark.parametrize(("n_done", "case"), [(2, Case.ABSENT), (1, None)])
def test_people_with_all_of_the_work_are_missed_in_the_file(n_done, case):
    assert case_of(BATCH, None, n_done) == case


def test_without_a_code_of_the_batch_nobody_lacks_one():
    without = Batch(kind="contains", completion_code="", hits_per_worker=1)
    assert case_of(without, submission(Status.AWAITING, ""), 1) == Case.UNPAID


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("AWAITING REVIEW", Status.AWAITING),
        ("Awaiting_review", Status.AWAITING),
        ("APPROVED", Status.APPROVED),
        ("PARTIALLY APPROVED", Status.APPROVED),
        ("TIMED-OUT", Status.TIMED_OUT),
        ("timed out", Status.TIMED_OUT),
        ("Returned", Status.RETURNED),
        ("SCREENED OUT", Status.OTHER),
        ("", Status.OTHER),
    ],
)
def test_states_are_read_whatever_signs_are_between_their_words(text, status):
    (row,) = read_submissions("file.csv", f"Participant id,Status\np1,{text}\n".encode())
    assert (row.status, row.status_text, row.code, row.session) == (status, text, None, "")


@pytest.mark.django_db
def test_ids_of_participants_lead_to_people_with_work_of_the_dataset_alone():
    dataset, elsewhere = make_dataset(contains_answers=2), make_dataset()
    grid = make_grid(batch=make_batch(dataset))
    worker, stranger = make_worker("p1"), make_worker("p2")
    make_lease(grid.hit.batch, worker)
    assert workers_of_participants(dataset, ["p1", "p2", "p3"]) == {"p1": worker.pk}
    assert workers_of_platform_id(dataset, "p1") == [worker]
    assert workers_of_platform_id(elsewhere, "p1") == [] and workers_of_platform_id(dataset, "") == []
    assert workers_of_platform_id(dataset, "p2") == [] and stranger
    assert participants_with_work(grid.hit.batch) == {}, "they hold it, and have submitted nothing"
    comparison = compare(grid.hit.batch, [submission(Status.ACTIVE)])
    assert (comparison.n_odd, comparison.n_lines, comparison.n_with_work) == (0, 1, 0)
