"""Pay for who worked and could not hand in, and for nobody who was invented."""

import io
import logging
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from catalog.reads import now
from mturk.compensation.actions import compensate
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT
from mturk.outbox.actions import claim_call, try_failed_again
from mturk.outbox.sending import send
from mturk.payments.actions import give_bonus
from mturk.publishing.reads import committed
from mturk.terms.reads import CannotPublish
from tests.factories import worker_client
from tests.mturk.marketplaces import answer_in_frame
from tests.mturk.mturk_study import (
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hand_over,
    page_of,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.workforce.starting import opened as opened_in_frame
from workforce.frame.actions import GRACE, LISTED_WITHIN
from workforce.models import Lease, Submission, Worker, WorkerIdentity

pytestmark = pytest.mark.django_db


def who_opened(marketplace_hit: MarketplaceHIT, assignment: str, worker: str) -> Worker:
    assert opened_in_frame(worker_client(), page_of(marketplace_hit, assignment, worker))[1].status_code == 200
    return WorkerIdentity.objects.get(external_id=worker).worker


def send_all_but_what_is_refused() -> None:
    """Send all calls, as after half an hour, when unknown workers make a call fail."""
    before = now() - timedelta(minutes=31)
    for _ in range(30):
        Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=before, created_at=before)
        if (call := claim_call()) is None:
            return
        send(call)
    raise AssertionError(list(Call.objects.exclude(state="done").values_list("op", "state", "last_error")))


def test_who_could_not_hand_in_is_paid_by_a_hit_that_only_they_see(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    person = who_opened(marketplace_hit, marketplace.accept(worker, marketplace_hit.external_id), worker)
    compensate(terms=marketplace_hit.terms, worker=person, returned=True)
    send_until_quiet()
    offered = MarketplaceHIT.objects.get(compensates=person)
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=offered.external_id)
    marketplace.submit(marketplace.accept(worker, offered.external_id), done="yes")
    settle()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.status) == ("compensation", "approved")
    with pytest.raises(CannotPublish, match="paid or compensated"):
        compensate(terms=marketplace_hit.terms, worker=person)


def test_who_finished_without_an_answer_is_paid_by_that_and_not_compensated(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    person = who_opened(marketplace_hit, assignment, worker)
    marketplace.submit(assignment, nothing="here")
    settle()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.submission) == ("unreadable", None)
    with pytest.raises(CannotPublish, match="paid or compensated"):
        compensate(terms=marketplace_hit.terms, worker=person)


def test_for_an_invented_worker_nothing_is_made_nothing_promised_and_nothing_paid(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    person = who_opened(marketplace_hit, "3" + "Z" * 29, "A" + "9" * 13)
    before = committed(marketplace_hit.terms)
    held = marketplace.ask("ledger", key_id=marketplace.key_id)["held"]
    compensate(terms=marketplace_hit.terms, worker=person, returned=True)
    send_all_but_what_is_refused()
    ops = set(Call.objects.filter(purpose__startswith="compensation:").values_list("op", flat=True))
    assert ops == set()
    assert Call.objects.get(op="AssociateQualificationWithWorker").state == "failed"
    offered = MarketplaceHIT.objects.get(compensates=person)
    assert offered.external_id is None and offered.finished_at is not None
    assert committed(marketplace_hit.terms) == before
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert (len(theirs["hits"]), theirs["held"]) == (1, held)


def test_a_compensation_whose_first_call_was_refused_by_mistake_is_offered_when_it_is_sent_again(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    person = who_opened(marketplace_hit, marketplace.accept(worker, marketplace_hit.external_id), worker)
    right = WorkerIdentity.objects.get(worker=person).external_id
    WorkerIdentity.objects.filter(worker=person).update(external_id="A" + "8" * 13)
    compensate(terms=marketplace_hit.terms, worker=person, returned=True)
    send_all_but_what_is_refused()
    WorkerIdentity.objects.filter(worker=person).update(external_id=right)
    assert try_failed_again() == 1
    send_until_quiet()
    offered = MarketplaceHIT.objects.get(compensates=person)
    assert offered.finished_at is None
    assert "refused" not in marketplace.ask("accept", worker=worker, hit=offered.external_id)


# Nobody is paid twice for one HIT


def as_if_passed(passed: timedelta) -> None:
    """Move the pages and answers back in time by so much."""
    Lease.objects.update(expires_at=F("expires_at") - passed)
    Submission.objects.update(submitted_at=F("submitted_at") - passed)


def rewards(marketplace) -> list[str]:
    assert_ledgers_are_equal(marketplace)
    return [str(entry.amount) for entry in LedgerEntry.objects.filter(kind="reward")]


def test_who_sent_an_answer_that_is_not_listed_yet_is_paid_once(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    work(marketplace, marketplace_hit, worker)
    person = WorkerIdentity.objects.get(external_id=worker).worker
    as_if_passed(timedelta(hours=23))
    for returned in (False, True):
        with pytest.raises(CannotPublish, match=r"submitted an answer .* lists it by 20\d\d-.* paid as usual"):
            compensate(terms=marketplace_hit.terms, worker=person, returned=returned)
    settle()
    assert not MarketplaceHIT.objects.filter(compensates=person).exists()
    assert rewards(marketplace) == ["0.10"]


def test_who_sent_an_answer_that_was_never_listed_is_compensated_after_that(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    answer_in_frame(page_of(marketplace_hit, marketplace.accept(worker, marketplace_hit.external_id), worker))
    person = WorkerIdentity.objects.get(external_id=worker).worker
    with pytest.raises(CannotPublish, match="submitted an answer"):
        compensate(terms=marketplace_hit.terms, worker=person, returned=True)
    as_if_passed(timedelta(seconds=600) + GRACE + LISTED_WITHIN)
    compensate(terms=marketplace_hit.terms, worker=person)


def test_who_may_still_hand_in_is_paid_once(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    person = who_opened(marketplace_hit, assignment, worker)
    for passed in (timedelta(0), timedelta(seconds=570), timedelta(hours=23)):
        as_if_passed(passed)
        with pytest.raises(CannotPublish, match="time for this HIT ends at .* both would be paid"):
            compensate(terms=marketplace_hit.terms, worker=person)
    hand_over(marketplace, assignment, answer_in_frame(page_of(marketplace_hit, assignment, worker)))
    settle()
    assert rewards(marketplace) == ["0.10"]


def test_who_never_handed_in_is_compensated_when_nothing_can_be_listed_any_more(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    person = who_opened(marketplace_hit, marketplace.accept(worker, marketplace_hit.external_id), worker)
    as_if_passed(timedelta(seconds=600) + LISTED_WITHIN)
    compensate(terms=marketplace_hit.terms, worker=person)


def test_who_returned_one_hit_and_works_on_another_is_compensated_for_the_returned_one(marketplace):
    returned, held = published(grids_to_publish(2, n_slots=1))
    worker = marketplace.worker()
    for marketplace_hit in (returned, held):
        person = who_opened(marketplace_hit, marketplace.accept(worker, marketplace_hit.external_id), worker)
    with pytest.raises(CannotPublish, match="opened 2 HITs of the batch that are not paid. Choose the"):
        compensate(terms=held.terms, worker=person, returned=True)
    assert compensate(terms=held.terms, worker=person, hit=returned.hit, returned=True).hit == returned.hit
    as_if_passed(timedelta(seconds=600) + LISTED_WITHIN)
    assert compensate(terms=held.terms, worker=person).hit == held.hit


# Ids of workers, and fees


def test_not_even_the_most_talkative_log_names_a_worker(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    work(marketplace, marketplace_hit, worker)
    output, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(output), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        ask()
        give_bonus(listed=ListedAssignment.objects.get(), amount=Decimal("0.01"), reason="Thank you.")
        send_until_quiet()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "SendBonus" in Call.objects.filter(state="done").values_list("op", flat=True)
    assert worker not in output.getvalue()


def test_who_has_the_masters_qualification_is_kept_out_for_the_usual_fee(marketplace):
    not_masters = {
        "QualificationTypeId": "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH",
        "Comparator": "DoesNotExist",
        "ActionsGuarded": "Accept",
    }
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), reward="1.00", requirements=[not_masters])
    work(marketplace, marketplace_hit)
    settle()
    assert ListedAssignment.objects.get().ledger.get(kind="reward_fee").amount == Decimal("0.20")
    assert_ledgers_are_equal(marketplace)
