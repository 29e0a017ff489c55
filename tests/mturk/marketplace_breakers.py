"""For each constraint on what is published and paid: a row that breaks it. test_constraints runs them."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model

from catalog.reads import now
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Qualification, Rejection, Terms
from tests.factories import make_hits, make_worker, unique

BREAKERS: dict[str, Callable[[], object]] = {}


def breaks(name: str) -> Callable:
    def register(breaker: Callable[[], object]) -> Callable[[], object]:
        BREAKERS[name] = breaker
        return breaker

    return register


def terms_row(**changed: object) -> Terms:
    fields = {
        "title": "Which photographs show it?",
        "description": "Tick them.",
        "reward": Decimal("0.10"),
        "assignment_seconds": 600,
        "lifetime_seconds": 86_400,
        "auto_approval_seconds": 86_400,
        "spending_cap": Decimal("10.00"),
        "expires_at": now() + timedelta(days=1),
    }
    return Terms.objects.create(batch=make_hits()[0].batch, **(fields | changed))


def marketplace_hit(**changed: object) -> MarketplaceHIT:
    terms = terms_row()
    fields = {"external_id": unique("3HIT"), "n_assignments": 2, "expires_at": terms.expires_at}
    return MarketplaceHIT.objects.create(hit=terms.batch.hits.get(), terms=terms, **(fields | changed))


def listed_assignment(**changed: object) -> ListedAssignment:
    fields = {"external_id": unique("3A"), "finding": "unreadable", "status": "submitted"}
    times = {"accepted_at": now() - timedelta(minutes=5), "submitted_at": now()}
    return ListedAssignment.objects.create(
        marketplace_hit=marketplace_hit(), worker=make_worker(), **(fields | times | changed)
    )


def call_row(**changed: object) -> Call:
    return Call.objects.create(op="SendBonus", purpose=unique("purpose"), payload={}, **changed)


def entry(listed: ListedAssignment | None = None, **changed: object) -> LedgerEntry:
    listed = listed or listed_assignment()
    fields = {"kind": "reward", "amount": Decimal("0.10")}
    return LedgerEntry.objects.create(batch=listed.marketplace_hit.terms.batch, listed=listed, **(fields | changed))


def rejection_row(listed: ListedAssignment | None = None, **changed: object) -> Rejection:
    fields = {"reason": "It is empty.", "decided_by": researcher()}
    return Rejection.objects.create(listed=listed or listed_assignment(), **(fields | changed))


def researcher():
    return get_user_model().objects.create_user(unique("researcher"), is_staff=True)


@breaks("qualification_has_a_name")
def _() -> None:
    Qualification.objects.create(name="", description="")


@breaks("reward_is_more_than_nothing")
def _() -> None:
    terms_row(reward=Decimal(0))


@breaks("spending_cap_allows_one_reward")
def _() -> None:
    terms_row(spending_cap=Decimal("0.09"))


@breaks("approved_after_three_days_at_the_latest")
def _() -> None:
    terms_row(auto_approval_seconds=3 * 86_400 + 1)


@breaks("reviewed_before_it_is_approved")
def _() -> None:
    terms_row(review_seconds=86_400)


@breaks("marketplace_takes_these_durations")
def _() -> None:
    terms_row(assignment_seconds=29)


@breaks("few_enough_assignments_for_the_lower_fee")
def _() -> None:
    marketplace_hit(n_assignments=10)


@breaks("no_more_handed_in_than_were_offered")
def _() -> None:
    marketplace_hit(n_handed_in=3)


@breaks("marketplace_id_is_not_empty")
def _() -> None:
    marketplace_hit(external_id="")


@breaks("a_compensation_is_for_one_person")
def _() -> None:
    marketplace_hit(compensates=make_worker())


@breaks("compensated_once_for_a_hit")
def _() -> None:
    worker, kind = make_worker(), Qualification.objects.create(name=unique("kind"), description="d")
    compensation = marketplace_hit(n_assignments=1, compensates=worker, qualification=kind)
    compensation.pk, compensation.public_id, compensation.external_id = None, unique("copy"), unique("3HIT")
    compensation._state.adding = True
    compensation.save()


@breaks("call_state_is_known")
def _() -> None:
    call_row(state="forgotten")


@breaks("a_call_is_done_at_some_time")
def _() -> None:
    call_row(done_at=now())


@breaks("only_a_tried_call_has_an_outcome")
def _() -> None:
    call_row(state="unsure", doubtful_at=now())


@breaks("what_may_be_carried_out_is_not_withdrawn")
def _() -> None:
    call_row(state="withdrawn", doubtful_at=now())


@breaks("what_was_read_is_a_submission")
def _() -> None:
    listed_assignment(finding="confirmed")


@breaks("finding_on_an_assignment_is_known")
def _() -> None:
    listed = listed_assignment()
    ListedAssignment.objects.filter(pk=listed.pk).update(
        finding="lost", submission=listed.marketplace_hit.hit.submissions.create(**submission_values(listed))
    )


def submission_values(listed: ListedAssignment) -> dict[str, object]:
    batch = listed.marketplace_hit.terms.batch
    return {
        "worker": listed.worker,
        "settings": batch.settings,
        "state": "surplus",
        "answer": {},
        "idempotency_key": unique("key"),
        "submitted_at": now(),
    }


@breaks("assignment_status_is_known")
def _() -> None:
    listed_assignment(status="lost")


@breaks("ledger_amount_is_more_than_nothing")
def _() -> None:
    entry(amount=Decimal(0))


@breaks("a_bonus_is_booked_for_its_call")
def _() -> None:
    entry(kind="bonus")


@breaks("one_reward_and_fee_per_assignment")
def _() -> None:
    listed = listed_assignment()
    entry(listed)
    entry(listed)


@breaks("one_bonus_and_fee_per_call")
def _() -> None:
    listed, call = listed_assignment(), call_row()
    entry(listed, kind="bonus", call=call)
    entry(listed, kind="bonus", call=call)


@breaks("one_standing_rejection_per_assignment")
def _() -> None:
    listed = listed_assignment()
    rejection_row(listed)
    rejection_row(listed)


@breaks("rejection_has_a_reason")
def _() -> None:
    rejection_row(reason="")


@breaks("who_seconds_is_somebody_else")
def _() -> None:
    person = researcher()
    rejection_row(decided_by=person, seconded_by=person)


@breaks("an_override_says_who_and_why")
def _() -> None:
    rejection_row(overridden_at=now())
