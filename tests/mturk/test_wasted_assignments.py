"""Assignments that are paid and come to nothing: nobody can empty the spending cap with them."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from catalog.reads import now
from dashboard.payments.reads import progress_of
from mturk.models import ListedAssignment, MarketplaceHIT, Terms
from mturk.publishing.actions import allow_losses, offer_again
from mturk.publishing.reads import missing_answers, missing_in_stopped_hits
from mturk.qualifications.actions import let_in_again
from mturk.qualifications.reads import blocked_workers
from mturk.terms.reads import CannotPublish
from tests.factories import worker_client
from tests.mturk.marketplace_breakers import listed_assignment
from tests.mturk.marketplaces import Marketplace
from tests.mturk.mturk_study import grids_to_publish, hits_of, page_of, published, settle, work
from tests.workforce.starting import opened as opened_in_frame
from workforce.models import Lease, Submission, Worker, WorkerIdentity
from workforce.problem_reports.actions import report_problem
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db

# A copy of an answer that can be read as one, of a page that nobody has.
COPY_OF_NOTHING = {"lease": "x" * 22, "selected": "nonsense"}


def hand_in_nonsense(marketplace: Marketplace, marketplace_hit: MarketplaceHIT, worker: str, **fields: str) -> bool:
    """Returns whether the marketplace let them have the HIT."""
    accepted = marketplace.ask("accept", worker=worker, hit=marketplace_hit.external_id)
    if "refused" in accepted:
        return False
    marketplace.submit(accepted["id"], **(fields or {"nonsense": "yes"}))
    settle()
    take_in_recovered()
    return True


def open_hits(terms: Terms) -> list[MarketplaceHIT]:
    return [
        marketplace_hit
        for marketplace_hit in hits_of(terms)
        if marketplace_hit.external_id and marketplace_hit.listed.count() < marketplace_hit.n_assignments
    ]


def nonsense_until_refused(marketplace: Marketplace, terms: Terms, worker: str, **fields: str) -> int:
    for n in range(12):
        marketplace_hits = open_hits(terms)
        if not any(
            hand_in_nonsense(marketplace, marketplace_hit, worker, **fields) for marketplace_hit in marketplace_hits
        ):
            return n
    raise AssertionError("It goes on and on.")


def worker_named(name: str) -> Worker:
    return WorkerIdentity.objects.get(external_id=name).worker


def test_whoever_hands_in_nothing_twice_is_offered_no_more_and_is_paid(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), cap="2.00")
    worker = marketplace.worker()
    assert nonsense_until_refused(marketplace, marketplace_hit.terms, worker) == 2
    assert set(ListedAssignment.objects.values_list("finding", "status")) == {("unreadable", "approved")}
    assert blocked_workers() == {worker_named(worker).pk}
    # Others are still asked, and the answer comes.
    work(marketplace, open_hits(marketplace_hit.terms)[0])
    settle()
    assert Submission.objects.filter(state="confirmed").count() == 1


def test_a_copy_that_turns_out_to_be_no_answer_is_nothing_as_well(marketplace):
    (marketplace_hit, *_) = published(grids_to_publish(5, n_slots=1))
    worker = marketplace.worker()
    assert nonsense_until_refused(marketplace, marketplace_hit.terms, worker, **COPY_OF_NOTHING) <= 3
    assert blocked_workers() == {worker_named(worker).pk}


def test_the_same_hit_answered_again_and_again_is_nothing_as_well(marketplace):
    hits = published(grids_to_publish(n_slots=27))
    assert len(hits) == 3
    worker = marketplace.worker()
    work(marketplace, hits[0], worker)
    settle()
    for marketplace_hit in hits[1:]:
        assert hand_in_nonsense(marketplace, marketplace_hit, worker)
    assert set(ListedAssignment.objects.values_list("finding", flat=True)) == {"confirmed", "repeated"}
    assert blocked_workers() == {worker_named(worker).pk}


def test_one_accident_keeps_nobody_out(marketplace):
    first, second = published(grids_to_publish(2, n_slots=1))
    worker = marketplace.worker()
    assert hand_in_nonsense(marketplace, first, worker)
    work(marketplace, second, worker)
    settle()
    assert blocked_workers() == set()


def test_whom_a_person_let_in_again_starts_anew(marketplace):
    (marketplace_hit, *_) = published(grids_to_publish(6, n_slots=1))
    worker = marketplace.worker()
    assert nonsense_until_refused(marketplace, marketplace_hit.terms, worker) == 2
    let_in_again(worker=worker_named(worker))
    settle()
    before = ListedAssignment.objects.count()
    assert hand_in_nonsense(marketplace, open_hits(marketplace_hit.terms)[0], worker)
    assert blocked_workers() == set()
    assert hand_in_nonsense(marketplace, open_hits(marketplace_hit.terms)[0], worker)
    assert blocked_workers() == {worker_named(worker).pk}
    assert ListedAssignment.objects.count() == before + 2


def test_who_told_of_a_problem_each_time_is_kept_out_much_later(marketplace):
    hits = published(grids_to_publish(7, n_slots=1))
    worker = marketplace.worker()
    for n, marketplace_hit in enumerate(hits, start=1):
        accepted = marketplace.ask("accept", worker=worker, hit=marketplace_hit.external_id)
        if "refused" in accepted:
            break
        opened_in_frame(worker_client(), page_of(marketplace_hit, accepted["id"], worker))
        lease = Lease.objects.get(hit=marketplace_hit.hit, worker=worker_named(worker))
        report_problem(lease=lease, kind="pictures", words="")
        marketplace.submit(accepted["id"], unfinished="yes")
        settle()
        assert blocked_workers() == ({worker_named(worker).pk} if n == 6 else set())
    assert n == 7


def test_a_hit_that_many_hand_in_nothing_for_is_no_longer_offered_and_that_is_told(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    terms = marketplace_hit.terms
    for _ in range(terms.losses_per_hit):
        [offered] = open_hits(terms)
        assert hand_in_nonsense(marketplace, offered, marketplace.worker())
    settle()
    assert open_hits(terms) == []
    assert (missing_answers(terms), missing_in_stopped_hits(terms)) == ({}, {marketplace_hit.hit_id: 1})
    assert offer_again(terms=terms) == 0
    allow_losses(terms=terms, per_hit=terms.losses_per_hit + 1)
    settle()
    [offered] = open_hits(terms)
    work(marketplace, offered)
    settle()
    terms.refresh_from_db()
    assert (missing_answers(terms), missing_in_stopped_hits(terms)) == ({}, {})
    assert Submission.objects.get(state="confirmed").submitted_at > now() - timedelta(minutes=5)


@pytest.mark.parametrize("per_hit", [0, -1, 1001])
def test_how_much_a_hit_may_lose_has_its_limits(per_hit):
    with pytest.raises(CannotPublish, match="may have 1 to 1,000 unusable"):
        allow_losses(terms=Terms(), per_hit=per_hit)


def test_the_researcher_is_told_on_the_page_and_by_the_command():
    listed = [listed_assignment() for _ in range(5)]
    marketplace_hit = listed[0].marketplace_hit
    terms, hit = marketplace_hit.terms, marketplace_hit.hit
    ListedAssignment.objects.update(status="approved", marketplace_hit=marketplace_hit)
    MarketplaceHIT.objects.update(finished_at=now())
    assert missing_in_stopped_hits(terms) == {hit.pk: hit.slots.count()}
    output = io.StringIO()
    call_command("marketplace", "status", str(terms.batch_id), stdout=output)
    assert "1 HIT lacks answers but is no longer offered: it had 5 or more unusable assignments" in output.getvalue()
    assert progress_of(terms).n_stopped == 1
    call_command("marketplace", "extend", str(terms.batch_id), "--losses", "6", stdout=output)
    assert progress_of(terms_again(terms)).n_stopped == 0


def terms_again(terms: Terms) -> Terms:
    return Terms.objects.get(pk=terms.pk)
