"""The ledger, to the cent."""

import random

import pytest
from django.db import IntegrityError, transaction

from marketplace.clock import now
from marketplace.errors import BadParameter, InsufficientFunds, WrongStatus
from marketplace.hits.actions import add_assignments, delete_hit, set_expiration, set_hit_type
from marketplace.ledger.actions import deposit
from marketplace.models import HIT, LedgerEntry
from marketplace.prices import bonus_fee, cents_of, dollars, reward_fee
from marketplace.qualifications.system import MASTERS
from marketplace.reads import balances
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from marketplace.work.actions import accept_hit, return_assignment, submit_assignment
from tests.marketplace.parties import (
    check_ledger,
    later,
    make_hit,
    make_hit_type,
    make_requester,
    make_worker,
    submit_hit,
)
from tests.required import require

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("reward", "n_assignments", "masters", "fee"),
    [
        (10, 9, False, 2),
        (10, 10, False, 4),
        (1, 1, False, 1),
        (1, 10, False, 1),
        (12, 9, False, 2),
        (13, 9, False, 3),
        (5, 9, False, 1),
        (0, 1, False, 1),
        (100, 9, True, 25),
        (100, 10, True, 45),
        (7, 10, False, 3),
    ],
)
def test_the_fee_is_a_fifth_and_two_fifths_from_ten_assignments_on(reward, n_assignments, masters, fee):
    assert reward_fee(reward, n_assignments, masters) == fee


@pytest.mark.parametrize(("cents", "fee"), [(1, 1), (2, 1), (7, 1), (8, 2), (100, 20), (1_000_000, 200_000)])
def test_the_fee_of_a_bonus_is_a_fifth_and_at_least_a_cent(cents, fee):
    assert bonus_fee(cents) == fee


@pytest.mark.parametrize(("text", "cents"), [("5", 500), ("0.1", 10), ("0.10", 10), ("12.", 1200), ("0", 0)])
def test_dollars_are_read_as_the_api_writes_them(text, cents):
    assert cents_of(text) == cents
    assert cents_of(dollars(cents)) == cents


@pytest.mark.parametrize(("n_assignments", "cost"), [(1, 12), (9, 9 * 12), (10, 10 * 14), (20, 20 * 14)])
def test_publishing_holds_what_the_hit_will_cost(n_assignments, cost):
    requester = make_requester()
    hit = make_hit(make_hit_type(requester), n_assignments)
    assert balances(requester) == (100_000 - cost, cost)
    assert hit.held_cents == cost
    check_ledger(requester)


def test_masters_cost_more():
    requester = make_requester()
    requirements = [{"QualificationTypeId": MASTERS[0], "Comparator": "Exists"}]
    make_hit(make_hit_type(requester, reward_cents=100, requirements=requirements), 2)
    assert balances(requester)[1] == 2 * 125


def test_nothing_is_published_without_the_money_for_it():
    requester = make_requester(cents=23)
    hit_type = make_hit_type(requester)
    with pytest.raises(InsufficientFunds):
        make_hit(hit_type, max_assignments=2)
    assert not requester.hits.exists()
    assert make_hit(hit_type, max_assignments=1).held_cents == 12
    check_ledger(requester)


def test_approval_pays_the_worker_and_the_fee_out_of_what_is_held():
    requester = make_requester()
    hit = make_hit(make_hit_type(requester), 2)
    assignment = submit_hit(hit)
    approve_assignment(assignment=assignment)
    assert balances(requester) == (100_000 - 24, 12)
    entries = assignment.entries.values_list("kind", "available", "held")
    assert sorted(entries) == [("reward", 0, -10), ("reward fee", 0, -2)]
    with pytest.raises(WrongStatus, match="Submitted"):
        approve_assignment(assignment=assignment)
    check_ledger(requester)


def test_rejection_gives_back_what_was_held_and_reopens_no_place():
    requester = make_requester()
    hit = make_hit(make_hit_type(requester), 1)
    reject_assignment(assignment=submit_hit(hit), feedback="Empty")
    assert balances(requester) == (100_000, 0)
    hit.refresh_from_db()
    assert (hit.status, hit.n_available) == (HIT.Status.REVIEWABLE, 0)
    check_ledger(requester)


def test_a_rejection_can_be_taken_back_for_thirty_days():
    requester = make_requester()
    hit_type = make_hit_type(requester)
    early, late = submit_hit(make_hit(hit_type)), submit_hit(make_hit(hit_type))
    for assignment in (early, late):
        reject_assignment(assignment=assignment, feedback="Empty")
    with pytest.raises(WrongStatus):
        approve_assignment(assignment=early)
    later(days=29)
    approve_assignment(assignment=early, override=True)
    assert balances(requester) == (100_000 - 12, 0)
    later(days=1, seconds=1)
    with pytest.raises(WrongStatus, match="30 days"):
        approve_assignment(assignment=late, override=True)
    check_ledger(requester)


def test_a_rejection_cannot_be_taken_back_once_the_hit_is_deleted():
    hit = make_hit()
    assignment = submit_hit(hit)
    reject_assignment(assignment=assignment, feedback="Empty")
    delete_hit(hit=hit)
    with pytest.raises(WrongStatus, match="'Disposed'"):
        approve_assignment(assignment=assignment, override=True)


def test_money_for_open_places_is_released_when_the_hit_ends():
    requester = make_requester()
    hit = make_hit(make_hit_type(requester), 3)
    submit_hit(hit)
    accept_hit(worker=make_worker(), hit=hit)
    set_expiration(hit=hit, expires_at=now())
    # An assignment is in progress and may still be submitted.
    assert balances(requester)[1] == 24
    later(minutes=11)
    assert balances(requester)[1] == 12
    check_ledger(requester)


def test_a_later_expiration_needs_the_money_again():
    requester = make_requester(cents=36)
    hit = make_hit(make_hit_type(requester), 3, lifetime_seconds=60)
    later(minutes=2)
    assert balances(requester) == (36, 0)
    deposit(requester=requester, cents=-1)
    hit.refresh_from_db()
    with pytest.raises(InsufficientFunds):
        set_expiration(hit=hit, expires_at=now().replace(year=now().year + 1))
    deposit(requester=requester, cents=1)
    hit = set_expiration(hit=hit, expires_at=now().replace(year=now().year + 1))
    assert (hit.status, hit.held_cents, balances(requester)) == (HIT.Status.ASSIGNABLE, 36, (0, 36))
    check_ledger(requester)


def test_who_has_accepted_is_paid_what_was_promised_then():
    requester = make_requester()
    hit = make_hit(make_hit_type(requester), 2)
    worker = make_worker()
    accepted = accept_hit(worker=worker, hit=hit)
    dearer = make_hit_type(requester, reward_cents=50)
    hit = set_hit_type(hit=hit, hit_type=dearer)
    assert balances(requester)[1] == 12 + 60
    submit_assignment(assignment_id=accepted.public_id, fields=[("label", "cat")])
    approve_assignment(assignment=accepted)
    approve_assignment(assignment=submit_hit(hit))
    rewards = LedgerEntry.objects.filter(requester=requester, kind="reward").order_by("number")
    assert [entry.held for entry in rewards] == [-10, -50]
    assert balances(requester) == (100_000 - 72, 0)
    check_ledger(requester)


def test_a_bonus_is_paid_with_its_fee_to_the_worker_who_submitted():
    requester = make_requester()
    assignment = submit_hit(make_hit(make_hit_type(requester)))
    send_bonus(assignment=assignment, worker_id=assignment.holder.public_id, cents=250, reason="Careful work")
    assert balances(requester) == (100_000 - 12 - 300, 12)
    with pytest.raises(BadParameter, match="did not hand in"):
        send_bonus(assignment=assignment, worker_id=make_worker().public_id, cents=1, reason="?")
    with pytest.raises(InsufficientFunds):
        send_bonus(assignment=assignment, worker_id=assignment.holder.public_id, cents=90_000, reason="All of it")
    assert assignment.bonuses.count() == 1
    check_ledger(requester)


def test_no_bonus_for_work_that_is_not_submitted():
    worker = make_worker()
    assignment = accept_hit(worker=worker, hit=make_hit())
    with pytest.raises(WrongStatus):
        send_bonus(assignment=assignment, worker_id=worker.public_id, cents=10, reason="In advance")


def test_the_ledger_refuses_to_be_changed():
    requester = make_requester()
    for change in (lambda entries: entries.update(available=1), lambda entries: entries.delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change(requester.entries.all())


@pytest.mark.parametrize(
    "changes",
    [{"number": 3}, {"available_after": 100_002}, {"held_after": 1}, {"available": 2}, {"held": 1}],
)
def test_the_ledger_refuses_a_row_that_does_not_follow(changes):
    requester = make_requester()
    row = {"number": 2, "kind": "deposit", "available": 1, "held": 0, "available_after": 100_001, "held_after": 0}
    with pytest.raises(IntegrityError, match="does not go on|check constraint"), transaction.atomic():
        LedgerEntry.objects.create(requester=requester, created_at=now(), **(row | changes))
    LedgerEntry.objects.create(requester=requester, created_at=now(), **row)


def test_no_account_falls_below_nothing():
    requester = make_requester(cents=5)
    with pytest.raises(InsufficientFunds):
        deposit(requester=requester, cents=-6)
    deposit(requester=requester, cents=-5)
    assert balances(requester) == (0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_books_balance_whatever_happens(seed):
    """Random histories of several HITs."""
    rng = random.Random(seed)
    requester = make_requester(cents=3_000)
    types = [make_hit_type(requester, reward_cents=cents) for cents in (0, 1, 7, 50)]
    workers = [make_worker() for _ in range(4)]
    for _ in range(60):
        act(rng, requester, types, workers)
    check_ledger(requester)
    later(days=60)
    check_ledger(requester)
    assert balances(requester)[1] == 0


def act(rng, requester, types, workers) -> None:
    hits = list(requester.hits.all())
    hit = rng.choice(hits) if hits else make_hit(rng.choice(types), rng.choice((1, 3, 10)))
    pending = hit.assignments.filter(status="Pending").first()
    submitted = hit.assignments.filter(status="Submitted").first()
    rejected = hit.assignments.filter(status="Rejected").first()
    steps = [
        lambda: make_hit(rng.choice(types), rng.choice((1, 3, 10))),
        lambda: accept_hit(worker=rng.choice(workers), hit=hit),
        lambda: submit_hit(hit, rng.choice(workers)),
        lambda: pending and return_assignment(worker=require(pending.worker), assignment=pending),
        lambda: submitted and approve_assignment(assignment=submitted),
        lambda: submitted and reject_assignment(assignment=submitted, feedback="Empty"),
        lambda: rejected and approve_assignment(assignment=rejected, override=True),
        lambda: (
            submitted
            and send_bonus(
                assignment=submitted, worker_id=submitted.holder.public_id, cents=rng.randrange(1, 99), reason="Good"
            )
        ),
        lambda: add_assignments(hit=hit, n_assignments=rng.randrange(1, 4)),
        lambda: set_expiration(hit=hit, expires_at=now()),
        lambda: set_hit_type(hit=hit, hit_type=rng.choice(types)),
        lambda: later(minutes=rng.randrange(20)),
    ]
    try:
        with transaction.atomic():
            rng.choice(steps)()
    except Exception as refusal:
        assert type(refusal).__module__ in ("marketplace.errors", "marketplace.work.actions"), refusal


def test_the_same_values_are_the_same_type_of_one_requester():
    requester, other = make_requester(), make_requester()
    assert make_hit_type(requester) == make_hit_type(requester)
    assert make_hit_type(requester) != make_hit_type(requester, reward_cents=11)
    assert make_hit_type(requester) != make_hit_type(other)
