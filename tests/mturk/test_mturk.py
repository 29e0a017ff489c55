"""A batch on the marketplace, over HTTP and through boto3: published, worked on, confirmed, paid."""

import json
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest

from aggregation.actions import aggregate
from aggregation.models import SelectionFrequency
from catalog.reads import now
from mturk import endpoint
from mturk.costs.reads import NoKeys
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.outbox.actions import claim_call, decide
from mturk.outbox.sending import send
from mturk.payments.actions import give_bonus, notify
from mturk.publishing import actions as offers
from mturk.publishing.actions import CannotPublish, OverCap, advance, move_end, raise_cap
from mturk.qualifications.actions import block_softly
from mturk.sync import send_waiting
from tests.factories import make_form, make_grid, make_images, make_lease
from tests.mturk.marketplaces import answer_in_frame, fields_of_page
from tests.mturk.mturk_study import (
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hand_over,
    hits_of,
    offer_of,
    page_of,
    publish,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.required import require
from workforce.models import Slot, Submission, Worker
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db


def test_a_grid_is_published_worked_on_confirmed_and_paid(marketplace):
    (marketplace_hit,) = published(grids_to_publish())
    work(marketplace, marketplace_hit)
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


def test_a_hit_with_ten_answers_is_offered_as_two_with_five(marketplace):
    marketplace_hits = published(grids_to_publish(n_slots=10))
    assert [marketplace_hit.n_assignments for marketplace_hit in marketplace_hits] == [5, 5]
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert sorted(theirs["hits"]) == sorted(marketplace_hit.public_id for marketplace_hit in marketplace_hits)
    assert theirs["held"] == 10 * 12


def test_publishing_again_or_sending_again_makes_no_hit_twice(marketplace):
    batch = grids_to_publish(3)
    terms = publish(batch)
    with pytest.raises(CannotPublish, match="already published"):
        publish(batch)
    send_until_quiet()
    advance(terms=terms)
    send_until_quiet()
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 3


def test_a_batch_over_its_cap_is_not_published_and_the_message_says_the_sums(marketplace):
    with pytest.raises(OverCap, match=r"for \$0.48 .* cap of \$0.47"):
        publish(grids_to_publish(2), cap="0.47")
    assert not Call.objects.exists()


def test_a_batch_that_the_balance_does_not_cover_is_not_published(marketplace):
    with pytest.raises(CannotPublish, match="account balance is"):
        publish(grids_to_publish(), reward="9000.00", cap="100000")


def test_without_keys_nothing_is_published(marketplace, settings):
    settings.MTURK = settings.MTURK | {"access_key_id": ""}
    with pytest.raises(NoKeys) as refusal:
        publish(grids_to_publish())
    assert "MTURK_ACCESS_KEY_ID" in refusal.value.for_shell


def test_with_wrong_keys_nothing_is_published(marketplace, settings):
    settings.MTURK = settings.MTURK | {"secret_access_key": "x" * 40}
    endpoint.client.cache_clear()
    with pytest.raises(CannotPublish, match="balance is unavailable"):
        publish(grids_to_publish())


def test_a_batch_that_was_handed_out_at_its_own_address_is_not_published(marketplace):
    batch = grids_to_publish()
    make_lease(batch)
    with pytest.raises(CannotPublish, match="through its link"):
        publish(batch)


def test_votes_count_once_the_marketplace_lists_the_assignment_and_not_before(marketplace):
    batch = grids_to_publish(n_slots=1)
    (marketplace_hit,) = published(batch)
    work(marketplace, marketplace_hit)
    aggregate()
    assert not SelectionFrequency.objects.exists()
    ask()
    aggregate()
    frequency = SelectionFrequency.objects.get()
    assert (frequency.n_selected, frequency.n_shown) == (1, 1)


def test_an_answer_that_only_the_marketplace_has_is_recovered_and_counts(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    fields = fields_of_page(page_of(marketplace_hit, assignment, worker))
    marketplace.submit(assignment, **fields)
    assert not Submission.objects.exists()
    ask()
    assert ListedAssignment.objects.get().finding == "recovered"
    take_in_recovered()
    aggregate()
    assert Submission.objects.get().state == "confirmed"
    assert SelectionFrequency.objects.get().n_shown == 1
    settle()
    assert ListedAssignment.objects.get().status == "approved"
    assert MarketplaceHIT.objects.count() == 1


def test_what_cannot_be_read_is_paid_and_asked_for_again(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    marketplace.submit(marketplace.accept(marketplace.worker(), marketplace_hit.external_id), nonsense="yes")
    settle()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.status) == ("unreadable", "approved")
    again = hits_of(marketplace_hit.terms)[1]
    assert (again.hit_id, again.n_assignments) == (marketplace_hit.hit_id, 1)
    work(marketplace, again)
    settle()
    assert Submission.objects.get().state == "confirmed"
    assert MarketplaceHIT.objects.count() == 2
    assert_ledgers_are_equal(marketplace)


def test_of_two_workers_with_one_assignment_id_only_the_listed_one_is_confirmed(marketplace):
    """T10"""
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    first, second = marketplace.worker(), marketplace.worker()
    assignment = marketplace.accept(first, marketplace_hit.external_id)
    answer_in_frame(page_of(marketplace_hit, assignment, first))
    marketplace.ask("return", worker=first, assignment=assignment)
    assert marketplace.accept(second, marketplace_hit.external_id) == assignment
    fields = answer_in_frame(page_of(marketplace_hit, assignment, second))
    assert Submission.objects.filter(state="provisional").count() == 2
    hand_over(marketplace, assignment, fields)
    settle()
    states = dict(Submission.objects.values_list("worker__identity__external_id", "state"))
    assert states == {first: "orphaned", second: "confirmed"}
    assert not Rejection.objects.exists()
    assert ListedAssignment.objects.get().status == "approved"


def test_a_batch_is_taken_off_and_put_back_for_longer(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=2))
    move_end(terms=marketplace_hit.terms, expires_at=now())
    send_until_quiet()
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=marketplace_hit.external_id)
    move_end(terms=marketplace_hit.terms, expires_at=now() + timedelta(days=3))
    send_until_quiet()
    work(marketplace, marketplace_hit)
    settle()
    assert Submission.objects.get().state == "confirmed"
    assert MarketplaceHIT.objects.get().expires_at > now() + timedelta(days=2)


def test_a_batch_that_ends_before_it_was_sent_offers_nothing(marketplace):
    terms = publish(grids_to_publish(2))
    move_end(terms=terms, expires_at=now())
    send_until_quiet()
    open_ones = [
        marketplace_hit
        for marketplace_hit in hits_of(terms)
        if marketplace_hit.external_id and marketplace_hit.expires_at > now()
    ]
    assert open_ones == []


def test_the_same_bonus_is_paid_once_and_another_one_as_well(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    settle()
    listed = ListedAssignment.objects.get()
    for reason in ("For your care.", "For your care.", "For your patience."):
        give_bonus(listed=listed, amount=Decimal("0.33"), reason=reason)
    send_until_quiet()
    assert marketplace.ask("ledger", key_id=marketplace.key_id)["bonuses"] == 2
    assert LedgerEntry.objects.filter(kind="bonus_fee", amount=Decimal("0.07")).count() == 2
    assert_ledgers_are_equal(marketplace)


def test_a_bonus_over_the_cap_is_not_paid(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), cap="0.50")
    work(marketplace, marketplace_hit)
    settle()
    with pytest.raises(OverCap, match="spending cap"):
        give_bonus(listed=ListedAssignment.objects.get(), amount=Decimal("0.40"), reason="For your care.")
    assert not Call.objects.filter(op="SendBonus").exists()


def test_whoever_is_blocked_softly_gets_no_more_hits_of_ours(marketplace):
    (marketplace_hit, other) = published(grids_to_publish(2, n_slots=1))
    worker = marketplace.worker()
    work(marketplace, marketplace_hit, worker)
    settle()
    block_softly(workers=[Worker.objects.get(identity__external_id=worker)])
    send_until_quiet()
    assert "ualific" in marketplace.ask("accept", worker=worker, hit=other.external_id)["refused"]
    assert ListedAssignment.objects.get().status == "approved"


def test_workers_are_written_to_and_their_ids_stay_in_their_table(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    work(marketplace, marketplace_hit, worker)
    settle()
    give_bonus(listed=ListedAssignment.objects.get(), amount=Decimal("0.01"), reason="Thank you.")
    assert notify(terms=marketplace_hit.terms, subject="Thank you", text="The study goes on next week.") == 1
    send_until_quiet()
    assert Call.objects.get(op="NotifyWorkers").state == "done"
    assert worker not in json.dumps(list(Call.objects.values("payload", "purpose", "last_error")))
    assert worker not in json.dumps(list(ListedAssignment.objects.values_list("answer", flat=True)))


def test_what_the_marketplace_approves_by_itself_is_booked_once(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), review_seconds=80_000, auto_approval_seconds=86_400)
    work(marketplace, marketplace_hit)
    ask()
    assert ListedAssignment.objects.get().status == "submitted"
    marketplace.later(86_401)
    settle()
    ask()
    assert ListedAssignment.objects.get().status == "approved"
    assert LedgerEntry.objects.count() == 2
    assert_ledgers_are_equal(marketplace)
    assert MarketplaceHIT.objects.get().finished_at is not None


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"title": ""}, "The title has 0 characters"),
        ({"title": "x" * 129}, "129 characters; it must have 1 to 128"),
        ({"description": "a\x00b"}, "The description"),
        ({"assignment_seconds": 29}, "time per HIT is 29 seconds"),
        ({"lifetime_seconds": 31_536_001}, "time of the batch"),
        ({"auto_approval_seconds": 3 * 86_400 + 1}, "within three days"),
        ({"review_seconds": 3 * 86_400}, "within three days"),
        ({"cap": "0.09"}, r"spending cap of \$0.09 is below one reward of \$0.10"),
        ({"reward": "0.105"}, r"reward of \$0.105 must be at least one cent, in whole cents"),
        ({"reward": "0"}, r"reward of \$0 must be at least one cent"),
        ({"cap": "1e11"}, r"spending cap of \$1E\+11 must be at least one cent"),
        ({"requirements": [{"QualificationTypeId": "x"}] * 10}, "takes at most 8 besides"),
        ({"losses_per_hit": 0}, "may have 1 to 1,000 unusable assignments, not 0"),
    ],
)
def test_terms_that_the_marketplace_would_refuse_are_refused_here_and_nothing_is_kept(marketplace, changed, message):
    batch = grids_to_publish()
    with pytest.raises(CannotPublish, match=message):
        publish(batch, **changed)
    assert not Terms.objects.exists()
    assert not Call.objects.exists()


def test_every_term_of_an_offer_is_stored_as_it_was_offered(marketplace):
    offer = offer_of(
        "0.25",
        "12.50",
        auto_approval_seconds=86_400,
        review_seconds=3600,
        losses_per_hit=2,
        keeps_out_former=False,
        requirements=[{"QualificationTypeId": "x", "Comparator": "Exists"}],
    )
    terms = offers.publish(batch=grids_to_publish(), offer=offer)
    terms.refresh_from_db()
    assert {name: getattr(terms, name) for name in asdict(offer)} == asdict(offer)
    defaults = offer_of()
    assert (defaults.losses_per_hit, defaults.keeps_out_former, defaults.requirements) == (5, True, [])


def test_terms_that_are_refused_cost_no_question_about_the_balance(monkeypatch):
    monkeypatch.setattr(endpoint, "balance", lambda: pytest.fail("the marketplace was asked"))
    with pytest.raises(CannotPublish, match="The title"):
        publish(grids_to_publish(), title="")


def test_a_cap_is_never_set_below_what_is_spent_or_promised(marketplace):
    terms = publish(grids_to_publish(2), cap="1.00")
    for cap, words in (
        ("0.47", r"\$0.48 is already spent or committed"),
        ("0.05", "below one reward"),
        ("0.485", "cents"),
    ):
        with pytest.raises(CannotPublish, match=words):
            raise_cap(terms=terms, spending_cap=Decimal(cap))
    terms.refresh_from_db()
    assert terms.spending_cap == Decimal("1.00")
    raise_cap(terms=terms, spending_cap=Decimal("0.48"))


def test_what_the_marketplace_does_not_know_yet_is_tried_again_for_half_an_hour(marketplace):
    decide(op="ApproveAssignment", purpose="approve:0", payload={"AssignmentId": "3NOSUCHASSIGNMENT1234"})
    assert not send(require(claim_call()))
    call = Call.objects.get()
    assert (call.state, "does not exist" in call.last_error) == ("waiting", True)
    assert timedelta(seconds=20) < call.next_try - now() < timedelta(seconds=40)
    Call.objects.update(next_try=now(), created_at=now() - timedelta(minutes=31))
    assert not send(require(claim_call()))
    assert Call.objects.get().state == "failed"


def test_a_call_beyond_the_balance_waits_until_there_is_money_again(marketplace):
    marketplace_hits = published(grids_to_publish(n_slots=1), cap="100000")
    work(marketplace, marketplace_hits[0])
    settle()
    give_bonus(listed=ListedAssignment.objects.get(), amount=Decimal("9999.99"), reason="A large one.")
    assert not send(require(claim_call()))
    call = Call.objects.get(op="SendBonus")
    assert (call.state, call.last_error.split(":")[0]) == ("waiting", "InsufficientFunds")
    assert call.next_try - now() > timedelta(minutes=5)


def test_a_further_hit_of_a_published_batch_is_offered_by_itself(marketplace):
    batch = grids_to_publish(n_slots=1)
    published(batch)
    make_grid(batch=batch, images=make_images(batch.dataset, 1), n_slots=1)
    settle()
    assert [bool(marketplace_hit.external_id) for marketplace_hit in MarketplaceHIT.objects.all()] == [True, True]


def test_forms_that_open_later_go_to_a_published_classify_batch(marketplace):
    form = make_form(n_slots=1)
    published(form.hit.batch)
    other = make_form(image=make_images(form.image.dataset, 1)[0])
    assert other.hit.batch == form.hit.batch
    settle()
    assert MarketplaceHIT.objects.filter(hit=other.hit, external_id__isnull=False).exists()


def test_a_call_that_cannot_even_be_written_is_given_up_and_the_others_are_sent(marketplace):
    published(grids_to_publish(n_slots=1))
    decide(op="ApproveAssignment", purpose="approve:0", payload={"AssignmentId": 5})
    decide(op="NoSuchOperation", purpose="nothing:0", payload={})
    decide(op="GetAccountBalance", purpose="balance:0", payload={})
    send_waiting()
    assert dict(Call.objects.filter(purpose__endswith=":0").values_list("purpose", "state")) == {
        "approve:0": "failed",
        "nothing:0": "unsure",
        "balance:0": "done",
    }


def test_an_assignment_that_cannot_be_taken_in_does_not_hold_up_the_others(marketplace, caplog):
    broken, whole = published(grids_to_publish(2, n_slots=1))
    work(marketplace, broken)
    work(marketplace, whole)
    MarketplaceHIT.objects.filter(pk=broken.pk).update(external_id="3" + "X" * 29)
    ask()
    assert [listed.marketplace_hit for listed in ListedAssignment.objects.all()] == [whole]
    assert "it is polled again" in caplog.text
