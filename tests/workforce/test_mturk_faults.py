"""T2 and T9: a marketplace that throttles, breaks, loses answers, lags behind, or is away."""

import os
from decimal import Decimal

import pytest

from tests.workforce.mturk_study import (
    assert_ledgers_are_equal,
    grids_to_publish,
    hits_of,
    publish,
    send_until_quiet,
    settle,
    work,
)
from workforce.models import Call, ListedAssignment, Submission
from workforce.pay.actions import give_bonus

pytestmark = pytest.mark.django_db

SOAK = bool(os.environ.get("SOAK"))
N_GRIDS = 60 if SOAK else 8
FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}
LAG_SECONDS = 300


def test_throttling_faults_lost_answers_and_lag_change_nothing_in_the_end(marketplace):
    marketplace.post("/faults/", **FAULTS, hit_lag_seconds=LAG_SECONDS, assignment_lag_seconds=LAG_SECONDS)
    terms = publish_through_faults(grids_to_publish(N_GRIDS))
    marketplace.later(LAG_SECONDS + 1)
    for made in hits_of(terms):
        work(marketplace, made)
    # Handed in there, and not listed yet.
    settle()
    assert not ListedAssignment.objects.exists()
    marketplace.later(LAG_SECONDS + 1)
    until(lambda: ListedAssignment.objects.filter(status="approved").count() == N_GRIDS)
    for listed in ListedAssignment.objects.all():
        give_bonus(listed=listed, amount=Decimal("0.05"), reason="Thank you for your care.")
    send_until_quiet()
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert len(theirs["hits"]) == len(set(theirs["hits"])) == N_GRIDS
    assert theirs["bonuses"] == N_GRIDS
    assert set(Submission.objects.values_list("state", flat=True)) == {"confirmed"}
    assert not Call.objects.exclude(state="done").exists()
    assert_ledgers_are_equal(marketplace)


def publish_through_faults(batch):
    """The balance is looked at before anything is decided; who publishes tries again until it is told."""
    for _ in range(50):
        try:
            terms = publish(batch)
            break
        except ValueError:
            continue
    send_until_quiet()
    return terms


def until(reached, most: int = 30) -> None:
    for _ in range(most):
        settle()
        if reached():
            return
    raise AssertionError("It was not reached.")
