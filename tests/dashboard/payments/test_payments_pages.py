"""The researcher's pages of the marketplace, against a marketplace that runs."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client

from catalog.actions import change_settings
from catalog.reads import now
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.terms.reads import CannotPublish, check_can_publish
from mturk.wages import reads as wages
from mturk.wages.actions import raise_pay
from tests.factories import make_batch, make_form, make_lease, sign_in, staff_client, unique, worker_client
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.mturk_study import ask, grids_to_publish, page_of, published, send_until_quiet, settle, work
from tests.mturk.test_rejections import listed_assignments
from tests.required import require
from tests.workforce.starting import opened as opened_in_frame
from workforce.models import Assignment, Batch, Worker, WorkerIdentity
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db
TERMS = {
    "title": "Which photographs show it?",
    "description": "Tick them.\r\nAll of them.",
    "keywords": "images",
    "reward": "0.10",
    "minutes": "30",
    "days": "2",
    "review_hours": "0",
    "cap": "",
}
REVIEW = {"review_seconds": 3600}
REASON = "All cells were left empty."


@pytest.fixture
def client() -> Client:
    return staff_client()


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


def text_of(response) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def publish(client: Client, batch: Batch, **changed: str):
    data = TERMS | {"do": "publish"} | changed
    # Far from what is proposed, and meant.
    return client.post(f"/setup/publish/{batch.pk}/", {"means_reward": data["reward"]} | data)


@pytest.fixture
def paid(marketplace) -> ListedAssignment:  # noqa: F811
    """An assignment that was worked on, confirmed and approved."""
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    work(marketplace, marketplace_hit)
    settle()
    ask()
    return ListedAssignment.objects.get()


@pytest.fixture
def handed_in(marketplace) -> ListedAssignment:  # noqa: F811
    """An assignment that a person may look at for an hour before it is approved."""
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5", **REVIEW)
    work(marketplace, marketplace_hit)
    ask()
    return ListedAssignment.objects.get()


# Before it is published


def test_the_proposed_terms_and_their_cost_are_shown_before_anything_is_sent(marketplace, client):  # noqa: F811
    batch = grids_to_publish(2, n_slots=10)
    page = client.get(f"/setup/publish/{batch.pk}/")
    text = text_of(page)
    assert "20 assignments in 4 HITs" in text
    reward = wages.proposed_reward(batch).reward
    assert f"Rewards ${20 * reward}" in text
    assert "HITs with ten or more assignments cost double fees" in text
    assert "Balance $10,000.00" in text
    assert marketplace.url in page.content.decode()
    assert not Call.objects.exists()


def test_other_terms_are_worked_out_without_sending_anything(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=10)
    text = text_of(publish(client, batch, do="preview", reward="1.00"))
    assert "Rewards $10.00" in text
    assert "Fees $2.00" in text
    assert "Total $12.00" in text
    assert "Unsplit, the fees would be $4.00" in text
    assert "cap of $13.20" in text
    assert not Terms.objects.exists()


def test_one_click_on_the_page_as_it_comes_publishes_the_batch(marketplace, client):  # noqa: F811
    batch = grids_to_publish(2, n_slots=2)
    page = client.get(f"/setup/publish/{batch.pk}/").content.decode()
    data = dict(re.findall(r'<input[^>]*? name="(\w+)"[^>]*? value="([^"]*)"', page))
    data["description"] = html.unescape(require(re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", page, re.DOTALL))[1])
    data = {name: html.unescape(data[name]) for name in data}
    assert Decimal(data["agreed"]) > 0
    answered = client.post(f"/setup/publish/{batch.pk}/", data | {"do": "publish"})
    assert answered.headers["Location"] == f"/setup/published/{batch.pk}/"
    send_until_quiet()
    assert MarketplaceHIT.objects.exclude(external_id=None).count() == 2
    assert Terms.objects.get().auto_approval_seconds == 3 * 86_400


def test_terms_that_cost_something_else_than_what_was_agreed_to_are_asked_about_again(
    marketplace,  # noqa: F811
    client,
):
    batch = grids_to_publish(1, n_slots=2)
    answered = publish(client, batch, agreed="0.20")
    assert "The cost has changed since you agreed to it" in text_of(answered)
    assert not Terms.objects.exists()
    assert publish(client, batch, agreed="0.24").status_code == 302
    terms = Terms.objects.get()
    assert (terms.assignment_seconds, terms.lifetime_seconds, terms.spending_cap) == (1800, 172_800, Decimal("0.26"))
    assert terms.description == "Tick them.\nAll of them."


def test_a_batch_is_published_once_however_often_the_button_is_pressed(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=2)
    for _ in range(2):
        assert publish(client, batch, agreed="0.24").headers["Location"] == f"/setup/published/{batch.pk}/"
    send_until_quiet()
    assert MarketplaceHIT.objects.count() == Call.objects.filter(op="CreateHITWithHITType").count() == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reward": "0"}, "greater than or equal to 0.01"),
        ({"reward": "0.081"}, "2 decimal places"),
        ({"reward": "lots"}, "Enter a number"),
        ({"cap": "0.20"}, "A lower cap would offer only part"),
        ({"title": ""}, "required"),
        ({"title": "x" * 129}, "at most 128"),
        ({"minutes": "0"}, "greater than or equal to 1"),
        ({"review_hours": "72"}, "less than or equal to 71"),
        ({"days": "366"}, "less than or equal to 365"),
        ({"title": "a\u200bb", "agreed": "0.24"}, "printable"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_what_was_written_kept(marketplace, client, changed, words):  # noqa: F811
    batch = grids_to_publish(1, n_slots=2)
    answered = publish(client, batch, **changed)
    assert answered.status_code == 422
    assert words in text_of(answered)
    assert "Tick them." in answered.content.decode()
    assert not Terms.objects.exists()


def test_more_than_the_balance_is_not_published(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=20)
    total = "24000.00"
    answered = publish(client, batch, reward="1000.00", agreed=total)
    assert "the account balance is $10000.00" in text_of(answered)
    assert "too low" in text_of(answered)
    assert not Terms.objects.exists()


def test_without_keys_the_pages_say_so_and_nothing_can_be_published(client, settings):
    settings.MTURK = settings.MTURK | {"access_key_id": "", "secret_access_key": ""}
    batch = grids_to_publish(1)
    assert "No marketplace keys are set" in text_of(client.get(f"/setup/marketplace/{batch.dataset.name}/"))
    page = client.get(f"/setup/publish/{batch.pk}/")
    assert "MTURK_ACCESS_KEY_ID" in text_of(page)
    assert 'value="publish"' not in page.content.decode()
    assert "No marketplace keys are set" in text_of(publish(client, batch, agreed="0.24"))
    assert not Terms.objects.exists()


def test_an_endpoint_that_is_away_is_named_and_no_page_breaks(client, settings, marketplace, monkeypatch):  # noqa: F811
    monkeypatch.setattr(endpoint, "PATIENT_SECONDS", 3)
    batch = grids_to_publish(1)
    settings.MTURK = settings.MTURK | {"endpoint_url": "http://127.0.0.1:9"}
    endpoint.client.cache_clear()
    assert "does not answer" in text_of(client.get(f"/setup/marketplace/{batch.dataset.name}/"))
    answered = publish(client, batch, agreed="0.24")
    assert "Nothing was published: the account balance is unavailable" in text_of(answered)
    assert not Terms.objects.exists()


def test_a_batch_that_people_work_on_elsewhere_or_that_is_empty_says_why_it_cannot_be_published(client):
    batch, empty = grids_to_publish(1), grids_to_publish(0)
    make_lease(batch)
    assert "through its link" in text_of(client.get(f"/setup/publish/{batch.pk}/"))
    text = text_of(client.get(f"/setup/marketplace/{batch.dataset.name}/"))
    assert "through its link" in text and "Open pairs again" in text
    assert publish(client, batch, agreed="0.24").status_code == 200
    assert "No answers needed yet" in text_of(client.get(f"/setup/publish/{empty.pk}/"))
    assert not Terms.objects.exists()


def test_the_reward_is_proposed_from_how_long_the_work_took(paid):
    batch = paid.marketplace_hit.terms.batch
    assert "are assumed" in wages.proposed_reward(batch).why
    assert wages.pay_for(45, Decimal(12)) == Decimal("0.15")


# How far it is


def test_the_page_of_a_batch_tells_progress_money_wage_and_people_by_pseudonym(paid, client):
    terms = paid.marketplace_hit.terms
    page = client.get(f"/setup/published/{terms.batch_id}/")
    text = text_of(page)
    assert "HITs created 1 of 1, 1 finished" in text
    assert "Confirmed 1" in text
    assert "Spent $0.12 $0.12 spent or committed, of a cap of $5.00" in text
    assert "Median hourly wage" in text and "from 1 assignment" in text
    assert pseudonym(terms.batch.dataset, paid.worker_id) in text
    raw = WorkerIdentity.objects.get(worker=paid.worker_id).external_id
    assert raw not in page.content.decode()
    overview = client.get(f"/setup/marketplace/{terms.batch.dataset.name}/")
    assert "1 of 1 assignments submitted · 1 approved · $0.12 spent of at most $5.00" in text_of(overview)


def test_what_waits_and_what_was_refused_is_shown_and_can_be_sent_again(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1)
    publish(client, batch, agreed="0.24")
    Call.objects.update(state="failed", last_error="RequestError: no such thing")
    text = text_of(client.get(f"/setup/published/{batch.pk}/"))
    assert "1 failed" in text
    assert "RequestError: no such thing" in text
    assert client.post(f"/setup/published/{batch.pk}/resend/").status_code == 302
    Call.objects.update(next_try=now() - timedelta(minutes=5))
    text = text_of(client.get(f"/setup/published/{batch.pk}/"))
    assert f"1 failed call of batch {batch.pk} is being retried" in text
    assert "A call has been overdue for 0:05:" in text


def test_both_ledgers_are_compared_hit_by_hit(paid, client):
    address = f"/setup/published/{paid.marketplace_hit.terms.batch_id}/compare/"
    assert "Both ledgers agree: 1 HIT, $0.12." in text_of(client.get(address))
    LedgerEntry.objects.create(
        batch=paid.marketplace_hit.terms.batch,
        listed=paid,
        kind="bonus",
        amount="1.00",
        call=Call.objects.create(op="SendBonus", purpose="by hand", payload={}),
    )
    text = text_of(client.get(address))
    assert "1 of 1 HITs differs" in text
    assert "$1.12 $0.12" in text


# Decisions


def about(listed: ListedAssignment, act: str) -> str:
    return f"/setup/assignment/{listed.pk}/{act}/"


def test_a_batch_is_extended_given_another_cap_and_taken_off(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1), cap="5")
    terms, url = marketplace_hit.terms, f"/setup/published/{marketplace_hit.terms.batch_id}"
    assert "Enter additional days" in text_of(client.post(f"{url}/extend/", {"days": "", "cap": ""}))
    assert "cannot be below $" in text_of(client.post(f"{url}/extend/", {"days": "", "cap": "0.01"}))
    assert client.post(f"{url}/extend/", {"days": "3", "cap": "7"}).status_code == 302
    send_until_quiet()
    marketplace_hit.refresh_from_db()
    assert (marketplace_hit.expires_at - terms.expires_at).days in (2, 3)
    assert Terms.objects.get().spending_cap == 7
    assert client.post(f"{url}/expire/").status_code == 302
    send_until_quiet()
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=marketplace_hit.external_id)
    assert "expired" in text_of(client.get(f"{url}/"))


def test_a_bonus_is_paid_and_one_over_the_cap_is_refused(paid, client):
    assert "spending cap" in text_of(client.post(about(paid, "bonus"), {"amount": "50", "reason": "For your care."}))
    assert client.post(about(paid, "bonus"), {"amount": "0.25", "reason": "For your care."}).status_code == 302
    send_until_quiet()
    assert LedgerEntry.objects.get(kind="bonus").amount == Decimal("0.25")
    text = text_of(client.get(f"/setup/published/{paid.marketplace_hit.terms.batch_id}/"))
    assert "Bonuses $0.25" in text


def test_pay_below_the_target_is_brought_up_once_however_often_it_is_asked_for(paid, client):
    terms = paid.marketplace_hit.terms
    Assignment.objects.update(opened_at=paid.submission.submitted_at - timedelta(minutes=2))
    ListedAssignment.objects.update(accepted_at=paid.submitted_at - timedelta(minutes=2))
    url = f"/setup/published/{terms.batch_id}/"
    text = text_of(client.get(url))
    assert "A bonus that raises 1 assignment to $0.40 costs $0.36 with fees" in text
    page = client.get(f"{url}top_up/").content.decode()
    level = require(re.search(r'name="level" value="([\d.]+)"', page))[1]
    for _ in range(2):
        assert client.post(f"{url}top_up/", {"level": level}).status_code == 302
    assert "are pending" in text_of(client.get(url))
    send_until_quiet()
    assert LedgerEntry.objects.get(kind="bonus").amount == Decimal("0.30")
    assert "Pay meets the target" in text_of(client.get(url))
    change_settings(dataset=terms.batch.dataset, target_wage="13.00")
    assert raise_pay(terms=terms, level=Decimal("0.40")) == 0
    text = text_of(client.get(url))
    assert "Target $13.00" in text
    assert "raises 1 assignment to $0.44 costs $0.05 with fees" in text


def test_a_rejection_needs_a_reason_and_room_under_the_limit(handed_in, client):
    assert "required" in text_of(client.post(about(handed_in, "reject"), {"reason": " "}))
    text = text_of(client.post(about(handed_in, "reject"), {"reason": REASON}))
    assert "Another one would exceed 2 % of submissions" in text
    assert not Rejection.objects.exists()


def test_an_assignment_is_rejected_and_paid_after_all(client):
    listed = listed_assignments(50)[0]
    assert client.post(about(listed, "reject"), {"reason": REASON}).status_code == 302
    decided = Rejection.objects.get()
    assert (decided.reason, decided.decided_by.is_staff, decided.seconded_by) == (REASON, True, None)
    page = client.get(f"/setup/published/{listed.marketplace_hit.terms.batch_id}/")
    assert f"Rejected by {decided.decided_by}: {REASON}" in text_of(page)
    assert about(listed, "override") in page.content.decode()
    assert about(listed, "reject") not in page.content.decode()
    assert "required" in text_of(client.post(about(listed, "override"), {"reason": ""}))
    assert client.post(about(listed, "override"), {"reason": "We looked again."}).status_code == 302
    decided.refresh_from_db()
    assert decided.override_reason == "We looked again."
    assert "has no rejection to reverse" in text_of(client.post(about(listed, "override"), {"reason": "Again."}))


def test_from_the_sixth_rejection_on_somebody_else_agrees_under_their_own_login(client):
    listed = listed_assignments(300)
    for assignment in listed[:5]:
        assert (
            client.post(about(assignment, "reject"), {"reason": REASON})
            .headers["Location"]
            .startswith("/setup/published/")
        )
    address = client.post(about(listed[5], "reject"), {"reason": REASON}).headers["Location"]
    assert address.startswith("/setup/second/")
    assert Rejection.objects.count() == 5
    page = client.get(address)
    assert address in page.content.decode()
    assert not re.search(r"\bAgree\b", page.content.decode())
    assert "Another researcher has to agree" in text_of(client.post(address))
    second = staff_client()
    assert REASON in text_of(second.get(address))
    assert second.post(address).status_code == 302
    decided = Rejection.objects.get(listed=listed[5])
    assert require(decided.seconded_by).pk == int(second.session["_auth_user_id"]) != decided.decided_by.pk
    assert "already rejected or being rejected" in text_of(second.post(address))
    assert second.get(address[:-2] + "x/").status_code == 404


def test_a_worker_is_offered_no_more_hits_and_stands_there_as_blocked(paid, client):
    assert client.post(about(paid, "block")).status_code == 302
    send_until_quiet()
    assert Call.objects.get(op="AssociateQualificationWithWorker").state == "done"
    page = client.get(f"/setup/published/{paid.marketplace_hit.terms.batch_id}/")
    assert "blocked" in text_of(page)
    assert about(paid, "block") not in page.content.decode()


def test_who_could_not_hand_in_is_listed_by_pseudonym_and_compensated_once(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    opened_in_frame(worker_client(), page_of(marketplace_hit, assignment, worker))
    marketplace.ask("return", worker=worker, assignment=assignment)
    name = pseudonym(marketplace_hit.terms.batch.dataset, Worker.objects.get().pk)
    url = f"/setup/published/{marketplace_hit.terms.batch_id}/"
    address = f"{url}compensate/{name}/"
    page = client.get(url).content.decode()
    assert address in page
    assert worker not in page
    assert client.post(address, {"returned": "on"}).status_code == 302
    assert address not in client.get(url).content.decode()
    assert "paid or compensated" in text_of(client.post(address))
    send_until_quiet()
    offered = MarketplaceHIT.objects.exclude(compensates=None).get()
    assert marketplace.accept(worker, offered.external_id)
    assert client.get(f"{url}compensate/{'0' * 16}/").status_code == 404


# Who may, and how


def addresses(listed: ListedAssignment) -> list[str]:
    url = f"/setup/published/{listed.marketplace_hit.terms.batch_id}/"
    of_batch = [f"{url}{act}/" for act in ("extend", "expire", "close", "notify", "top_up")]
    return of_batch + [about(listed, act) for act in ("reject", "override", "bonus", "block", "let_in")]


def test_looking_at_a_decision_changes_nothing(paid, client):
    before = Call.objects.count()
    for address in addresses(paid):
        page = client.get(address)
        assert page.status_code == 200
        assert 'method="post"' in page.content.decode()
    url = f"/setup/published/{paid.marketplace_hit.terms.batch_id}/"
    assert client.get(f"{url}resend/").status_code == 405
    assert client.get(f"{url}sell/").status_code == 404
    assert client.get(about(paid, "sell")).status_code == 404
    assert client.post(url).status_code == 405
    assert Call.objects.count() == before


def test_only_researchers_look_and_decide_at_the_worker_side_nobody(paid):
    url = f"/setup/published/{paid.marketplace_hit.terms.batch_id}/"
    overview = f"/setup/marketplace/{paid.marketplace_hit.terms.batch.dataset.name}/"
    stranger, other = staff_client(signed_in=False), staff_client(signed_in=False)
    for address in (url, overview, f"{url}compare/", *addresses(paid)):
        assert stranger.get(address).headers["Location"].startswith("/login/")
        assert stranger.post(address).status_code in (302, 405)
    sign_in(other, get_user_model().objects.create_user(unique("guest")))
    for address in (url, overview, f"{url}compare/"):
        page = other.get(address)
        assert page.status_code == 403
        assert about(paid, "bonus") not in page.content.decode()
    for address in (*addresses(paid), f"{url}resend/"):
        assert other.post(address, {"reason": REASON, "amount": "1", "days": "1", "level": "1"}).status_code == 403
    assert worker_client().get(url).status_code == 404


def test_a_decision_without_the_token_of_its_page_is_refused(paid):
    signed_in = staff_client()
    forged = Client(enforce_csrf_checks=True, headers={"host": signed_in.defaults["HTTP_HOST"]})
    forged.cookies = signed_in.cookies
    for address in (*addresses(paid), f"/setup/publish/{paid.marketplace_hit.terms.batch_id}/"):
        assert forged.post(address, {"reason": REASON, "amount": "1"}).status_code == 403


def test_a_batch_of_forms_is_proposed_with_words_of_its_own(marketplace, client):  # noqa: F811
    form = make_form(n_slots=2)
    text = client.get(f"/setup/publish/{form.hit.batch_id}/").content.decode()
    assert 'value="What is in the photograph?"' in text
    assert "2 assignments in 1 HIT" in text


def test_the_grids_page_leads_to_publishing_and_then_to_the_money(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1)
    address = f"/setup/grids/{batch.dataset.name}/"
    assert f'href="/setup/publish/{batch.pk}/"' in client.get(address).content.decode()
    publish(client, batch, agreed="0.24")
    page = client.get(address).content.decode()
    assert f'href="/setup/publish/{batch.pk}/"' not in page
    assert "View progress and payments on the marketplace" in page


def test_the_tab_leads_there_from_every_page_of_a_dataset(client):
    batch = grids_to_publish(1)
    page = client.get(f"/setup/settings/{batch.dataset.name}/").content.decode()
    assert f'href="/setup/marketplace/{batch.dataset.name}/"' in page
    text = text_of(client.get(f"/setup/marketplace/{batch.dataset.name}/"))
    assert f"Publish batch {batch.pk}" in text


def test_a_batch_of_a_kind_that_no_marketplace_offers_is_left_out(client, settings):
    settings.TASK_KINDS = [*settings.TASK_KINDS, "tests.made_up_task.kind.LINKS_ONLY"]
    batch, other = make_batch(kind="links_only"), make_batch()
    with pytest.raises(CannotPublish, match="only be shared through recruitment links"):
        check_can_publish(batch)
    page = client.get(f"/setup/marketplace/{batch.dataset}/")
    assert page.status_code == 200 and f"Batch {batch.pk}:" not in text_of(page)
    assert f"Batch {other.pk}:" in text_of(client.get(f"/setup/marketplace/{other.dataset}/"))
    assert client.get(f"/setup/publish/{batch.pk}/").status_code == 404
