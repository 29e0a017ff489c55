"""The balance is asked for with patience, since nothing is published without it; and no longer than a page may take."""

import os
import time
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from mturk import endpoint
from mturk.costs.reads import check_balance
from mturk.models import Call, Terms
from mturk.terms.reads import CannotPublish
from tests.mturk.mturk_study import grids_to_publish, publish

pytestmark = pytest.mark.django_db
N_ASKED = 2_000 if os.environ.get("SOAK") else 60
FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}
PASSING = ("throttle", "error", "drop_after", "drop_before", "error_after", "throttle", "error", "drop_after")


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Record the operations asked of the marketplace, call by call."""
    ops: list[str] = []
    ask = endpoint.ask

    def noted(op: str, *arguments: Any, **parameters: Any) -> dict:
        ops.append(op)
        return ask(op, *arguments, **parameters)

    monkeypatch.setattr(endpoint, "ask", noted)
    return ops


def test_publishing_outlasts_one_fault_after_the_other(marketplace, asked):
    for kind in PASSING:
        marketplace.post("/faults/plan/", kind=kind, operation="GetAccountBalance")
    assert publish(grids_to_publish(1)).pk
    assert asked == ["GetAccountBalance"] * (len(PASSING) + 1)


def test_under_throttling_errors_and_lost_answers_the_balance_is_told_every_time(marketplace):
    marketplace.post("/faults/", **FAULTS)
    assert {check_balance(Decimal("0.24")) for _ in range(N_ASKED)} == {Decimal("10000.00")}


@pytest.mark.parametrize("rates", [{"throttle_rate": 1}, {"error_rate": 1}, {"drop_after_rate": 1}])
def test_a_marketplace_that_keeps_failing_ends_in_words_and_nothing_is_published(marketplace, monkeypatch, rates):
    monkeypatch.setattr(endpoint, "PATIENT_SECONDS", 3)
    marketplace.post("/faults/", **rates)
    batch = grids_to_publish(1)
    with pytest.raises(CannotPublish, match="unavailable at the moment. Try again"):
        publish(batch)
    assert not Terms.objects.exists() and not Call.objects.filter(batch=batch).exists()
    batch.refresh_from_db()
    assert batch.marketplace == "link"
    marketplace.post("/faults/clear/")
    assert publish(batch).pk, "pressed again"


def test_keys_that_the_marketplace_does_not_know_are_a_refusal_that_does_not_pass(marketplace, settings, asked):
    settings.MTURK = settings.MTURK | {"secret_access_key": "another"}
    endpoint.client.cache_clear()
    with pytest.raises(CannotPublish, match="Nothing was published: the account balance is unavailable. "):
        publish(grids_to_publish(1))
    assert asked == ["GetAccountBalance"]


@pytest.fixture
def clock(monkeypatch, settings) -> list[float]:
    """The seconds that were slept; no others pass."""
    slept: list[float] = []
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append))
    settings.MTURK = settings.MTURK | {"calls_per_second": 1000}
    return slept


@pytest.fixture
def fails(monkeypatch) -> Callable[[endpoint.EndpointError, float], list[int]]:
    """Have every call fail, after so many seconds; returns the list of the times that they were given."""

    def begin(error: endpoint.EndpointError, took: float = 0.0) -> list[int]:
        timeouts = []

        def ask(op: str, parameters: dict, tries: int = 1, *, seconds: int) -> dict:
            timeouts.append(seconds)
            endpoint.time.sleep(min(took, 2 * seconds))
            raise error

        monkeypatch.setattr(endpoint, "ask", ask)
        return timeouts

    return begin


@pytest.mark.parametrize("took", [0.0, 0.2])
def test_there_are_enough_tries_for_less_than_one_in_a_thousand_to_fail(clock, fails, took):
    timeouts = fails(endpoint.Throttled("Rate exceeded"), took)
    with pytest.raises(endpoint.Throttled):
        endpoint.balance()
    assert sum(FAULTS.values()) ** len(timeouts) < 1 / 1000
    assert sum(clock) <= endpoint.PATIENT_SECONDS


def test_pauses_grow_to_a_limit_and_are_not_the_same_for_all(clock, fails):
    fails(endpoint.Ambiguous("The answer was lost."))
    runs = []
    for _ in range(2):
        clock.clear()
        with pytest.raises(endpoint.Ambiguous):
            endpoint.balance()
        runs.append([pause for pause in clock if pause])
    for pauses in runs:
        for pause, most in zip(pauses, [0.1, 0.2, 0.4, *[0.6] * len(pauses)], strict=False):
            assert most / 2 <= pause <= most
    assert runs[0] != runs[1]


def test_however_long_a_try_takes_all_of_them_end_in_time(clock, fails):
    timeouts = fails(endpoint.Ambiguous("Read timeout"), took=1000)
    with pytest.raises(endpoint.Ambiguous):
        endpoint.balance()
    assert timeouts and sum(clock) <= endpoint.PATIENT_SECONDS


def test_where_many_calls_wait_for_their_turn_nobody_waits_behind_them(clock, fails, settings):
    settings.MTURK = settings.MTURK | {"calls_per_second": 1 / 60}
    timeouts = fails(endpoint.Throttled("Rate exceeded"))
    with pytest.raises(endpoint.Throttled, match="Too many calls"):
        endpoint.balance()
    assert len(timeouts) == 1 and sum(clock) < 1


def test_what_changes_something_is_never_sent_like_this(asked):
    for op in ("CreateHIT", "ApproveAssignment", "SendBonus"):
        with pytest.raises(ValueError, match="changes something"):
            endpoint.read_patiently(op)
    assert not asked


def test_a_marketplace_that_hangs_does_not_hold_a_page_for_longer_than_its_bound(hanging, asked, monkeypatch):
    # Three tries of a client that is not told how long it may take would be five minutes.
    monkeypatch.setattr(endpoint, "READ_SECONDS", 100)
    begun = time.monotonic()
    with pytest.raises(CannotPublish, match="(?s)Nothing was published.*Try again.*imeout"):
        publish(grids_to_publish(1))
    assert time.monotonic() - begun < endpoint.READ_SECONDS
    assert len(asked) > 1, "a single answer that is lost is no reason to give up"
    assert not Terms.objects.exists()
