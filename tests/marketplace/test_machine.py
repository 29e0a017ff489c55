"""Any history of a HIT against a model of it in plain Python: states, counts and cents agree after every step."""

import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from marketplace.clock import now
from marketplace.errors import Refusal, WorkRefused
from marketplace.faults.actions import advance_clock
from marketplace.hits.actions import add_assignments, delete_hit, set_expiration, set_reviewing
from marketplace.overdue.actions import catch_up
from marketplace.reads import balances
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from marketplace.work.actions import accept_hit, return_assignment, submit_assignment
from tests.histories import run_histories
from tests.marketplace.parties import check_ledger, make_hit, make_hit_type, make_requester, make_workers

N_RUNS = 2000 if os.environ.get("SOAK") else 15
CENTS, UNIT = 1_000, 12
# Steps of 100 seconds, and limits between them: the real duration of a run has no influence.
LIFETIME, DURATION, REVIEW = 1_550, 650, 2_050
N_WORKERS = 4
WORKERS = st.integers(0, N_WORKERS - 1)
STATES = {
    "Assignable",
    "Unassignable",
    "Reviewable",
    "Reviewing",
    "Disposed",
    "Pending",
    "Submitted",
    "Approved",
    "Rejected",
}


class Marketplace(RuleBasedStateMachine):
    """A HIT and its model; `counts` are of histories, and of the final states in all of them together."""

    counts: Counter = Counter()

    @initialize(n_places=st.integers(1, 3))
    def publish(self, n_places):
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.requester = make_requester(cents=CENTS)
        kind = make_hit_type(self.requester, assignment_seconds=DURATION, auto_approval_seconds=REVIEW)
        self.hit = make_hit(kind, n_places, lifetime_seconds=LIFETIME)
        self.workers = make_workers(N_WORKERS)
        # The model: the state of each worker, and its time.
        self.time, self.expires, self.n_places = 0, LIFETIME, n_places
        self.state: dict[int, tuple[str, int]] = {}
        self.reviewing = self.disposed = False
        self.spent = 0
        self.counts["histories"] += 1

    def teardown(self):
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # The model's own view

    def n(self, *states: str) -> int:
        return sum(state in states for state, _ in self.state.values())

    @property
    def n_available(self) -> int:
        return self.n_places - len(self.state)

    @property
    def expired(self) -> bool:
        return self.time >= self.expires

    @property
    def status(self) -> str:
        if self.disposed:
            return "Disposed"
        if self.n("Pending") == 0 and (self.n_available == 0 or self.expired):
            return "Reviewing" if self.reviewing else "Reviewable"
        return "Unassignable" if self.n_available == 0 or self.expired else "Assignable"

    @property
    def held(self) -> int:
        is_open = self.status in ("Assignable", "Unassignable") and not self.expired
        return UNIT * (self.n("Pending", "Submitted") + (self.n_available if is_open else 0))

    def attempt(self, expected: bool, action) -> None:
        """Check that the action succeeds if and only if the model allows it."""
        try:
            with transaction.atomic():
                action()
            succeeded = True
        except (Refusal, WorkRefused):
            succeeded = False
        assert succeeded == expected

    def assignment_of(self, worker: int):
        return self.hit.assignments.filter(worker=self.workers[worker]).first()

    def state_of(self, worker: int) -> str:
        return self.state.get(worker, ("", 0))[0]

    def affordable(self, more: int) -> bool:
        return CENTS - self.spent - self.held >= more

    # Steps

    @rule(worker=WORKERS)
    def accept(self, worker):
        has_it, is_open = self.state_of(worker) == "Pending", self.status == "Assignable"
        self.attempt(
            has_it or (is_open and worker not in self.state),
            lambda: accept_hit(worker=self.workers[worker], hit=self.hit),
        )
        if is_open and worker not in self.state:
            self.state[worker] = ("Pending", self.time)

    @rule(worker=WORKERS)
    def give_back(self, worker):
        if assignment := self.assignment_of(worker):
            pending = self.state_of(worker) == "Pending"
            self.attempt(pending, lambda: return_assignment(worker=self.workers[worker], assignment=assignment))
            if pending:
                del self.state[worker]

    @rule(worker=WORKERS)
    def submit(self, worker):
        if assignment := self.assignment_of(worker):
            pending = self.state_of(worker) == "Pending"
            fields = [("label", "cat")]
            self.attempt(pending, lambda: submit_assignment(assignment_id=assignment.public_id, fields=fields))
            if pending:
                self.state[worker] = ("Submitted", self.time)

    @rule(worker=WORKERS, override=st.booleans())
    def approve(self, worker, override):
        if assignment := self.assignment_of(worker):
            state, since = self.state.get(worker, ("", 0))
            rejected = state == "Rejected" and override and not self.disposed and self.affordable(UNIT)
            allowed = state == "Submitted" or rejected
            self.attempt(allowed, lambda: approve_assignment(assignment=assignment, override=override))
            if allowed:
                self.state[worker] = ("Approved", since)
                self.spent += UNIT

    @rule(worker=WORKERS)
    def reject(self, worker):
        if assignment := self.assignment_of(worker):
            state, since = self.state.get(worker, ("", 0))
            self.attempt(state == "Submitted", lambda: reject_assignment(assignment=assignment, feedback="Blank"))
            if state == "Submitted":
                self.state[worker] = ("Rejected", since)

    @rule(worker=WORKERS, cents=st.integers(1, 60))
    def pay_extra(self, worker, cents):
        if assignment := self.assignment_of(worker):
            cost = cents + max(1, (cents * 20 + 50) // 100)
            allowed = self.state_of(worker) in ("Submitted", "Approved", "Rejected") and self.affordable(cost)
            bonus = {"worker_id": self.workers[worker].public_id, "cents": cents, "reason": "Careful"}
            self.attempt(allowed, lambda: send_bonus(assignment=assignment, **bonus))
            self.spent += cost if allowed else 0

    @rule(n_more=st.integers(1, 2))
    def extend(self, n_more):
        if self.n_places + n_more > 9:
            return
        earlier = self.held
        self.n_places += n_more
        more = self.held - earlier
        self.n_places -= n_more
        allowed = not self.disposed and self.affordable(more)
        self.attempt(allowed, lambda: add_assignments(hit=self.hit, n_assignments=n_more))
        if allowed:
            self.n_places += n_more
            self.forget_review()

    @rule(seconds=st.sampled_from([-100, 1_050]))
    def set_end(self, seconds):
        earlier, old = self.held, self.expires
        self.expires = self.time + seconds
        more = self.held - earlier
        allowed = not self.disposed
        if allowed and more > 0:
            self.expires = old
            allowed = self.affordable(more)
        self.expires = old
        self.attempt(allowed, lambda: set_expiration(hit=self.hit, expires_at=now() + timedelta(seconds=seconds)))
        if allowed:
            self.expires = self.time + seconds
            self.forget_review()

    @rule(revert=st.booleans())
    def review(self, revert):
        allowed = self.status == ("Reviewing" if revert else "Reviewable")
        self.attempt(allowed, lambda: set_reviewing(hit=self.hit, revert=revert))
        if allowed:
            self.reviewing = not revert

    @rule()
    def delete(self):
        allowed = self.status == "Reviewable" and self.n("Submitted") == 0
        self.attempt(allowed, lambda: delete_hit(hit=self.hit))
        self.disposed = self.disposed or allowed

    @rule(steps=st.integers(1, 12))
    def wait(self, steps):
        advance_clock(seconds=100 * steps)
        catch_up(now(), self.requester)
        self.time += 100 * steps
        for worker, (state, since) in list(self.state.items()):
            if state == "Pending" and self.time >= since + DURATION:
                del self.state[worker]
            if state == "Submitted" and self.time >= since + REVIEW:
                self.state[worker] = ("Approved", since)
                self.spent += UNIT

    def forget_review(self) -> None:
        """Reset the mark of a HIT that is open again."""
        if self.status in ("Assignable", "Unassignable"):
            self.reviewing = False

    @invariant()
    def rows_and_model_agree(self):
        if not hasattr(self, "hit"):
            return
        self.hit.refresh_from_db()
        hit = self.hit
        counts = (hit.n_available, hit.n_pending, hit.n_submitted, hit.n_approved, hit.n_rejected)
        states = ("Pending", "Submitted", "Approved", "Rejected")
        self.counts.update({self.status, *(state for state, _ in self.state.values())})
        assert (hit.status, *counts) == (self.status, self.n_available, *(self.n(state) for state in states))
        assert balances(self.requester) == (CENTS - self.spent - self.held, self.held)
        n_assigned = hit.assignments.exclude(worker=None).count()
        assert (n_assigned, hit.assignments.exclude(worker=None).values("worker").distinct().count()) == (
            n_assigned,
            n_assigned,
        )
        assert n_assigned == len(self.state)
        check_ledger(self.requester)


@pytest.mark.django_db
def test_no_history_leads_rows_and_model_apart(capsys):
    run_histories(Marketplace, N_RUNS, capsys)
    assert Marketplace.counts["histories"] >= N_RUNS
    assert N_RUNS < 2_000 or Marketplace.counts.keys() >= STATES
