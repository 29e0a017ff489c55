"""A batch on the marketplace, over HTTP and through boto3: published, worked on, confirmed, paid."""

from decimal import Decimal

import pytest

from tests.workforce.mturk_study import (
    ask,
    grids_to_publish,
    published,
    send_until_quiet,
    work,
)
from workforce.models import LedgerEntry, ListedAssignment, Slot, Submission

pytestmark = pytest.mark.django_db


def test_a_grid_is_published_worked_on_confirmed_and_paid(marketplace):
    (made,) = published(grids_to_publish())
    work(marketplace, made)
    assert Submission.objects.get().state == "provisional"
    assert not Slot.objects.filter(state="filled").exists()
    ask()
    assert Submission.objects.get().state == "confirmed"
    assert Slot.objects.filter(state="filled").count() == 1
    send_until_quiet()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.status) == ("confirmed", "approved")
    assert sorted(LedgerEntry.objects.values_list("kind", "amount")) == [
        ("reward", Decimal("0.10")),
        ("reward_fee", Decimal("0.02")),
    ]
