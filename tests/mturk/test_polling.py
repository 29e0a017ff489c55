"""Tests of polling when some of it fails or takes long."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from catalog import reads as clock
from catalog.reads import now
from mturk import endpoint
from mturk.models import ListedAssignment, MarketplaceHIT
from mturk.payments import polling
from tests.mturk.mturk_study import PAST, ask, grids_to_publish, published, work
from tests.required import require
from workforce.models import Submission

pytestmark = pytest.mark.django_db


def test_a_hundred_hits_that_are_gone_hold_up_nobody_elses_pay(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=2))
    for number in range(120):
        MarketplaceHIT.objects.create(
            hit=marketplace_hit.hit,
            terms=marketplace_hit.terms,
            n_assignments=1,
            expires_at=now() - timedelta(days=40),
            external_id=f"3GONE{number:03}" + "X" * 20,
            polled_at=PAST,
        )
    work(marketplace, marketplace_hit)
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(polled_at=now() - timedelta(minutes=1))
    polling.poll_assignments()
    polling.poll_assignments()
    assert ListedAssignment.objects.count() == 1
    missing_hits = MarketplaceHIT.objects.filter(external_id__startswith="3GONE")
    assert not missing_hits.filter(n_failed_polls=0).exists()
    assert missing_hits.exclude(not_before=None).count() == 120
    assert missing_hits.filter(polled_at=PAST).count() == 120, "what was not taken in is not to count as asked"


def pauses_while(monkeypatch, fault: Exception, times: int) -> list[float]:
    """Seconds that a HIT is left alone after each question that ends in this fault; the clock stands meanwhile."""

    def handed_in(*_: object) -> None:
        raise fault

    pauses = []
    with monkeypatch.context() as patch:
        patch.setattr(endpoint, "handed_in", handed_in)
        patch.setattr(clock, "fixed_now", now())
        for _ in range(times):
            ask()
            pauses.append((require(MarketplaceHIT.objects.get().not_before) - now()).total_seconds())
    return pauses


def test_pauses_of_a_hit_that_cannot_be_asked_about_grow_and_end_with_its_first_answer(marketplace, monkeypatch):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    refusal = endpoint.RefusedCall("HITDoesNotExist", "It is gone.")
    assert pauses_while(monkeypatch, refusal, 9) == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    ask()
    marketplace_hit = MarketplaceHIT.objects.get()
    assert (marketplace_hit.n_failed_polls, marketplace_hit.not_before) == (0, None)
    assert ListedAssignment.objects.count() == 1


@pytest.mark.parametrize("fault", [endpoint.Throttled("Rate exceeded"), endpoint.Ambiguous("ServiceFault")])
def test_what_is_nothing_of_the_hit_makes_it_wait_a_moment_however_often(marketplace, monkeypatch, fault):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    assert pauses_while(monkeypatch, fault, 4) == [10, 10, 10, 10]


def test_counters_that_take_long_leave_the_hits_their_time(marketplace, monkeypatch):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    passed: list[Any] = []
    monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: sum(passed)))
    monkeypatch.setattr(polling, "count_handed_in", lambda: passed.append(6.0))
    polling.poll_assignments(seconds=5)
    assert ListedAssignment.objects.count() == 1


def test_what_cannot_be_taken_in_holds_up_nothing_else_of_its_hit(marketplace, monkeypatch, caplog):
    (marketplace_hit,) = published(grids_to_publish(n_slots=3))
    names = [work(marketplace, marketplace_hit) for _ in range(3)]
    take_in = polling.take_in

    def broken(**parameters: Any) -> object:
        if parameters["external_id"] == names[0]:
            raise KeyError("selected")
        return take_in(**parameters)

    monkeypatch.setattr(polling, "take_in", broken)
    ask()
    assert set(ListedAssignment.objects.values_list("external_id", flat=True)) == set(names[1:])
    assert MarketplaceHIT.objects.get().n_failed_polls == 1
    assert "KeyError" in caplog.text
    monkeypatch.setattr(polling, "take_in", take_in)
    ask()
    assert set(Submission.objects.values_list("state", flat=True)) == {"confirmed"}
