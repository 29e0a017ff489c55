"""Portions of a run: their number at once, the cost of a killed worker, and the effect of a change of settings."""

from typing import Any

import pytest
from django.db import OperationalError

from candidates import actions
from candidates.actions import MOST_BEGINNINGS, open_run, predict_next_portions, store_predictions
from candidates.ensemble.reads import loaded
from candidates.models import Portion, Run, Unpredicted
from candidates.pace import MOST_PORTIONS, Pace
from candidates.reads import portions_to_do, progress_of
from candidates.runs.actions import open_runs
from catalog.actions import change_settings
from catalog.models import Image, Prediction
from tests.candidates.small_ensemble import colour_network, coloured_dataset, picture, spoil
from tests.required import require
from tests.threads import PATIENCE_SECONDS, started, waits, while_another_has_done

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(actions, "_pace", Pace(), raising=False)
    loaded.cache_clear()


@pytest.fixture
def network(tmp_path):
    return colour_network(tmp_path / "networks")


def run_of(dataset, network) -> Run:
    return require(run_if_needed(dataset, network))


def run_if_needed(dataset, network) -> Run | None:
    (run,) = open_runs(dataset=dataset, names=[network]).values()
    return run


def work() -> list[int]:
    shares = []
    while share := predict_next_portions():
        shares.append(share)
    return shares


# Faults


@pytest.mark.parametrize("fault", [MemoryError(), KeyError("pk"), AttributeError("'NoneType' object has no pk")])
def test_a_fault_stops_its_run_and_points_to_the_log(network, monkeypatch, caplog, fault):
    run = run_of(coloured_dataset(9), network)

    def full(name, weights):
        raise fault

    monkeypatch.setattr(actions, "loaded", full)
    assert predict_next_portions()
    run.refresh_from_db()
    assert run.problem == actions.FAULT
    assert "The site had an internal error. The log of its predictor process shows the cause." in run.problem
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [fault]
    assert not predict_next_portions(), "it would be begun again at once, for ever"


# Settings that change meanwhile


def test_more_labels_wanted_during_a_run_are_made_for_what_is_done_as_well(network):
    dataset = coloured_dataset(20, top_k=5)
    spoil(dataset.images.get(name="00001.jpg"))
    good = picture(1)
    run = run_of(dataset, network)
    predict_next_portions()
    assert (Prediction.objects.count(), Unpredicted.objects.count()) == (7, 1)
    spoil(dataset.images.get(name="00001.jpg"), good)
    change_settings(dataset=dataset, top_k=7)
    again = run_of(dataset, network)
    assert (again.pk, again.top_k, progress_of([again])) == (run.pk, 7, (0, 20))
    work()
    assert {len(prediction.labels) for prediction in Prediction.objects.all()} == {7}
    assert Prediction.objects.count() == 20
    assert not Unpredicted.objects.exists()
    assert run_if_needed(dataset, network) is None


def test_images_that_the_unfinished_run_did_not_ask_for_are_made_anew_too(network):
    dataset = coloured_dataset(16, top_k=5)
    images = list(dataset.images.order_by("pk"))
    Image.objects.filter(pk__in=[image.pk for image in images[8:]]).update(dataset=coloured_dataset(0))
    run_of(dataset, network)
    work()
    Image.objects.filter(pk__in=[image.pk for image in images[8:]]).update(dataset=dataset)
    later = run_of(dataset, network)
    assert progress_of([later]) == (0, 8)
    change_settings(dataset=dataset, top_k=6)
    assert progress_of([run_of(dataset, network)]) == (0, 16)
    work()
    assert {len(prediction.labels) for prediction in Prediction.objects.filter(image__dataset=dataset)} == {6}
    assert Prediction.objects.count() == 16


def test_fewer_labels_wanted_change_nothing(network):
    dataset = coloured_dataset(16, top_k=7)
    run_of(dataset, network)
    predict_next_portions()
    change_settings(dataset=dataset, top_k=5)
    again = run_of(dataset, network)
    assert (again.top_k, progress_of([again])) == (7, (8, 16))


@pytest.mark.django_db(transaction=True)
def test_who_is_at_a_portion_while_more_labels_are_wanted_is_waited_for(network):
    dataset = coloured_dataset(16, top_k=5)
    run = run_of(dataset, network)
    change_settings(dataset=dataset, top_k=7)

    def old() -> None:
        (portion, *_) = actions._claimed(actions._begin(None))
        images = dataset.images.filter(pk__range=(portion.first, portion.last))
        store_predictions(classifier=run.classifier, predictions=[(row.pk, [1, 2, 3, 4, 5], []) for row in images])
        Portion.objects.filter(pk=portion.pk).update(done_at="2020-01-01T00:00Z")

    with while_another_has_done(old) as other, started(lambda: run_of(dataset, network)) as opening:
        assert waits(opening)
        other.end(commit=True)
        assert opening.result(PATIENCE_SECONDS).top_k == 7
    work()
    assert {len(row.labels) for row in Prediction.objects.all()} == {7}
    assert Prediction.objects.count() == 16


# Kills


def killed(*words) -> None:
    raise SystemExit


def test_what_kills_its_worker_every_time_comes_last_and_stops_its_run_with_the_reason(network, monkeypatch):
    dataset = coloured_dataset(40)
    run = run_of(dataset, network)
    assert run.portions.count() == 5
    poison = run.portions.order_by("pk")[1]
    keep = actions._keep

    def keep_or_die(run, answer):
        if set(answer.ids) & set(range(poison.first, poison.last + 1)):
            raise SystemExit
        keep(run, answer)

    monkeypatch.setattr(actions, "_keep", keep_or_die)
    n_kills = n_turns = 0
    while portions_to_do().exists() and n_turns < 40:
        n_turns += 1
        try:
            predict_next_portions()
        except SystemExit:
            n_kills += 1
            # The next worker is a new process.
            monkeypatch.setattr(actions, "_pace", Pace())
    run.refresh_from_db()
    assert n_kills == MOST_BEGINNINGS
    assert "8 images (00008.jpg to 00015.jpg) failed 5 times" in run.problem
    assert "probably for lack of memory" in run.problem
    assert progress_of([run]) == (32, 40), "all others are done"
    monkeypatch.setattr(actions, "_keep", keep)
    assert run_of(dataset, network) == run, "asked again it begins to count again"
    work()
    run.refresh_from_db()
    assert run.finished_at and not run.problem


def test_kills_by_chance_fall_on_one_portion_after_the_other(network, monkeypatch):
    dataset = coloured_dataset(64)
    run = run_of(dataset, network)
    with monkeypatch.context() as patch:
        patch.setattr(actions, "_keep", killed)
        for _ in range(25):
            with pytest.raises(SystemExit):
                predict_next_portions()
    assert sorted(run.portions.values_list("beginnings", flat=True)) == [3] * 7 + [4]
    work()
    run.refresh_from_db()
    assert run.finished_at and not run.problem
    assert Prediction.objects.count() == 64


def test_a_database_that_is_lost_is_no_fault_of_the_run(network, monkeypatch):
    run = run_of(coloured_dataset(9), network)

    def lost(run, answer):
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(actions, "_keep", lost)
        with pytest.raises(OperationalError):
            predict_next_portions()
    run.refresh_from_db()
    assert not run.problem
    assert sum(work()) == 2


# Several at once


def test_a_worker_takes_more_of_a_run_as_it_sees_how_fast_it_is(network):
    dataset = coloured_dataset(400)
    run = run_of(dataset, network)
    run.portions.all().delete()
    ids = list(dataset.images.order_by("pk").values_list("pk", flat=True))
    Portion.objects.bulk_create(
        [Portion(run=run, first=part[0], last=part[-1], n_images=8) for part in zip(*[iter(ids)] * 8, strict=True)]
    )
    shares = work()
    assert shares[:3] == [1, 4, 16]
    assert sum(shares) == 50
    assert Prediction.objects.count() == 400


def test_a_slow_network_has_one_portion_at_a_time_and_what_was_begun_before_is_taken_alone(network, monkeypatch):
    dataset = coloured_dataset(64)
    run = run_of(dataset, network)
    actions._pace.note(run.pk, 1, 200.0)
    assert predict_next_portions() == 1
    actions._pace.note(run.pk, 4, 0.1)
    Portion.objects.filter(done_at=None).update(beginnings=1)
    assert predict_next_portions() == 1
    Portion.objects.filter(done_at=None).update(beginnings=0)
    assert predict_next_portions() > 1


@pytest.mark.parametrize(
    ("n", "seconds", "expected"), [(1, 540.0, 1), (1, 1.0, 4), (8, 20.0, 2), (16, 4.0, 20), (32, 0.1, MOST_PORTIONS)]
)
def test_about_five_seconds_are_taken_and_never_much_more_than_before(n, seconds, expected):
    pace = Pace()
    pace.note(1, n, seconds)
    assert (pace.of(1), pace.of(2)) == (expected, 1)


@pytest.mark.django_db(transaction=True)
def test_what_somebody_takes_up_between_choosing_and_claiming_is_left_to_them(network, monkeypatch):
    run_of(coloured_dataset(16), network)
    claimed = actions._claimed
    others: list[Any] = []

    def too_late(chosen):
        if not others:
            others.append(chosen[0].pk)
            Portion.objects.filter(pk=chosen[0].pk).update(done_at="2020-01-01T00:00Z")
        return claimed(chosen)

    monkeypatch.setattr(actions, "_claimed", too_late)
    assert predict_next_portions() == 1
    assert Prediction.objects.count() == 8
    assert Portion.objects.exclude(pk=others[0]).get().done_at


def test_the_last_line_of_a_run_opened_for_nothing_is_no_run(network):
    dataset = coloured_dataset(3)
    run = run_of(dataset, network)
    work()
    assert open_run(dataset=dataset, classifier=run.classifier, n_classes=12) is None
