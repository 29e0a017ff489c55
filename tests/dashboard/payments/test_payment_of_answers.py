"""Seeing an answer before its pay is decided, and approving good work before its time to be looked at is over."""

import html
import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db.models import Max
from django.test import Client

from catalog.reads import now
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection
from mturk.outbox.actions import claim_calls
from mturk.payments.actions import approve_now
from mturk.rejections.actions import reject
from tests.commands import refusal, said
from tests.dashboard.payments.test_payments_pages import REASON, REVIEW, about, text_of
from tests.factories import (
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_images,
    sign_in,
    staff_client,
    worker_client,
)
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.marketplaces import KEY, TOKEN, fields_of_page
from tests.mturk.mturk_study import (
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hand_over,
    page_of,
    published,
    send_due,
    work,
)
from tests.mturk.test_rejections import listed_assignments
from tests.required import require
from tests.workforce.starting import opened
from workforce.models import Batch, WorkerIdentity
from workforce.reads import pseudonym
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return staff_client()


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


def page_about(listed: ListedAssignment) -> str:
    return f"/setup/assignment/{listed.pk}/"


def batch_page(listed: ListedAssignment) -> str:
    return f"/setup/published/{listed.marketplace_hit.terms.batch_id}/"


def marks(page: str) -> dict[str, str]:
    """By the name of its photograph what a cell of the page says of it."""
    return dict(re.findall(r'alt="([^"]+)" loading="lazy"><span class="cell-role">([^<]+)<', page))


@pytest.fixture
def grid_answered(marketplace) -> ListedAssignment:  # noqa: F811
    """A grid of five, of which one photograph was ticked; a person may look at it for an hour."""
    dataset = make_dataset(contains_answers=1)
    batch = make_batch(dataset)
    make_grid(batch=batch, images=make_images(dataset, 5), label=2)
    [marketplace_hit] = published(batch, cap="5", **REVIEW)
    work(marketplace, marketplace_hit)
    ask()
    return ListedAssignment.objects.get()


def waiting(marketplace, n: int) -> list[ListedAssignment]:  # noqa: F811
    """So many assignments that a person may look at for an hour."""
    for marketplace_hit in published(grids_to_publish(n, n_slots=1), cap="5", **REVIEW):
        work(marketplace, marketplace_hit)
    ask()
    return list(ListedAssignment.objects.order_by("pk"))


def answer_form(marketplace, marketplace_hit: MarketplaceHIT, **answer: object) -> None:  # noqa: F811
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    client = worker_client()
    address, opened_page = opened(client, page_of(marketplace_hit, assignment, worker))
    page = opened_page.content.decode()
    data = {"token": require(TOKEN.search(page))[1], "key": require(KEY.search(page))[1]} | answer
    answered = client.post(address, json.dumps(data), content_type="application/json")
    assert answered.status_code == 200, answered.content
    hand_over(marketplace, assignment, answered.json()["hand_over"]["fields"])


# Seeing it


@pytest.mark.parametrize("act", ["", "reject/", "override/"])
def test_the_pages_about_the_pay_of_a_grid_show_every_photograph_and_which_were_ticked(client, grid_answered, act):
    page = client.get(page_about(grid_answered) + act)
    source, words = page.content.decode(), text_of(page)
    ticked = set(grid_answered.submission.contains_votes.filter(selected=True).values_list("image__name", flat=True))
    names = set(grid_answered.submission.hit.grid.cells.values_list("image__name", flat=True))
    assert len(ticked) == 1 and len(names) == 5
    assert marks(source) == {name: "✓ selected" if name in ticked else "not selected" for name in names}
    assert "Select every photograph that shows: thing 2 a thing numbered 2" in words
    assert "1 of 5 photographs selected." in words
    assert re.search(r"Submitted \d+ \w+ \d{4}, \d\d:\d\d UTC \. Active work: \d+ seconds?\.", words)
    photographs = re.findall(r'src="(/i/[^"]+)"', source)
    assert len(photographs) == 5
    image = client.get(photographs[0])
    assert image.status_code == 200
    assert b"".join(image.streaming_content).startswith(b"\xff\xd8")
    image.close()


def test_of_a_form_the_chosen_labels_and_the_main_one_are_shown(marketplace, client):  # noqa: F811
    form = make_form(labels=(0, 1, 3), n_slots=1)
    [marketplace_hit] = published(form.hit.batch, cap="5", **REVIEW)
    answer_form(marketplace, marketplace_hit, selected=["0", "3"], main="3")
    ask()
    page = client.get(page_about(ListedAssignment.objects.get()))
    offered = re.findall(r"<li>(.*?)</li>", page.content.decode()[page.content.decode().index("given-form") :])
    words = [re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", label))) for label in offered]
    assert words == [
        "✓ thing 0 selected a thing numbered 0",
        "thing 1 a thing numbered 1",
        "✓ thing 3 main label a thing numbered 3",
    ]
    assert f'src="/i/{form.image.public_id}.jpg"' in page.content.decode()


def test_an_answer_that_cannot_be_read_is_said_to_be_so_with_what_the_marketplace_keeps(
    marketplace,  # noqa: F811
    client,
):
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5", **REVIEW)
    worker = marketplace.worker()
    marketplace.submit(
        marketplace.accept(worker, marketplace_hit.external_id), remark=f"It is <b>empty</b>, says {worker}"
    )
    ask()
    page = client.get(page_about(ListedAssignment.objects.get()))
    words = text_of(page)
    assert "The submission is not a valid answer to this HIT" in words
    assert "remark It is <b>empty</b>, says (worker)" in words
    assert worker not in page.content.decode()
    assert "<b>empty" not in page.content.decode()
    assert "The task showed 1 photograph." in words and set(marks(page.content.decode()).values()) == {"no answer"}
    assert "selected" not in words


def test_an_answer_that_came_through_the_marketplace_alone_is_shown_once_it_is_read(marketplace, client):  # noqa: F811
    fine, wrong = published(grids_to_publish(2, n_slots=1), cap="5", **REVIEW)
    for marketplace_hit in (fine, wrong):
        worker = marketplace.worker()
        assignment = marketplace.accept(worker, marketplace_hit.external_id)
        fields = fields_of_page(page_of(marketplace_hit, assignment, worker))
        marketplace.submit(
            assignment, **fields | ({} if marketplace_hit == fine else {"selected": "no such photograph"})
        )
    ask()
    good, bad = (ListedAssignment.objects.get(marketplace_hit=marketplace_hit) for marketplace_hit in (fine, wrong))
    assert "is not processed yet. Look again" in text_of(client.get(page_about(good)))
    take_in_recovered()
    assert set(marks(client.get(page_about(good)).content.decode()).values()) == {"✓ selected"}
    words = text_of(client.get(page_about(bad)))
    assert "copy is not a valid answer to this HIT" in words and "selected no such photograph" in words


def test_an_assignment_that_was_never_answered_here_still_has_its_page(client):
    [listed] = listed_assignments(1)
    page = client.get(page_about(listed))
    assert "The working time is unknown." in text_of(page)
    assert "Approve now" not in text_of(page), "it is due already"


def test_only_researchers_see_an_answer_and_under_a_pseudonym_only(client, grid_answered):
    url, batch = page_about(grid_answered), grid_answered.marketplace_hit.terms.batch
    page = client.get(url).content.decode()
    assert pseudonym(batch.dataset, grid_answered.worker_id) in page
    real = WorkerIdentity.objects.get(worker=grid_answered.worker, marketplace=batch.marketplace).external_id
    assert real not in page and real not in client.get(f"{url}reject/").content.decode()
    assert worker_client().get(url).status_code == 404, "the workers' origin has no such page"
    assert staff_client(signed_in=False).get(url).status_code == 302
    visitor = staff_client(signed_in=False)
    sign_in(visitor, get_user_model().objects.create_user("visitor"))
    assert visitor.get(url).status_code == 403
    for address in (f"{url}approve/", f"{batch_page(grid_answered)}approve/"):
        assert visitor.post(address, {"newest": grid_answered.pk}).status_code == 403
        assert client.get(address).status_code == 405
    assert "View answer" in text_of(client.get(batch_page(grid_answered)))
    page = visitor.get(batch_page(grid_answered))
    assert (page.status_code, url in page.content.decode()) == (403, False)
    assert not approved_calls()


# Approving it


def approved_calls() -> list[str]:
    calls = Call.objects.filter(op="ApproveAssignment", next_try__lte=now())
    return list(calls.order_by("pk").values_list("purpose", flat=True))


def test_what_is_approved_now_is_paid_at_once_and_pressed_twice_only_once(marketplace, client):  # noqa: F811
    first, second = waiting(marketplace, 2)
    send_due()
    assert not LedgerEntry.objects.exists(), "its time to be looked at is not over"
    page = client.get(batch_page(first)).content.decode()
    assert f'action="/setup/assignment/{first.pk}/approve/?page=1"' in page
    answered = client.post(f"{page_about(first)}approve/", follow=True)
    assert f"{first.external_id} is being approved and paid." in text_of(answered)
    again = text_of(client.post(f"{page_about(first)}approve/?page=2", follow=True))
    assert f"Assignment {first.external_id} is already being approved" in again
    send_due()
    ask()
    third = text_of(client.post(f"{page_about(first)}approve/", follow=True))
    assert f"{first.external_id} is already approved." in third
    send_due()
    assert list(LedgerEntry.objects.filter(kind="reward").values_list("listed", flat=True)) == [first.pk]
    assert dict(ListedAssignment.objects.values_list("pk", "status")) == {first.pk: "approved", second.pk: "submitted"}
    source = client.get(batch_page(first)).content.decode()
    assert f"/assignment/{first.pk}/approve/" not in source and f"/assignment/{second.pk}/approve/" in source


def test_all_that_wait_are_approved_but_what_came_in_after_the_page_was_made(marketplace, client):  # noqa: F811
    marketplace_hits = published(grids_to_publish(3, n_slots=1), cap="5", **REVIEW)
    for marketplace_hit in marketplace_hits[:2]:
        work(marketplace, marketplace_hit)
    ask()
    listed = ListedAssignment.objects.first()
    page = client.get(batch_page(require(listed)))
    assert "2 pending approvals wait for review" in text_of(page)
    assert "Approve all 2 pending assignments" in text_of(page)
    data = {"newest": require(re.search(r'name="newest" value="(\d+)"', page.content.decode()))[1]}
    work(marketplace, marketplace_hits[2])
    ask()
    for words in ("2 assignments are being approved", "No approvals are pending any more"):
        assert words in text_of(client.post(f"{batch_page(require(listed))}approve/", data, follow=True))
    send_due()
    ask()
    assert ListedAssignment.objects.filter(status="approved").count() == 2
    assert LedgerEntry.objects.filter(kind="reward").count() == 2
    words = text_of(client.get(batch_page(require(listed))))
    until = Call.objects.get(purpose=f"approve:{ListedAssignment.objects.latest('pk').pk}").next_try
    assert "1 pending approval waits for review" in words
    assert f"waits for review until {until:%-d %b, %H:%M} UTC" in words
    for nothing in ({}, {"newest": "all"}, {"newest": "9" * 5000}):
        assert client.post(f"{batch_page(require(listed))}approve/", nothing).status_code == 400
    assert client.post(f"{batch_page(require(listed))}approve/", {"newest": ListedAssignment.objects.latest("pk").pk})
    send_due()
    ask()
    assert "to-look-at" not in client.get(batch_page(require(listed))).content.decode()
    assert_ledgers_are_equal(marketplace)


def test_what_is_rejected_is_not_approved_by_any_button(client):
    listed = listed_assignments(50)
    Call.objects.update(next_try="2100-01-01T00:00Z")
    reject(listed=listed[0], reason=REASON, decided_by=researcher())
    words = text_of(client.post(f"{page_about(listed[0])}approve/", follow=True))
    assert f"Assignment {listed[0].external_id} is being rejected." in words
    newest = ListedAssignment.objects.aggregate(newest=Max("pk"))
    assert "49 assignments are being approved" in text_of(
        client.post(f"{batch_page(listed[0])}approve/", newest, follow=True)
    )
    assert Call.objects.get(purpose=f"approve:{listed[0].pk}").state == "withdrawn"
    assert f"approve:{listed[0].pk}" not in {call.purpose for call in claim_calls(most=100)}


def test_what_was_approved_now_can_be_rejected_until_it_is_being_sent_and_then_not(client):
    first, second = listed_assignments(100)[:2]
    Call.objects.update(next_try="2100-01-01T00:00Z")
    assert approve_now(listed=ListedAssignment.objects.filter(pk__in=[first.pk, second.pk])) == 2
    assert client.post(about(first, "reject"), {"reason": REASON}).status_code == 302
    sending = [call.purpose for call in claim_calls(most=5) if call.op == "ApproveAssignment"]
    assert sending == [f"approve:{second.pk}"]
    assert client.post(about(second, "reject"), {"reason": REASON}).status_code == 422
    assert Rejection.objects.get().listed == first


def test_a_call_that_is_repeated_after_a_failed_try_is_none_that_waits_for_somebody_to_look(client):
    [listed] = listed_assignments(1)
    Call.objects.update(next_try="2100-01-01T00:00Z", attempts=1, last_error="throttled")
    assert approve_now(listed=ListedAssignment.objects.all()) == 0
    assert "to-look-at" not in client.get(batch_page(listed)).content.decode()


def test_batches_without_time_to_look_have_no_such_buttons(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    work(marketplace, marketplace_hit)
    ask()
    page = client.get(batch_page(ListedAssignment.objects.get()))
    assert "Approve" not in text_of(page)


# By command


def test_the_command_approves_assignments_or_all_of_a_batch(marketplace):  # noqa: F811
    first, *others = waiting(marketplace, 3)
    batch = Batch.objects.get()
    assert "3 approvals wait for review" in said("marketplace", "status", batch.pk)[0]
    assert said("marketplace", "approve", first.external_id)[0].startswith("1 approval is sent.")
    assert said("marketplace", "approve", first.external_id)[0].startswith("No approvals are pending.")
    assert said("marketplace", "approve", "--batch", batch.pk)[0].startswith("2 approvals are sent.")
    ask()
    assert LedgerEntry.objects.filter(kind="reward").count() == 3
    assert "Name either assignments" in refusal("marketplace", "approve")
    assert "Name either assignments" in refusal("marketplace", "approve", first.external_id, "--batch", batch.pk)
    assert "There is no submitted assignment “nobody”" in refusal(
        "marketplace", "approve", others[0].external_id, "nobody"
    )
