"""Many at once: nothing is given, paid or counted twice."""

from functools import partial

import pytest

from marketplace.clock import now
from marketplace.errors import InsufficientFunds, Refusal, WorkRefused
from marketplace.faults.actions import advance_clock
from marketplace.hits.actions import set_expiration
from marketplace.ledger.actions import deposit
from marketplace.models import HIT
from marketplace.overdue.actions import catch_up
from marketplace.reads import balances
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from marketplace.work.actions import accept_hit, accept_next, return_assignment, submit_assignment
from tests.marketplace.parties import (
    check_ledger,
    make_hit,
    make_hit_type,
    make_requester,
    make_worker,
    make_workers,
    submit_hit,
)
from tests.required import require
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
N_THREADS = 16


def succeeds(action, *refusals: type[Exception]) -> bool:
    try:
        action()
    except (WorkRefused, Refusal) as refusal:
        assert isinstance(refusal, refusals or Exception)
        return False
    return True


@pytest.mark.parametrize("round_number", range(3))
def test_the_last_place_goes_to_one_of_sixteen(round_number):
    hit, workers = make_hit(max_assignments=2), make_workers(N_THREADS)
    submit_hit(hit)
    results = in_threads(N_THREADS, lambda number: succeeds(lambda: accept_hit(worker=workers[number], hit=hit)))
    assert sum(results) == 1
    hit.refresh_from_db()
    assert (hit.n_pending, hit.n_submitted, hit.assignments.count()) == (1, 1, 2)


def test_sixteen_tabs_of_one_worker_get_one_assignment():
    hit, worker = make_hit(max_assignments=5), make_worker()
    results = in_threads(N_THREADS, lambda number: accept_hit(worker=worker, hit=hit).public_id)
    assert len(set(results)) == 1
    hit.refresh_from_db()
    assert hit.n_pending == 1


def test_no_worker_is_refused_while_a_hit_is_available():
    kind, workers = make_hit_type(make_requester()), make_workers(N_THREADS)
    for _ in range(4):
        make_hit(kind, max_assignments=4)
    in_threads(N_THREADS, lambda number: accept_next(worker=workers[number], hit_type=kind))
    assert {(hit.n_pending, hit.status) for hit in HIT.objects.all()} == {(4, "Unassignable")}


def test_one_answer_of_sixteen_is_taken():
    assignment = accept_hit(worker=make_worker(), hit=make_hit())

    def submit(number: int) -> bool:
        fields = [("label", str(number))]
        return succeeds(lambda: submit_assignment(assignment_id=assignment.public_id, fields=fields))

    assert sum(in_threads(N_THREADS, submit)) == 1
    assert assignment.hit.assignments.get().status == "Submitted"


def test_returning_and_submitting_at_once_does_one_of_them():
    worker = make_worker()
    assignment = accept_hit(worker=worker, hit=make_hit())
    actions = (
        lambda: return_assignment(worker=worker, assignment=assignment),
        lambda: submit_assignment(assignment_id=assignment.public_id, fields=[("label", "cat")]),
    )
    successes = in_threads(8, lambda number: succeeds(actions[number % 2]))
    assert sum(successes) == 1
    hit = HIT.objects.get()
    assert hit.n_pending == 0
    assert hit.n_submitted + hit.n_available == 1


def test_sixteen_approvals_and_rejections_decide_once_and_pay_at_most_once():
    requester = make_requester()
    assignment = submit_hit(make_hit(make_hit_type(requester)))
    actions = (
        lambda: approve_assignment(assignment=assignment),
        lambda: reject_assignment(assignment=assignment, feedback="Blank"),
    )
    assert sum(in_threads(N_THREADS, lambda number: succeeds(actions[number % 2]))) == 1
    assignment.refresh_from_db()
    assert assignment.entries.count() == (2 if assignment.status == "Approved" else 0)
    check_ledger(requester)


def test_bonuses_at_once_never_overdraw_the_account():
    requester = make_requester(cents=12 + 5 * 12)
    assignment = submit_hit(make_hit(make_hit_type(requester)))
    worker_id = require(assignment.worker).public_id

    def pay(number: int) -> bool:
        reason = f"Careful {number}"
        bonus = partial(send_bonus, assignment=assignment, worker_id=worker_id, cents=10, reason=reason)
        return succeeds(bonus, InsufficientFunds)

    assert sum(in_threads(N_THREADS, pay)) == 5
    assert balances(requester) == (0, 12)
    check_ledger(requester)


def test_deposits_at_once_are_all_booked():
    requester = make_requester(cents=0)
    in_threads(N_THREADS, lambda number: deposit(requester=requester, cents=number + 1))
    assert balances(requester) == (sum(range(N_THREADS + 1)), 0)
    assert list(requester.entries.order_by("number").values_list("number", flat=True)) == list(range(1, N_THREADS + 1))


def test_what_is_due_happens_once_however_many_look():
    requester = make_requester()
    hit = make_hit(make_hit_type(requester, auto_approval_seconds=60), max_assignments=3)
    submit_hit(hit)
    accept_hit(worker=make_worker(), hit=hit)
    advance_clock(seconds=100_000)
    in_threads(8, lambda number: catch_up(now()))
    hit.refresh_from_db()
    assert (hit.status, hit.n_approved, hit.n_pending, hit.held_cents) == ("Reviewable", 1, 0, 0)
    check_ledger(requester)


def test_approving_and_working_on_many_hits_at_once_never_waits_in_a_circle():
    requester = make_requester()
    kind = make_hit_type(requester)
    hits = [make_hit(kind, max_assignments=8) for _ in range(4)]

    def work(number: int) -> None:
        worker = make_worker()
        for hit in hits if number % 2 else reversed(hits):
            assignment = submit_hit(hit, worker)
            approve_assignment(assignment=assignment)
            send_bonus(assignment=assignment, worker_id=worker.public_id, cents=1, reason="Careful")
            set_expiration(hit=hit, expires_at=hit.expires_at)

    in_threads(8, work)
    assert {hit.status for hit in HIT.objects.all()} == {"Reviewable"}
    assert balances(requester) == (100_000 - 32 * 14, 0)
    check_ledger(requester)
