"""Measures of workers and controls: from the votes, again and again the same, whatever is killed on the way."""

import math
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.forms.models import model_to_dict

from aggregation.actions import forget
from aggregation.models import ControlChoice, ControlMeasure, MeasuredStudy, VoteChange, WorkerMeasure
from aggregation.quality import actions as quality
from aggregation.quality.actions import is_due, recompute, recompute_changed, switch_off, use_control
from aggregation.quality.controls.reads import control_rows, proposals, switched_off
from aggregation.quality.loading import study_votes
from aggregation.quality.reads import WorkerRow, worker_rows
from aggregation.tasks import measure_workers
from audit.models import AuditEntry
from catalog.actions import change_settings
from catalog.errors import UserError
from catalog.reads import now
from tests.aggregation.judged_study import JudgedStudy, answered_study_of_a_module, honest, selects_all, selects_nothing
from tests.factories import make_dataset, make_lease, tick_images, unique
from tests.required import require
from workforce.actions import exclude_submission, readmit_submission
from workforce.models import Exclusion, Submission, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Have every study be a small one, however busy the machine is."""
    monkeypatch.setattr(quality, "ALWAYS_SECONDS", math.inf)


@pytest.fixture(scope="module")
def shared_study(django_db_setup, django_db_blocker) -> Iterator[JudgedStudy]:
    with answered_study_of_a_module(django_db_blocker, 6) as made_study:
        yield made_study


@pytest.fixture
def study(shared_study) -> JudgedStudy:
    """Six honest people, who answered two grids each, and one who selects everything."""
    return deepcopy(shared_study)


def stored(study: JudgedStudy) -> list[dict]:
    """All measures, without their ids."""
    rows = [*WorkerMeasure.objects.filter(dataset=study.dataset), *ControlMeasure.objects.filter(dataset=study.dataset)]
    return sorted((model_to_dict(row, exclude=["id"]) for row in rows), key=repr)


def agreement_of(row: WorkerRow) -> float:
    return require(row.measures["agreement"].value)


def row_of(study: JudgedStudy, worker: Worker, **scope: Any) -> WorkerRow:
    (row,) = [row for row in worker_rows(study.dataset, **scope) if row.worker_id == worker.pk]
    return row


def test_who_selects_everything_passes_the_positive_controls_and_fails_the_negative_ones(study):
    guesser = row_of(study, study.guesser)
    assert guesser.n_answers == 2
    assert guesser.measures["recall"][:1] == guesser.measures["false_alarms"][:1] == (1.0,)
    assert guesser.measures["recall"].n == guesser.measures["false_alarms"].n == 6
    assert guesser.measures["share_selected"].value == 1.0
    others = [row for row in worker_rows(study.dataset) if row != guesser]
    assert len(others) == 6
    assert all(agreement_of(row) > agreement_of(guesser) for row in others)
    assert {flag.measure for flag in guesser.flags} == {"false_alarms"}
    assert not any(row.flags for row in others)


def test_measures_of_a_batch_are_those_of_its_votes(study):
    over_all = row_of(study, study.guesser)
    of_batch = row_of(study, study.guesser, batch=study.batch)
    assert of_batch.measures == over_all.measures
    other = JudgedStudy(n_grids=1)
    assert worker_rows(study.dataset, batch=other.batch) == []


def test_two_batches_are_measured_each_and_together():
    study = JudgedStudy(n_grids=1, n_slots=4)
    workers = [study.answer(n_grids=1) for _ in range(3)]
    first, second = study.batch, study.open_batch()
    study.answer(selects_all, n_grids=1, worker=workers[0])
    study.aggregate()
    recompute(study.dataset)
    share = {batch: row_of(study, workers[0], batch=batch).measures["false_alarms"].value for batch in (first, second)}
    assert share[second] == 1.0 > require(share[first])
    together = row_of(study, workers[0])
    assert together.n_answers == 2 and together.measures["false_alarms"].n == 6


def test_computing_again_changes_no_row(study):
    before, ids = stored(study), set(WorkerMeasure.objects.values_list("pk", flat=True))
    recompute(study.dataset)
    assert stored(study) == before
    # Rows of workers without news are not even written.
    assert set(WorkerMeasure.objects.values_list("pk", flat=True)) == ids


def test_measures_can_be_computed_from_nothing(study):
    before = stored(study)
    forget(dataset=study.dataset)
    assert stored(study) == []
    study.aggregate()
    recompute_changed()
    assert stored(study) == before


def test_after_one_answer_more_the_rows_are_those_of_a_computation_from_nothing(study):
    study.answer(n_grids=1)
    study.aggregate()
    recompute_changed()
    after = stored(study)
    forget(dataset=study.dataset)
    study.aggregate()
    recompute_changed()
    assert after == stored(study)


def test_nothing_is_computed_without_a_change(study, django_assert_num_queries):
    assert not VoteChange.objects.exists()
    with django_assert_num_queries(1):
        measure_workers()


@pytest.mark.parametrize("words", ["aggregation_controlmeasure", "aggregation_ruledecision", "DELETE FROM"])
def test_what_is_killed_on_the_way_is_done_again(study, words):
    expected = stored(study)
    late = study.answer(n_grids=1)
    study.aggregate()

    def killed(execute, sql, *others):
        if words in sql and not (words == "DELETE FROM" and "votechange" not in sql):
            raise KeyboardInterrupt
        return execute(sql, *others)

    with connection.execute_wrapper(killed), pytest.raises(KeyboardInterrupt):
        recompute_changed()
    assert VoteChange.objects.exists()
    assert recompute_changed() == 1
    assert not VoteChange.objects.exists()
    assert stored(study) != expected and row_of(study, late).n_answers == 1


def test_an_error_in_one_dataset_leaves_the_others_alone(study, monkeypatch, caplog):
    broken, sound = JudgedStudy(n_grids=1), JudgedStudy(n_grids=1)
    for one in (broken, sound):
        one.answer()
        one.aggregate()
    measured_study: Any = quality.measured_study
    monkeypatch.setattr(
        quality,
        "measured_study",
        lambda dataset, votes: measured_study(dataset, votes if dataset != broken.dataset else 0),
    )
    assert recompute_changed() == 1
    assert "could not be computed" in caplog.text
    assert worker_rows(sound.dataset) and not worker_rows(broken.dataset)


def test_excluded_work_is_measured_but_nobody_is_compared_with_it(study):
    careless = study.answer(lambda shows, place: shows != (place % 4 == 0), n_grids=2)
    study.aggregate()
    recompute_changed()
    before, honest_one = row_of(study, careless), worker_rows(study.dataset)[0]
    for submission in Submission.objects.filter(worker=careless):
        exclude_submission(submission=submission, reason="careless")
    study.aggregate()
    recompute_changed()
    excluded, after = row_of(study, careless), worker_rows(study.dataset)[0]
    assert excluded.excluded and excluded.measures["recall"] == before.measures["recall"]
    assert agreement_of(after) > agreement_of(honest_one)
    for submission in Submission.objects.filter(worker=careless):
        readmit_submission(submission=submission)
    study.aggregate()
    recompute_changed()
    assert not row_of(study, careless).excluded and worker_rows(study.dataset)[0] == honest_one


def test_an_exclusion_of_some_work_excludes_nobody(study):
    exclude_submission(submission=Submission.objects.filter(worker=study.guesser)[0], reason="one of two")
    assert not row_of(study, study.guesser).excluded
    assert Exclusion.objects.count() == 1


@pytest.mark.parametrize(("maybe_counts", "n", "value"), [("yes", 3, 1.0), ("no", 3, 0.0), ("nothing", 0, None)])
def test_a_maybe_counts_as_the_settings_say(maybe_counts, n, value):
    study = JudgedStudy(n_grids=1)
    worker = study.answer(selects_nothing)
    study.dataset.refresh_from_db()
    change_settings(dataset=study.dataset, maybe_counts=maybe_counts)
    Submission.objects.get(worker=worker).contains_votes.filter(role="control", image__in=study.controls[:3]).update(
        maybe=True
    )
    study.aggregate()
    recompute(study.dataset)
    recall = row_of(study, worker).measures.get("recall")
    assert (recall and (recall.n, recall.value)) == ((n, value) if n else None)


def test_a_repeated_question_counts_for_consistency_alone():
    study = JudgedStudy(n_grids=1, n_slots=4)
    worker = study.answer()
    study.answer()
    study.open_batch()
    study.answer(worker=worker)
    study.aggregate()
    recompute(study.dataset)
    measures = row_of(study, worker).measures
    assert measures["consistency"].n == 14
    assert measures["share_selected"].n <= 14


def test_a_dataset_without_votes_has_no_measures():
    dataset = make_dataset()
    assert recompute(dataset) and worker_rows(dataset) == []


def test_only_one_computes_the_measures_of_a_dataset_at_a_time(study, monkeypatch):
    monkeypatch.setattr(quality, "TURN", "SELECT %s IS NULL")
    quality.note_change(dataset=study.dataset)
    assert recompute_changed() == 0
    assert VoteChange.objects.exists()


# Large studies


def test_while_all_measures_rest_those_of_who_answered_follow_at_once(study, monkeypatch):
    late = study.answer(selects_nothing, n_grids=4)
    early = {row.worker_id: row.measures for row in worker_rows(study.dataset)}
    study.aggregate()
    with monkeypatch.context() as patched:
        patched.setattr(quality, "is_due", lambda dataset: False)
        assert recompute_changed() == 1
        assert recompute_changed() == 0
    followed = row_of(study, late)
    assert followed.n_answers == 4 and "recall" in {flag.measure for flag in followed.flags}
    others = {row.worker_id: row.measures for row in worker_rows(study.dataset) if row != followed}
    assert others == early
    # Nothing is lost: all of them are still to be computed.
    assert recompute_changed() == 1 and not VoteChange.objects.exists()
    in_full = row_of(study, late)
    for name, measure in in_full.measures.items():
        assert measure[:4] == pytest.approx(followed.measures[name][:4], nan_ok=True)


def test_a_large_study_rests_as_long_as_its_measures_took(study, monkeypatch):
    assert is_due(study.dataset)
    monkeypatch.setattr(quality, "ALWAYS_SECONDS", 2)
    MeasuredStudy.objects.update(seconds=60)
    assert not is_due(study.dataset)
    MeasuredStudy.objects.update(measured_at=now() - timedelta(seconds=61))
    assert is_due(study.dataset)


def test_many_workers_at_once_follow_with_all_others(study, monkeypatch):
    study.answer(n_grids=1)
    study.aggregate()
    monkeypatch.setattr(quality, "is_due", lambda dataset: False)
    monkeypatch.setattr(quality, "MOST_FOLLOWED", 0)
    assert recompute_changed() == 0 and VoteChange.objects.filter(is_followed=False).count() == 1


def test_what_followed_meanwhile_is_not_overwritten_by_older_votes(study, monkeypatch):
    """An answer arrives while all measures are computed from the votes before it."""
    votes_before = study_votes(study.dataset, "no")
    late = study.answer(n_grids=1)
    study.aggregate()
    assert quality.follow(study.dataset)
    followed = row_of(study, late)
    with monkeypatch.context() as patched:
        patched.setattr(quality, "study_votes", lambda *_: votes_before)
        assert quality._measure(dataset=study.dataset, changes=[])
    assert row_of(study, late) == followed


# Controls


def test_a_control_that_good_workers_fail_is_switched_off_and_tests_nobody():
    study = JudgedStudy(wrong_control=True)
    workers = [study.answer() for _ in range(8)]
    study.aggregate()
    recompute_changed()
    (wrong,) = switched_off(study.dataset)
    assert wrong[0] == study.controls[0].pk
    first = control_rows(study.dataset)[0]
    assert first.is_switched_off and first.measure.image_id == wrong[0] and first.measure.difficulty > 0.8
    assert "good workers" in require(first.choice).reason
    assert AuditEntry.objects.get(action="control.switch_off").reason == require(first.choice).reason
    # Of three negative controls, which each of the four grids shows, two are left; and two positive ones of three.
    assert row_of(study, workers[0]).measures["false_alarms"].n == 4 * 3
    assert row_of(study, workers[0]).measures["recall"].n == 4 * 2
    recompute(study.dataset)
    assert ControlChoice.objects.count() == 1


def test_a_control_that_a_person_put_to_use_stays_in_use():
    study = JudgedStudy(wrong_control=True)
    for _ in range(8):
        study.answer()
    study.aggregate()
    recompute_changed()
    label = study.dataset.label_set.labels.get(index=0)
    choice = use_control(
        dataset=study.dataset, image=study.controls[0], label=label, expected=False, reason="It is right."
    )
    recompute_changed()
    assert choice.in_use and switched_off(study.dataset) == set()
    off = switch_off(dataset=study.dataset, image=study.controls[0], label=label, reason="After all.")
    assert off.expected is False and switched_off(study.dataset) == {(study.controls[0].pk, label.pk)}
    assert [entry.action for entry in AuditEntry.objects.filter(action__startswith="control").order_by("pk")] == [
        "control.switch_off",
        "control.use",
        "control.switch_off",
    ]


def test_only_a_control_can_be_switched_off_and_only_for_a_reason(study):
    label = study.dataset.label_set.labels.get(index=0)
    with pytest.raises(UserError, match="no control"):
        switch_off(dataset=study.dataset, image=study.questions[0][0], label=label, reason="It is bad.")
    with pytest.raises(UserError, match="reason"):
        switch_off(dataset=study.dataset, image=study.controls[0], label=label, reason=" ")


def test_photographs_on_which_all_agree_are_proposed_until_a_person_decides():
    study = JudgedStudy(n_grids=1)
    for _ in range(8):
        study.answer(lambda shows, place: shows)
    study.aggregate()
    proposed = proposals(study.dataset)
    assert len(proposed) == 14
    assert all(study.shows[each.image.pk] == each.expected and each.n == 8 for each in proposed)
    first = proposed[0]
    use_control(
        dataset=study.dataset, image=first.image, label=first.label, expected=first.expected, reason="All agree."
    )
    assert len(proposals(study.dataset)) == 13
    assert not ControlChoice.objects.filter(in_use=False).exists()


def test_an_answer_is_measured_by_what_was_seen(study):
    lease = make_lease(study.batch)
    tick_images(lease=lease, selected=[], idempotency_key=unique("key"))
    study.aggregate()
    recompute_changed()
    measures = row_of(study, lease.worker).measures
    assert measures["recall"].value == 0.0 and measures["share_selected"].n == 14
    assert honest(True, 0) is True
