"""T14: any history of a published batch against a marketplace in plain Python, with throttling and lost answers.

People accept, return, run out of time, hand in here, there or twice; the batch is extended and ended; work is approved,
rejected by a person, approved after all, and given bonuses. After every step the promises hold: an answer is stored
once (P2) and whole (P3), no slot and no person counts twice (P4), whoever has a HIT gets its page and what is missing
is offered (P5), and in the end everything was paid once, and is booked to the cent (P6).
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aggregation.actions import aggregate
from catalog.reads import now
from contains_task.models import ContainsVote, Grid
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.outbox.actions import claim_call
from mturk.outbox.sending import send
from mturk.payments.actions import give_bonus
from mturk.payments.polling import poll
from mturk.publishing.actions import move_end, offer_again, publish
from mturk.publishing.reads import missing_answers
from mturk.rejections.actions import CannotReject, override_rejection, reject
from tests.factories import make_batch, make_dataset, make_grid, tick_images, unique
from tests.histories import run_histories
from tests.mturk.endpoint_model import EndpointModel
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.mturk_study import offer_of
from tests.required import require
from workforce.frame.actions import AlreadyAnswered, NotYetPublished, accept, orphan_unlisted
from workforce.frame.answer_copy import encode
from workforce.frame.ids import FrameVisit
from workforce.frame.receipts import copy_of, fields_to_hand_over
from workforce.models import Assignment, Lease, Slot, Submission
from workforce.replacements.actions import add_slots
from workforce.unverified.actions import MOST_UNVERIFIED
from workforce.votes.actions import take_in_recovered

N_RUNS = 2000 if os.environ.get("SOAK") else 7
N_IMAGES, N_SLOTS, MOST_SLOTS = 2, 2, 5
PAST, LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)
WORKERS = st.sampled_from([f"AWORKER{number}" for number in range(4)])
ANSWERS = st.integers(0, N_IMAGES)
FAULTS = st.sampled_from(["", "", "", "throttle", "lose"])
BONUS = Decimal("0.05")
PROVEN = ("confirmed", "surplus")


class Study(RuleBasedStateMachine):
    """`seen` counts what histories came to, all of them together."""

    # Set by the test before the first history.
    terms: Terms
    grid: Grid
    people: list[User]
    endpoint: EndpointModel | None = None
    seen: Counter = Counter()

    @initialize(done=st.lists(st.tuples(WORKERS, ANSWERS), max_size=3), listed=st.booleans())
    def begin(self, done, listed):
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.model = Study.endpoint = EndpointModel()
        self.images = [cell.image.public_id for cell in self.grid.cells.select_related("image")]
        self.acknowledged: dict[str, tuple[int, list[str]]] = {}  # by key
        self.handed_in: dict[str, tuple[str, list[str]]] = {}  # there, by assignment
        self.decided_bonuses: set[tuple[str, str]] = set()
        self.pages: dict[str, Assignment] = {}  # that are open, by assignment
        self.seen["histories"] += 1
        self.quieten()
        for worker, n_ticked in done:
            self.do_a_hit(worker, n_ticked)
        if listed:
            self.ask_what_was_handed_in()

    def teardown(self):
        if not hasattr(self, "atomic"):
            return
        try:
            self.quieten()
            self.check_the_end()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # The marketplace's side

    @rule(worker=WORKERS, data=st.data())
    def accept(self, worker, data):
        if places := self.model.places(worker):
            self.accept_there(worker, data.draw(st.sampled_from(places)))

    @rule(worker=WORKERS, n_ticked=ANSWERS)
    def do_a_hit(self, worker, n_ticked):
        places = self.model.places(worker)
        if places and (name := self.accept_there(worker, places[0])):
            self.hand_in(name, n_ticked, here=True, there=True)

    def accept_there(self, worker: str, hit: str) -> str:
        """The assignment, if its page opens."""
        name = self.model.accept(worker, hit)
        page = self.page_of(name)
        assert page is None or page.lease.slot is None
        self.seen["accepted"] += 1
        if page is None:
            return ""
        self.pages[name] = page
        return name

    def page_of(self, name: str) -> Assignment | None:
        """Open the page in the frame.

        None as long as nobody answered us that the HIT was created; and for who answered in another HIT there that
        asks the same, perhaps listed only since this one was accepted: they give it back.
        """
        assignment = self.model.assignments[name]
        try:
            return accept(hit=self.grid.hit, visit=FrameVisit(name, assignment.hit, require(assignment.worker)))
        except NotYetPublished:
            assert not MarketplaceHIT.objects.filter(external_id=assignment.hit).exists()
            self.seen["opened too early"] += 1
        except AlreadyAnswered:
            assert assignment.worker in self.answered_by(), "nobody else is sent away"
            self.model.give_back(name)
            self.seen["sent away"] += 1
        return None

    def held(self, *states: str) -> list[str]:
        return sorted(name for name, assignment in self.model.assignments.items() if assignment.status in states)

    @precondition(lambda self: self.held("Pending"))
    @rule(data=st.data(), ran_out=st.booleans())
    def return_or_let_run_out(self, data, ran_out):
        name = data.draw(st.sampled_from(self.held("Pending")))
        worker = self.model.assignments[name].worker
        self.pages.pop(name, None)
        self.model.give_back(name)
        self.seen["ran out" if ran_out else "returned"] += 1
        if ran_out:
            mine = Assignment.objects.filter(external_id=name, worker__identity__external_id=worker).values("lease")
            Lease.objects.filter(pk__in=mine).update(expires_at=LONG_AGO)
            Submission.objects.filter(lease__in=mine).update(submitted_at=LONG_AGO)
            orphan_unlisted()

    @precondition(lambda self: self.held("Pending"))
    @rule(data=st.data(), n_ticked=ANSWERS, here=st.booleans(), there=st.booleans(), again=st.booleans())
    def submit(self, data, n_ticked, here, there, again):
        self.hand_in(data.draw(st.sampled_from(self.held("Pending"))), n_ticked, here, there, again)

    def hand_in(self, name: str, n_ticked: int, here: bool, there: bool, again: bool = False) -> None:
        # Who opened it when they accepted it does not open it anew.
        if (mine := self.pages.pop(name, None) or self.page_of(name)) is None:
            return
        mine.lease.assignment = mine
        ticked = sorted(self.images[:n_ticked])
        stored = self.send_to_us(mine, ticked, again) if here else None
        if there:
            is_stored = stored is not None and stored.pk is not None
            copy = encode(copy_of(mine.lease, {"selected": ticked}))
            self.model.submit(name, fields_to_hand_over(mine, require(stored).answer) if is_stored else copy)
            self.handed_in[name] = (mine.worker.identity.external_id, ticked)
            self.seen["submitted"] += 1

    def send_to_us(self, mine: Assignment, ticked: list[str], again: bool) -> Submission:
        """Twice under one key, or once. Of many that wait for proof, only the marketplace keeps the latest."""
        key = unique("key")
        stored = tick_images(lease=mine.lease, selected=ticked, idempotency_key=key)
        if stored.pk is None:
            assert Submission.objects.filter(lease=mine.lease, state="provisional").count() == MOST_UNVERIFIED
            return stored
        self.acknowledged[key] = (stored.pk, ticked)
        self.seen["stored"] += 1
        if again:
            assert tick_images(lease=mine.lease, selected=ticked, idempotency_key=key).pk == stored.pk
            # All pages of an assignment have the same key: a different answer of one is stored beside the first.
            other = tick_images(lease=mine.lease, selected=self.images, idempotency_key=key)
            assert (other.pk == stored.pk) == (ticked == sorted(self.images))
            self.seen["sent again"] += 1
        return stored

    @precondition(lambda self: self.held("Submitted"))
    @rule(data=st.data())
    def marketplace_approves_by_itself(self, data):
        self.model.approve_by_itself(data.draw(st.sampled_from(self.held("Submitted"))))

    # Our side

    @rule(fault=FAULTS)
    def send_a_call(self, fault):
        Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)
        if (call := claim_call()) is not None:
            self.model.fault = fault
            send(call)
            self.model.fault = ""

    @rule()
    def ask_what_was_handed_in(self):
        for marketplace_hit in MarketplaceHIT.objects.filter(finished_at=None).exclude(external_id=None).order_by("pk"):
            poll(MarketplaceHIT.objects.select_related("terms", "hit__batch").get(pk=marketplace_hit.pk))
        take_in_recovered()
        self.terms.refresh_from_db()
        offer_again(terms=self.terms)
        if self.terms.expires_at > now():
            assert missing_answers(self.terms) == {}

    def listed(self, **which: object) -> list[ListedAssignment]:
        return list(ListedAssignment.objects.filter(**which).order_by("pk"))

    @precondition(lambda self: self.listed(status="submitted"))
    @rule(data=st.data())
    def reject(self, data):
        listed = data.draw(st.sampled_from(self.listed(status="submitted")))
        approval = Call.objects.get(purpose=f"approve:{listed.pk}").state
        stands = listed.rejections.filter(overridden_at=None).exists()
        try:
            reject(listed=listed, reason="It is empty.", decided_by=self.people[0], seconded_by=self.people[1])
        except CannotReject:
            assert stands or approval != "waiting"
        else:
            assert not stands and approval in ("waiting", "failed")
            self.seen["rejected"] += 1

    @precondition(lambda self: Rejection.objects.filter(overridden_at=None).exists())
    @rule(data=st.data())
    def restore(self, data):
        standing = list(Rejection.objects.filter(overridden_at=None).order_by("pk"))
        override_rejection(
            rejection=data.draw(st.sampled_from(standing)), reason="It was not.", overridden_by=self.people[0]
        )
        self.seen["restored"] += 1

    @precondition(lambda self: self.listed())
    @rule(data=st.data(), reason=st.sampled_from(["Care", "Patience"]))
    def give_bonus(self, data, reason):
        listed = data.draw(st.sampled_from(self.listed()))
        give_bonus(listed=listed, amount=BONUS, reason=reason)
        self.decided_bonuses.add((listed.external_id, reason))

    @precondition(lambda self: self.grid.hit.slots.count() < MOST_SLOTS)
    @rule()
    def extend(self):
        add_slots(hit=self.grid.hit, n_slots=1)
        self.seen["extended"] += 1

    @rule(minutes=st.sampled_from([-1, 60, 60, 60]))
    def move_the_end(self, minutes):
        self.terms.refresh_from_db()
        move_end(terms=self.terms, expires_at=now() + timedelta(minutes=minutes))
        self.seen["ended" if minutes < 0 else "put back"] += 1

    @rule()
    def aggregate(self):
        aggregate()
        counting = Submission.objects.filter(state="confirmed").exclude(exclusions__lifted_at=None, exclusions__gt=0)
        assert ContainsVote.objects.filter(counted=True).count() == N_IMAGES * counting.count()

    # What holds after every step

    def answered_by(self) -> set[str]:
        """Return the workers whose answer the marketplace has listed."""
        proven = Submission.objects.filter(Q(state__in=PROVEN) | Q(answer__has_key="copy"))
        return set(proven.values_list("worker__identity__external_id", flat=True))

    @invariant()
    def an_answer_is_stored_once_and_whole(self):
        if not hasattr(self, "atomic"):
            return
        votes = dict(ContainsVote.objects.order_by().values_list("submission").annotate(Count("pk")))
        stored = {submission.pk: submission for submission in Submission.objects.all()}
        proven = [submission.worker_id for submission in stored.values() if submission.state in PROVEN]
        assert len(set(proven)) == len(proven)
        assert votes == {pk: N_IMAGES for pk, submission in stored.items() if "selected" in submission.answer}
        for pk, ticked in self.acknowledged.values():
            assert stored[pk].answer["selected"] == ticked

    @invariant()
    def counted_answers_are_listed_and_have_slots(self):
        if not hasattr(self, "atomic"):
            return
        confirmed = list(Submission.objects.filter(state="confirmed").select_related("assignment", "worker__identity"))
        assert len({submission.slot_id for submission in confirmed}) == len(confirmed)
        assert Slot.objects.filter(state="filled").count() == len(confirmed) <= MOST_SLOTS
        for submission in confirmed:
            ours = (submission.worker.identity.external_id, submission.answer["selected"])
            assert self.handed_in[require(submission.assignment).external_id] == ours

    @invariant()
    def nothing_is_created_or_paid_twice(self):
        if not hasattr(self, "atomic"):
            return
        annotations = [hit.annotation for hit in self.model.hits.values()]
        assert len(set(annotations)) == len(annotations)
        assert all(assignment.n_paid <= 1 for assignment in self.model.assignments.values())
        assert len(set(self.model.bonuses.values())) == len(self.model.bonuses)
        assert self.booked_cents() <= self.model.cents

    def booked_cents(self) -> int:
        return sum(int(entry.amount * 100) for entry in LedgerEntry.objects.all())

    # The end, when everything is sent and asked

    def quieten(self) -> None:
        for _ in range(60):
            self.ask_what_was_handed_in()
            self.send_a_call("")
            if not Call.objects.filter(state__in=["waiting", "unsure"]).exists():
                return
        raise AssertionError(list(Call.objects.exclude(state="done").values_list("op", "state", "last_error")))

    def check_the_end(self) -> None:
        self.seen.update(listed.finding for listed in self.listed())
        self.seen.update(f"{state} in the end" for state in Submission.objects.values_list("state", flat=True))
        self.ask_what_was_handed_in()
        assert not self.held("Submitted"), "somebody is neither paid nor rejected"
        refused = set(Rejection.objects.filter(overridden_at=None).values_list("listed__external_id", flat=True))
        assert set(self.held("Rejected")) <= refused
        assert {(name, reason) for name, _, reason in self.model.bonuses.values()} == self.decided_bonuses
        assert self.booked_cents() == self.model.cents
        assert {
            marketplace_hit.external_id for marketplace_hit in MarketplaceHIT.objects.exclude(external_id=None)
        } == set(self.model.hits)
        assert set(Call.objects.exclude(state="done").values_list("state", flat=True)) <= {"withdrawn", "failed"}
        for call in Call.objects.filter(state="failed"):
            # A person rejected, or took a rejection back, what the marketplace had approved by itself meanwhile.
            assert call.op == "RejectAssignment"
            assert self.model.assignments[call.payload["AssignmentId"]].status == "Approved"


@pytest.mark.django_db
def test_no_history_loses_or_doubles_an_answer_a_hit_or_a_payment(capsys, monkeypatch):
    dataset = make_dataset(contains_answers=N_SLOTS)
    Study.grid = make_grid(batch=make_batch(dataset), n_images=N_IMAGES)
    # The model of the endpoint has no account.
    monkeypatch.setattr("mturk.publishing.actions.check_balance", lambda cost: cost)
    Study.terms = publish(batch=Study.grid.hit.batch, offer=offer_of("0.10", cap="1000"))
    Study.grid.hit.batch.refresh_from_db()
    Study.people = [researcher(), researcher()]
    # The share is proven in test_rejections; of the few answers here it would allow none.
    monkeypatch.setattr("mturk.payments.reads.MOST_REJECTED_PERCENT", 100)
    monkeypatch.setattr(endpoint, "call", lambda op, **parameters: require(Study.endpoint).call(op, **parameters))
    run_histories(Study, N_RUNS, capsys)
    assert Study.seen["histories"] >= N_RUNS
    met = {
        "accepted",
        "returned",
        "ran out",
        "submitted",
        "sent again",
        "rejected",
        "restored",
        "extended",
        "ended",
        "put back",
        "confirmed",
        "recovered",
        "repeated",
        "orphaned in the end",
    }
    assert N_RUNS < 2_000 or met <= Study.seen.keys(), Study.seen
    with capsys.disabled():
        print(dict(Study.seen))
