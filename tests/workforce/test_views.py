"""The study link of a batch: the next HIT, the same HIT again, the completion code, or a clear message."""

import html
from datetime import timedelta
from urllib.parse import quote

import pytest

from catalog import reads as catalog_reads
from catalog.reads import now
from tests.factories import (
    make_batch,
    make_form,
    make_grid,
    make_lease,
    make_worker,
    start,
    unique,
    worker_client,
)
from workforce.actions import close_batch, expire_leases, submit
from workforce.models import Batch, Lease, Slot, Worker

pytestmark = pytest.mark.django_db


def visit(batch: Batch, query: str, path: str = ""):
    return worker_client().get(f"/join/{batch.public_id}{path}?{query}")


def text(response) -> str:
    return html.unescape(response.content.decode())


def hand_in(batch: Batch, name: str) -> None:
    submit(lease=make_lease(batch, make_worker(name)), answer={"selected": []}, idempotency_key=unique("key" * 6))


def test_who_starts_is_led_to_the_next_grid():
    grid = make_grid()
    response = start(grid.hit.batch)
    assert response.status_code == 303
    assert response.url == f"/contains/{grid.hit.public_id}/?worker=ann"


def test_who_starts_a_classify_batch_is_led_to_the_next_form():
    form = make_form()
    assert start(form.hit.batch).url == f"/classify/{form.hit.public_id}/?worker=ann"


def test_the_parameters_of_a_marketplace_name_the_person():
    batch = make_grid().hit.batch
    start(batch, "PROLIFIC_PID=5f3c&STUDY_ID=61aa&SESSION_ID=77")
    assert Lease.objects.get().worker.identity.external_id == "5f3c"


def test_odd_characters_in_an_id_survive_the_way_to_the_page():
    grid = make_grid()
    response = start(grid.hit.batch, "worker=a%26b%3D%3Cc%3E%20%2B")
    assert response.url.endswith("?worker=a%26b%3D%3Cc%3E+%2B")
    assert worker_client().get(response.url).status_code == 200


def test_the_same_person_coming_back_gets_the_same_grid():
    batch = make_batch()
    for _ in range(3):
        make_grid(batch=batch)
    assert start(batch).url == visit(batch, "worker=ann").url == start(batch).url
    assert Lease.objects.count() == 1


@pytest.mark.parametrize("query", ["", "worker=", "STUDY_ID=61aa", f"worker={'x' * 201}"])
def test_without_a_participant_the_page_says_what_to_do(query):
    response = visit(make_grid().hit.batch, query)
    assert response.status_code == 400
    assert "ID" in text(response) and "link" in text(response)
    assert not Worker.objects.exists()


@pytest.mark.parametrize(
    "placeholder",
    ["{{%PROLIFIC_PID%}}", "{{ID}}", "{{%PROLIFIC_PID", "%SURVEY_CODE%", "${e://Field/PROLIFIC_PID}", "x%ID%"],
)
@pytest.mark.parametrize("path", ["", "/finish"])
def test_an_unfilled_placeholder_is_no_participant(placeholder, path):
    response = visit(make_grid().hit.batch, f"PROLIFIC_PID={quote(placeholder)}", path)
    assert response.status_code == 400
    assert placeholder in text(response)
    assert "tell the researchers" in text(response)
    assert "Nothing was saved" in text(response)
    assert not Worker.objects.exists()


@pytest.mark.parametrize("name", ["100%", "a{b}", "5 % of $", "$x"])
def test_an_odd_id_is_not_taken_for_a_placeholder(name):
    assert start(make_grid().hit.batch, f"worker={quote(name)}").status_code == 303


def test_without_work_a_newcomer_reads_a_friendly_page():
    response = visit(make_batch(), "worker=ann")
    assert response.status_code == 200
    assert "No tasks available right now" in text(response)
    assert "This study has no tasks right now" in text(response)
    assert "taken or done" not in text(response)


def test_when_the_work_is_done_the_completion_code_is_shown():
    batch = make_batch(completion_code="C0DE<7>")
    make_grid(batch=batch)
    hand_in(batch, "ann")
    response = visit(batch, "worker=ann")
    assert response.status_code == 200
    assert "C0DE<7>" in text(response)
    assert "C0DE<7>" not in response.content.decode(), "the code must be escaped"


def test_the_code_is_not_shown_to_who_did_nothing():
    batch = make_batch(completion_code="C0DE7")
    make_grid(batch=batch, n_slots=1)
    hand_in(batch, "ann")
    assert "C0DE7" not in text(visit(batch, "worker=bob"))


def test_a_completion_address_leads_the_person_on():
    batch = make_batch(completion_url="https://app.example.org/complete?cc=C1&x=2")
    make_grid(batch=batch)
    hand_in(batch, "ann")
    page = text(visit(batch, "worker=ann"))
    assert '<meta http-equiv="refresh" content="0; url=https://app.example.org/complete?cc=C1&x=2">' in page
    assert 'href="https://app.example.org/complete?cc=C1&x=2"' in page


def test_who_has_done_their_share_is_done_while_there_is_work_left():
    batch = make_batch(hits_per_worker=1, completion_code="C0DE7")
    make_grid(batch=batch)
    make_grid(batch=batch)
    hand_in(batch, "ann")
    assert "C0DE7" in text(visit(batch, "worker=ann"))


def test_a_closed_batch_says_so_to_a_newcomer_and_makes_nobody_known():
    batch = close_batch(batch=make_grid().hit.batch)
    response = visit(batch, "worker=invented")
    assert response.status_code == 410
    assert "closed" in text(response)
    assert not Worker.objects.exists()


def test_who_was_here_but_did_nothing_reads_that_the_batch_is_closed():
    batch = close_batch(batch=make_grid().hit.batch)
    make_worker("ann")
    assert visit(batch, "worker=ann").status_code == 410


@pytest.mark.parametrize("given_back", [False, True])
def test_who_holds_a_hit_of_a_closed_batch_comes_back_to_it(given_back):
    grid = make_grid()
    batch = grid.hit.batch
    start(batch)
    close_batch(batch=batch)
    catalog_reads.fixed_now = now() + timedelta(days=given_back)
    try:
        expire_leases()
        assert visit(batch, "worker=ann").status_code == (200 if given_back else 302)
        response = start(batch)
        assert response.url == f"/contains/{grid.hit.public_id}/?worker=ann"
        assert worker_client().get(response.url).status_code == 200
    finally:
        catalog_reads.fixed_now = None
    assert Lease.objects.count() == 1


def test_work_given_back_whose_answers_are_all_in_is_not_asked_for_again():
    batch = make_grid(n_slots=1).hit.batch
    start(batch)
    Lease.objects.update(expires_at=now())
    hand_in(batch, "bob")
    close_batch(batch=batch)
    assert visit(batch, "worker=ann").status_code == 410


def test_who_has_done_their_share_of_a_closed_batch_is_not_sent_to_what_they_left():
    batch = make_batch(hits_per_worker=1, completion_code="C0DE7")
    for _ in range(2):
        make_grid(batch=batch, n_slots=1)
    left = make_lease(batch, make_worker("ann"))
    Lease.objects.filter(pk=left.pk).update(state="expired", slot=None)
    slots = Slot.objects.filter(hit=left.hit)
    slots.update(state="leased")  # with somebody else, while ann does the other one
    hand_in(batch, "ann")
    slots.update(state="free")
    close_batch(batch=batch)
    assert "C0DE7" in text(visit(batch, "worker=ann"))


def test_a_closed_batch_still_pays_who_worked():
    batch = make_batch(completion_code="C0DE7")
    make_grid(batch=batch)
    hand_in(batch, "ann")
    close_batch(batch=batch)
    response = visit(batch, "worker=ann")
    assert response.status_code == 200
    assert "C0DE7" in text(response)


def test_nobody_joins_a_replayed_batch():
    assert visit(make_batch(marketplace="replay"), "worker=ann").status_code == 404


def test_an_unknown_batch_is_not_found():
    assert worker_client().get("/join/no-such-batch?worker=ann").status_code == 404


def test_who_stops_early_gets_the_code():
    batch = make_batch(completion_code="C0DE7")
    make_grid(batch=batch)
    make_grid(batch=batch)
    hand_in(batch, "ann")
    assert "C0DE7" in text(visit(batch, "worker=ann", "/finish"))


@pytest.mark.parametrize(
    ("options", "words"), [({"completion_code": "C1"}, "Stop and get your code"), ({}, "Stop here")]
)
def test_stopping_promises_a_code_only_where_there_is_one(options, words):
    batch = make_batch(**options)
    make_grid(batch=batch)
    make_grid(batch=batch)
    hand_in(batch, "ann")
    page = text(start(batch, follow=True))
    assert f">{words}</a>" in page


def test_who_stops_without_a_code_is_thanked_and_may_go_on():
    batch = make_batch()
    make_grid(batch=batch)
    make_grid(batch=batch)
    hand_in(batch, "ann")
    page = text(visit(batch, "worker=ann", "/finish"))
    assert "You can stop here and close this page" in page
    assert "completion code" not in page
    assert f'href="/join/{batch.public_id}?worker=ann"' in page


@pytest.mark.parametrize("what_ends_it", ["the work", "the share", "the batch"])
def test_who_stops_at_the_end_is_led_to_no_further_work(what_ends_it):
    batch = make_batch(hits_per_worker=1 if what_ends_it == "the share" else None)
    make_grid(batch=batch)
    if what_ends_it != "the work":
        make_grid(batch=batch)
    hand_in(batch, "ann")
    if what_ends_it == "the batch":
        close_batch(batch=batch)
    page = text(visit(batch, "worker=ann", "/finish"))
    assert "Thank you, you are done" in page
    assert "You can close this page" in page
    assert "/join/" not in page


def test_a_code_is_not_promised_to_who_stops_too_early_where_there_is_none():
    batch = make_grid().hit.batch
    assert "code" not in text(visit(batch, "worker=ann", "/finish"))


def test_who_stops_before_the_first_answer_is_asked_to_go_on():
    batch = make_batch(completion_code="C0DE7")
    make_grid(batch=batch)
    page = text(visit(batch, "worker=ann", "/finish"))
    assert "C0DE7" not in page
    assert f"/join/{batch.public_id}?worker=ann" in page
    assert not Worker.objects.exists(), "asking to stop must not change anything"


def test_who_stops_before_their_share_is_done_gets_no_code():
    batch = make_batch(completion_code="C0DE7", hits_per_worker=2)
    make_grid(batch=batch)
    make_grid(batch=batch)
    hand_in(batch, "ann")
    page = text(visit(batch, "worker=ann", "/finish"))
    assert "C0DE7" not in page
    assert "1 of 2" in page


@pytest.mark.parametrize("path", ["", "/finish"])
@pytest.mark.parametrize("method", ["post", "put", "delete", "head"])
def test_a_batch_address_is_only_read_and_started(method, path):
    if (method, path) == ("post", ""):
        return
    batch = make_grid().hit.batch
    address = f"/join/{batch.public_id}{path}?worker=ann"
    response = getattr(worker_client(), method)(address)
    assert response.status_code == 405
    assert response.headers["Allow"] == ("GET" if path else "GET, POST")
    assert f'href="{address}"' in text(response) or method == "head"
    assert not Lease.objects.exists()


@pytest.mark.parametrize("path", ["", "/finish"])
def test_a_slash_too_many_leads_to_the_same_page(path):
    batch = make_grid().hit.batch
    with_slash, without = visit(batch, "worker=ann", f"{path}/"), visit(batch, "worker=ann", path)
    assert with_slash.status_code == without.status_code != 404
    assert with_slash.headers.get("Location") == without.headers.get("Location")


@pytest.mark.parametrize("path", ["", "/finish"])
def test_joining_sets_no_cookie_and_is_never_cached(path):
    response = visit(make_grid().hit.batch, "worker=ann", path)
    assert not response.cookies
    assert "no-store" in response.headers["Cache-Control"]
