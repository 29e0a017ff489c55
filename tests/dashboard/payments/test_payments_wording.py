"""Tests that the marketplace pages ask and say enough, so that nobody spends or pays by mistake."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db.models import F
from django.test import Client

from catalog.reads import now
from dashboard.payments.reads import not_handed_in, progress_of
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.outbox.actions import claim_calls
from mturk.pricing.reads import CENT
from mturk.rejections.actions import reject
from mturk.requirements.countries import COUNTRIES
from mturk.wages.reads import proposed_reward
from tests.dashboard.payments.test_payments_pages import REASON, REVIEW, TERMS, about, text_of
from tests.factories import staff_client, worker_client
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.marketplaces import answer_in_frame
from tests.mturk.mturk_study import ask, grids_to_publish, hand_over, page_of, published, send_until_quiet, settle, work
from tests.mturk.test_rejections import listed_assignments
from tests.required import require
from tests.workforce.starting import opened as opened_in_frame
from workforce.actions import exclude_submission
from workforce.frame.actions import GRACE
from workforce.introductions.actions import introduce
from workforce.models import Assignment, Batch, Lease, Submission
from workforce.problem_reports.actions import report_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return staff_client()


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


def opened(marketplace, marketplace_hit: MarketplaceHIT, worker: str | None = None) -> tuple[str, str]:  # noqa: F811
    """Somebody accepts and looks at the page. Returns who, and the assignment."""
    worker = worker or marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    assert opened_in_frame(worker_client(), page_of(marketplace_hit, assignment, worker))[1].status_code == 200
    return worker, assignment


# A reward that is far from what is proposed


def publish_for(client: Client, batch: Batch, reward: Decimal, **more: str):
    data = TERMS | {"do": "publish", "reward": str(reward), "agreed": str((reward * 2 * Decimal("1.2")).quantize(CENT))}
    return client.post(f"/setup/publish/{batch.pk}/", data | more)


@pytest.mark.parametrize(
    ("times", "words"), [(Decimal("0.25"), "per hour, below the target wage"), (10, "is more than 5 times")]
)
def test_a_reward_far_from_the_proposed_one_is_asked_about_and_nothing_typed_is_lost(
    marketplace,  # noqa: F811
    client,
    times,
    words,
):
    batch = grids_to_publish(1, n_slots=2)
    reward = (proposed_reward(batch).reward * times).quantize(CENT)
    page = publish_for(client, batch, reward, title="Ours & theirs")
    text, source = text_of(page), page.content.decode()
    assert page.status_code == 422
    assert f"${reward:.2f} is" in text and words in text
    assert "Yes, " in text and 'value="Ours &amp; theirs"' in source
    assert not Terms.objects.exists()
    tick_box = r'<input type="checkbox" name="means_reward" id="id_means_reward" value="([\d.]+)"'
    tick = require(re.search(tick_box, source))[1]
    agreed = require(re.search(r'name="agreed" value="([\d.]+)"', source))[1]
    assert 'value="publish"' in source, "one tick and one press are enough"
    further = reward - CENT if times < 1 else reward + CENT
    other = publish_for(client, batch, further, means_reward=tick, agreed=agreed)
    assert other.status_code == 422 and "Confirm it or correct it." in text_of(other), "the tick was for another reward"
    assert publish_for(client, batch, reward, means_reward=tick, agreed=agreed).status_code == 302
    assert Terms.objects.get().reward == reward


def test_a_reward_near_the_proposed_one_is_not_asked_about(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=2)
    reward = proposed_reward(batch).reward
    for near in (reward, 5 * reward):
        page = publish_for(client, batch, near, do="preview")
        assert page.status_code == 200
        assert "means_reward" not in page.content.decode()


def test_a_time_below_the_one_needed_is_asked_about_with_its_figures(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=2)
    introduce(dataset=batch.dataset, fields={"minutes_needed": 9})
    reward = proposed_reward(batch).reward
    assert reward == Decimal("1.80"), "nine minutes at the target wage"
    page = publish_for(client, batch, reward, minutes="8")
    assert page.status_code == 422 and not Terms.objects.exists()
    words = "told that it takes about 540 seconds. The 480 seconds allowed are too short"
    assert words in text_of(page) and "Yes, I mean 8 minutes" in text_of(page)
    for confirmed in ("7", "9", "1"):
        assert publish_for(client, batch, reward, minutes="8", means_minutes=confirmed).status_code == 422
    assert publish_for(client, batch, reward, minutes="8", means_minutes="8").status_code == 302
    assert Terms.objects.get().assignment_seconds == 480


# What is wrong with a form


def test_what_is_wrong_stands_above_the_form_with_ways_to_the_fields(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1)
    source = client.post(f"/setup/publish/{batch.pk}/", TERMS | {"minutes": "0", "places": "ZZ"}).content.decode()
    above = source[source.index('role="alert"') : source.index('name="title"')]
    for name, label in (("minutes", "Minutes per HIT"), ("places", "Countries"), ("means_reward", "Reward")):
        assert f'<a href="#id_{name}">{label}' in above
        assert f'id="id_{name}"' in source
    assert "Unknown country code: ZZ" in html.unescape(above)


def test_other_forms_lead_to_their_fields_too(client):
    name = grids_to_publish(1).dataset.name
    for address, data in (
        (f"/setup/settings/{name}/", {"target_wage": "much"}),
        (f"/setup/introduction/{name}/", {"minutes_needed": "-1"}),
        (f"/setup/grids/{name}/", {"profile": "none"}),
    ):
        page = client.post(address, data)
        source = page.content.decode()
        assert page.status_code == 422
        linked = re.findall(r'<a href="#(id_\w+)">', source)
        assert f"id_{next(iter(data))}" in linked
        assert all(f'id="{field_id}"' in source for field_id in linked)


def test_only_codes_of_countries_are_known_as_such():
    assert len(COUNTRIES) == 249
    assert {"US", "GB", "DE", "XK", "ZZ", "EU", "UK"} & COUNTRIES == {"US", "GB", "DE"}


# In people's hands


def test_only_what_is_still_being_worked_on_is_in_hands(marketplace):  # noqa: F811
    held, returned, late = published(grids_to_publish(3, n_slots=1), cap="5")
    terms = held.terms
    opened(marketplace, held)
    first, assignment = opened(marketplace, returned)
    opened(marketplace, late)
    assert progress_of(terms).in_hands == 3
    marketplace.ask("return", worker=first, assignment=assignment)
    opened(marketplace, returned)
    assert progress_of(terms).in_hands == 3, "the one who gave it back does not hold it beside the next"
    over = Lease.objects.filter(hit=late.hit)
    over.update(expires_at=now() + GRACE - timedelta(minutes=1))
    assert progress_of(terms).in_hands == 2
    assert {turn.lease.hit_id: turn.until is None for turn in not_handed_in(terms)}[late.hit_id]


def test_pages_opened_in_invented_names_are_not_more_in_hands_than_there_are_assignments(marketplace):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    for n in range(2):
        opened_in_frame(worker_client(), page_of(marketplace_hit, f"3FORGED{n:023}", f"AFORGED{n:06}"))
    assert Lease.objects.filter(hit=marketplace_hit.hit, state="active").count() == 2
    assert progress_of(marketplace_hit.terms).in_hands == 1


def opened_in_turns(marketplace, passed: timedelta) -> MarketplaceHIT:  # noqa: F811
    """One opens and gives back, a second as well, and the first accepts again: so much after the second."""
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5", assignment_seconds=7200)
    first, second = marketplace.worker(), marketplace.worker()
    for worker in (first, second, first):
        Lease.objects.update(expires_at=F("expires_at") - passed)
        _, assignment = opened(marketplace, marketplace_hit, worker)
        marketplace.ask("return", worker=worker, assignment=assignment)
    assert Assignment.objects.values("external_id").distinct().count() == 1
    return marketplace_hit


def test_who_opened_an_assignment_last_holds_it_though_they_had_it_before_as_well(marketplace, client):  # noqa: F811
    marketplace_hit = opened_in_turns(marketplace, timedelta(minutes=40))
    first, second = Lease.objects.order_by("pk")
    turns = {turn.lease: turn for turn in not_handed_in(marketplace_hit.terms)}
    assert (turns[first].until, turns[first].is_sure) == (first.expires_at - GRACE, True)
    assert (turns[second].until, turns[second].is_sure) == (None, True)
    assert progress_of(marketplace_hit.terms).in_hands == 1


def test_who_holds_an_assignment_is_not_known_where_it_was_opened_in_quick_turns(marketplace, client):  # noqa: F811
    marketplace_hit = opened_in_turns(marketplace, timedelta(minutes=1))
    assert [turn.is_sure for turn in not_handed_in(marketplace_hit.terms)] == [False, False]
    assert progress_of(marketplace_hit.terms).in_hands == 1
    assert "unknown Another worker opened the same" in text_of(
        client.get(f"/setup/published/{marketplace_hit.terms.batch_id}/")
    )


def test_what_is_handed_in_is_in_nobodys_hands(marketplace):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=2), cap="5")
    work(marketplace, marketplace_hit)
    settle()
    # Whose answer came with the marketplace's copy alone never told us that they were done.
    Lease.objects.update(state="active")
    opened(marketplace, marketplace_hit)
    assert progress_of(marketplace_hit.terms).in_hands == 1


def test_what_an_ended_batch_still_promises_is_said_with_its_time(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=2), cap="5")
    url = f"/setup/published/{marketplace_hit.terms.batch_id}/"
    assert "nobody can accept any more" not in text_of(client.get(url))
    client.post(f"{url}close/")
    send_until_quiet()
    text = text_of(client.get(url))
    marketplace_hit.refresh_from_db()
    until = marketplace_hit.expires_at + timedelta(seconds=marketplace_hit.terms.assignment_seconds)
    assert "$0.24 is committed for 2 assignments that nobody can accept any more." in text
    assert f"Workers who accepted earlier can submit until {until:%-d %b, %H:%M} UTC" in text
    assert f"The marketplace may list submissions until {until + timedelta(days=1):%-d %b, %H:%M} UTC" in text


# Pay of who told of a problem


def test_who_was_paid_is_not_offered_a_compensation_again(marketplace, client):  # noqa: F811
    finished, unfinished = published(grids_to_publish(2, n_slots=1), cap="5")
    dataset = finished.terms.batch.dataset
    for marketplace_hit in (finished, unfinished):
        worker, assignment = opened(marketplace, marketplace_hit)
        lease = Lease.objects.get(hit=marketplace_hit.hit)
        report_problem(lease=lease, kind="other", words="I finish without an answer.")
        if marketplace_hit == finished:
            marketplace.submit(assignment, nothing="here")
    reports = f"/setup/reports/{dataset.name}/"
    compensate = f"/setup/published/{finished.terms.batch_id}/compensate/"
    assert client.get(reports).content.decode().count(compensate) == 2
    ask()
    assert "the payment is pending" in text_of(client.get(reports))
    settle()
    ask()
    assert not Submission.objects.exists()
    page = client.get(reports)
    assert page.content.decode().count(compensate) == 1
    assert "submitted and approved" in text_of(page)
    address = require(re.search(rf'href="({compensate}[^"]+)"', page.content.decode()))[1]
    assert "The worker can still submit until" in text_of(page)
    response = client.post(address)
    assert response.status_code == 422
    assert "time for this HIT ends at" in text_of(response) and "If the assignment is listed after all" in text_of(
        response
    )
    assert not MarketplaceHIT.objects.exclude(compensates=None).exists()
    assert client.post(address, {"returned": "on"}).status_code == 302
    page = client.get(reports)
    assert '<span class="tag">compensated</span>' in page.content.decode()
    assert compensate not in page.content.decode()


def test_a_compensation_stands_beside_the_pay_of_an_assignment_that_was_listed_after_all(
    marketplace,  # noqa: F811
    client,
):
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    worker, assignment = opened(marketplace, marketplace_hit)
    lease = Lease.objects.get()
    report_problem(lease=lease, kind="other", words="It does not open.")
    reports = reports_of(client, marketplace_hit).content.decode()
    address = require(re.search(r'href="(/setup/[^"]+/compensate/[^"]+)"', reports))[1]
    assert client.post(address, {"returned": "on"}).status_code == 302
    hand_over(marketplace, assignment, answer_in_frame(page_of(marketplace_hit, assignment, worker)))
    settle()
    ask()
    text = text_of(reports_of(client, marketplace_hit))
    assert "submitted and approved" in text and "compensated" in text


def reports_of(client: Client, marketplace_hit: MarketplaceHIT):
    return client.get(f"/setup/reports/{marketplace_hit.terms.batch.dataset.name}/")


def test_who_handed_in_and_is_not_listed_yet_is_not_offered_a_compensation(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    url = f"/setup/published/{marketplace_hit.terms.batch_id}/"
    worker, assignment = opened(marketplace, marketplace_hit)
    address = require(re.search(r'href="(/setup/[^"]+/compensate/[^"]+)"', client.get(url).content.decode()))[1]
    hand_over(marketplace, assignment, answer_in_frame(page_of(marketplace_hit, assignment, worker)))
    assert "/compensate/" not in client.get(url).content.decode()
    answered = client.post(address, {"returned": "on"})
    assert answered.status_code == 422 and "submitted an answer to this HIT" in text_of(answered)
    settle()
    assert not MarketplaceHIT.objects.exclude(compensates=None).exists()
    assert LedgerEntry.objects.filter(kind="reward").count() == 1


# What may be rejected


def test_a_rejection_is_offered_only_where_it_could_be_carried_out(client):
    listed = listed_assignments(50)
    url = f"/setup/published/{listed[0].marketplace_hit.terms.batch_id}/"
    source = client.get(url).content.decode()
    assert source.count("/reject/") == 50
    sending = claim_calls(most=1)[0]
    assert source.count("/reject/") - client.get(url).content.decode().count("/reject/") == 1
    approving = ListedAssignment.objects.get(pk=int(sending.purpose.split(":")[1]))
    assert "being approved right now" in text_of(client.post(about(approving, "reject"), {"reason": REASON}))
    reject(listed=listed[9], reason=REASON, decided_by=researcher())
    page = client.get(url)
    assert Rejection.objects.count() == 1
    assert "/reject/" not in page.content.decode()
    assert "“Reject” is unavailable: the limit is reached" in text_of(page)


def test_in_a_small_batch_the_page_says_why_nothing_can_be_rejected(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5", **REVIEW)
    work(marketplace, marketplace_hit)
    ask()
    page = client.get(f"/setup/published/{marketplace_hit.terms.batch_id}/")
    assert "/reject/" not in page.content.decode()
    assert "2 % of fewer than 50 submissions is less than one" in text_of(page)


# A bonus that was decided before


def test_the_same_bonus_again_is_said_to_be_decided_already_and_not_sent(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    work(marketplace, marketplace_hit)
    settle()
    ask()
    [listed] = ListedAssignment.objects.all()
    bonus = {"amount": "0.25", "reason": "For your care."}
    assert "is being paid" in text_of(client.post(about(listed, "bonus"), bonus, follow=True))
    text = text_of(client.post(about(listed, "bonus"), bonus, follow=True))
    assert "with the same reason is already pending. Nothing more is sent" in text
    send_until_quiet()
    text = text_of(client.post(about(listed, "bonus"), bonus, follow=True))
    assert "with the same reason is already paid. Nothing more is sent" in text
    assert Call.objects.filter(op="SendBonus").count() == 1
    other = text_of(client.post(about(listed, "bonus"), bonus | {"reason": "For your patience."}, follow=True))
    assert "decided already" not in other
    assert Call.objects.filter(op="SendBonus").count() == 2


def test_a_refused_bonus_is_paid_by_sending_it_again_and_not_by_another(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    work(marketplace, marketplace_hit)
    settle()
    ask()
    [listed] = ListedAssignment.objects.all()
    bonus = {"amount": "0.25", "reason": "For your care."}
    client.post(about(listed, "bonus"), bonus)
    Call.objects.filter(op="SendBonus").update(state="failed", last_error="InsufficientFunds")
    text = text_of(client.post(about(listed, "bonus"), bonus, follow=True))
    assert "was refused by the marketplace. Nothing is sent now." in text
    assert "retry the failed calls below" in text
    assert "further bonus" not in text
    client.post(f"/setup/published/{marketplace_hit.terms.batch_id}/resend/")
    send_until_quiet()
    assert LedgerEntry.objects.get(kind="bonus").amount == Decimal("0.25")


def test_an_answer_that_was_excluded_does_not_stand_among_those_that_count(marketplace, client):  # noqa: F811
    marketplace_hits = published(grids_to_publish(1, n_slots=2), cap="50")
    for marketplace_hit in marketplace_hits:
        for _ in range(2):
            work(marketplace, marketplace_hit)
    settle()
    ask()
    address = f"/setup/published/{marketplace_hits[0].terms.batch_id}/"
    assert "Confirmed 2 answers that count" in text_of(client.get(address))
    listed = require(ListedAssignment.objects.first())
    exclude_submission(submission=require(listed.submission), reason="Ticked at random.")
    text = text_of(client.get(address))
    assert "Confirmed 1 answers that count; 1 excluded" in text
    assert text.count("confirmed, excluded") == 1
