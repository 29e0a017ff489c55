"""A whole study over HTTP, through throttling, faults, lost answers and lag (T2), ends as planned; SOAK=1 for a calm
one too (T1).

Published, done by twenty people (six in the short form) with browsers of their own, confirmed, reviewed, paid,
extended, ended and disposed of.
"""

import os
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from aggregation.actions import aggregate
from benchmarks.marketplace_people import Person, field
from catalog.reads import now
from contains_task.models import ContainsVote
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.payments.actions import give_bonus
from mturk.publishing.actions import move_end, offer_again
from mturk.rejections.actions import override_rejection, reject
from mturk.sync import send_waiting
from tests.live_server import running_site
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.marketplaces import Marketplace
from tests.mturk.mturk_study import PAST, ask, assert_ledgers_are_equal, grids_to_publish, publish
from tests.required import require
from tests.threads import in_threads
from workforce.models import Slot, Submission
from workforce.replacements.actions import add_slots

pytestmark = pytest.mark.django_db(transaction=True)

SOAK = bool(os.environ.get("SOAK"))
N_PEOPLE, N_ANSWERS = (20 if SOAK else 6), 4
N_GRIDS = 50 if SOAK else 3
N_BONUSES = N_GRIDS
LAG_SECONDS = 300
FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}
LAG = {"hit_lag_seconds": LAG_SECONDS, "assignment_lag_seconds": LAG_SECONDS}
# Whatever a calm study proves, the other one does.
CASES: dict[str, dict[str, float]] = ({"calm": {}} if SOAK else {}) | {"faulty": FAULTS | LAG}
PASSWORD = "a password of a test"
NOT_VISIBLE_YET = "does not exist|status of: null|'null'"


@pytest.fixture
def site(transactional_db, settings):
    with running_site() as server:
        settings.WORKER_ORIGIN = f"http://localhost:{urlsplit(server.url).port}"
        settings.STAFF_ORIGIN, settings.ALLOWED_HOSTS = server.url, ["localhost", "127.0.0.1"]
        yield server


def answered(op: str, **parameters: str) -> dict:
    """Ask the endpoint, for the test itself, until there is an answer."""
    for _ in range(50):
        try:
            return endpoint.call(op, **parameters)
        except (endpoint.Throttled, endpoint.Ambiguous):
            continue
    raise AssertionError(f"{op} never got through")


class Study:
    """The requester of the study, who does each step until it is done, without repeating any by hand."""

    def __init__(self, marketplace: Marketplace, **faults: float) -> None:
        self.marketplace = marketplace
        self.states: set[str] = set()
        self.batch = grids_to_publish(N_GRIDS, n_slots=N_ANSWERS)
        marketplace.post("/faults/", **faults)
        self.people = [self.person() for _ in range(N_PEOPLE)]

    def person(self) -> Person:
        return Person(self.marketplace.url, self.marketplace.worker(PASSWORD), PASSWORD)

    def publish(self) -> None:
        self.terms: Terms = publish(self.batch)
        self.send()
        self.look()

    def send(self) -> None:
        """Until nothing waits. What is not visible at once is after the lag."""
        for _ in range(300):
            waiting = Call.objects.filter(state__in=["waiting", "unsure"])
            if waiting.filter(last_error__regex=NOT_VISIBLE_YET).exists():
                self.marketplace.later(LAG_SECONDS + 1)
            waiting.update(next_try=PAST)
            send_waiting()
            if not waiting.exists():
                self.marketplace.later(LAG_SECONDS + 1)
                return
        raise AssertionError(list(waiting.values_list("op", "state", "last_error")))

    def settle(self, reached) -> None:
        for _ in range(30):
            ask()
            if reached():
                return
        raise AssertionError(list(ListedAssignment.objects.values_list("finding", "status")))

    def look(self) -> None:
        """In which states its HITs are to be seen."""
        for marketplace_hit in MarketplaceHIT.objects.exclude(external_id=None):
            self.states.add(answered("GetHIT", HITId=require(marketplace_hit.external_id))["HIT"]["HITStatus"])

    # People

    def go_to_group(self, person: Person) -> None:
        hit = MarketplaceHIT.objects.exclude(external_id=None).latest("pk").external_id
        group = answered("GetHIT", HITId=require(hit))["HIT"]["HITGroupId"]
        person.sign_in()
        person.group = f"{self.marketplace.url}/groups/{group}/"
        person.token = field("csrfmiddlewaretoken", person.browser.get(person.group))

    def work(self, person: Person, most: int) -> int:
        """Accept, open the frame, answer to us, hand in there: so often, or until none is left for this person."""
        self.go_to_group(person)
        n_done = 0
        try:
            while n_done < most and (task := person.accept()):
                person.do(task)
                n_done += 1
        finally:
            for connection in person.browser.connections.values():
                connection.close()
            person.browser.connections.clear()
        return n_done

    def work_together(self, n_answers: int) -> None:
        each = -(-n_answers // N_PEOPLE)
        n_done = sum(in_threads(N_PEOPLE, lambda number: self.work(self.people[number], each)))
        self.look()
        # The last places may be in HITs that those who are left have done already.
        self.work_as_newcomers(n_answers - n_done)

    def work_as_newcomers(self, n_answers: int) -> None:
        while n_answers:
            n_answers -= self.work(self.person(), n_answers)
        self.marketplace.later(LAG_SECONDS + 1)

    # What is the case in the end

    def state(self) -> dict[str, Any]:
        aggregate()
        theirs = self.marketplace.ask("ledger", key_id=self.marketplace.key_id)
        marketplace_hits = MarketplaceHIT.objects.filter(terms=self.terms)
        booked = LedgerEntry.objects.filter(batch=self.batch)
        return {
            "HITs there": (len(theirs["hits"]), len(set(theirs["hits"]))),
            "HITs made for one of ours": set(theirs["hits"])
            == set(marketplace_hits.values_list("public_id", flat=True)),
            "their assignments": Counter(status for _, status in theirs["assignments"]),
            "their rows": Counter(kind for kind, *_ in theirs["rows"] if kind not in ("deposit", "hold", "release")),
            "their money": (theirs["available"], theirs["held"]),
            "bonuses": theirs["bonuses"],
            "answers": Counter(Submission.objects.values_list("state", flat=True)),
            "slots": Counter(Slot.objects.filter(batch=self.batch).values_list("state", flat=True)),
            "listed": Counter(ListedAssignment.objects.values_list("finding", "status")),
            "booked": Counter(booked.values_list("kind", "amount")),
            "rejections": Counter(Rejection.objects.values_list("reason", "override_reason")),
            "votes that count": ContainsVote.objects.filter(counted=True).count(),
            "calls": Counter(Call.objects.exclude(op="UpdateExpirationForHIT").values_list("op", "state")),
            "calls that are not done": Counter(Call.objects.exclude(state="done").values_list("op", "state")),
        }


def live(marketplace: Marketplace, **faults: float) -> Study:
    """From publishing to the end."""
    study = Study(marketplace, **faults)
    n_answers = N_GRIDS * N_ANSWERS
    study.publish()
    study.work_together(n_answers)
    study.look()
    study.settle(lambda: ListedAssignment.objects.count() == n_answers)
    review(study)
    # The answer that was refused is asked for again; one more is wanted of that grid; and there is more time.
    refused = require(Rejection.objects.get(overridden_at=None).listed.submission)
    add_slots(hit=refused.hit, n_slots=1)
    offer_again(terms=study.terms)
    study.send()
    move_end(terms=study.terms, expires_at=now() + timedelta(days=3))
    study.send()
    study.work_as_newcomers(2)
    study.settle(lambda: ListedAssignment.objects.count() == n_answers + 2)
    study.send()
    move_end(terms=study.terms, expires_at=now())
    study.send()
    study.settle(lambda: not MarketplaceHIT.objects.filter(finished_at=None).exists())
    study.look()
    dispose(study)
    return study


def review(study: Study) -> None:
    """Two are rejected, one of them is paid after all; the others are approved by themselves, and some get a bonus."""
    person, other = researcher(), researcher()
    first, second, *rest = ListedAssignment.objects.order_by("pk")
    reject(listed=first, reason="It is empty.", decided_by=person)
    mistaken = reject(listed=second, reason="It looks empty.", decided_by=person, seconded_by=other)
    study.send()
    override_rejection(rejection=mistaken, reason="It was not.", overridden_by=person)
    for listed in rest[:N_BONUSES]:
        give_bonus(listed=listed, amount=Decimal("0.05"), reason="Thank you for your care.")
    study.send()


def dispose(study: Study) -> None:
    """Delete the HITs, as only a requester may; nothing on the site does."""
    for marketplace_hit in MarketplaceHIT.objects.exclude(external_id=None):
        try:
            answered("DeleteHIT", HITId=require(marketplace_hit.external_id))
        except endpoint.RefusedCall as refusal:
            # Carried out before, and its answer was lost.
            assert "Disposed" in refusal.message
    study.look()


def expected() -> dict[str, object]:
    """Of every answer that was wanted one is paid, but for the one that stays rejected."""
    n_paid = N_GRIDS * N_ANSWERS + 1
    return {
        "HITs there": (N_GRIDS + 1,) * 2,
        "HITs made for one of ours": True,
        "their assignments": Counter(Approved=n_paid, Rejected=1),
        "bonuses": N_BONUSES,
        "their money": (1_000_000 - n_paid * 12 - N_BONUSES * 6, 0),
        "listed": Counter({("confirmed", "approved"): n_paid, ("confirmed", "rejected"): 1}),
        "rejections": Counter({("It is empty.", ""): 1, ("It looks empty.", "It was not."): 1}),
        "votes that count": n_paid,
        # Of those that were rejected before they were approved.
        "calls that are not done": Counter({("ApproveAssignment", "withdrawn"): 2}),
    }


@pytest.mark.parametrize("faults", CASES.values(), ids=CASES)
def test_a_study_ends_the_same_whatever_fails_on_the_way(faults, site, marketplace, monkeypatch):
    # Of so few the share would allow none; it is proven in test_rejections.
    monkeypatch.setattr("mturk.payments.reads.MOST_REJECTED_PERCENT", 100)
    study = live(marketplace, **faults)
    state = study.state()
    assert {name: state[name] for name in expected()} == expected()
    assert state["booked"].keys() == {
        ("reward", Decimal("0.10")),
        ("reward_fee", Decimal("0.02")),
        ("bonus", Decimal("0.05")),
        ("bonus_fee", Decimal("0.01")),
    }
    assert state["their rows"]["reward"] == state["booked"]["reward", Decimal("0.10")] == N_GRIDS * N_ANSWERS + 1
    assert_ledgers_are_equal(marketplace)
    assert {"Assignable", "Reviewable", "Disposed"} <= study.states
