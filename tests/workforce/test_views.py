"""The one address of a batch: the next HIT, the same HIT again, the completion code, or a clear word."""

import html

import pytest

from tests.factories import (
    make_batch,
    make_form,
    make_grid,
    make_lease,
    make_worker,
    staff_client,
    unique,
    worker_client,
)
from workforce.actions import close_batch, submit
from workforce.models import Batch, Lease, Worker

pytestmark = pytest.mark.django_db


def visit(batch: Batch, query: str, path: str = ""):
    return worker_client().get(f"/join/{batch.public_id}{path}?{query}")


def text(response) -> str:
    return html.unescape(response.content.decode())


def hand_in(batch: Batch, name: str) -> None:
    submit(lease=make_lease(batch, make_worker(name)), answer={"selected": []}, idempotency_key=unique("key" * 6))


def test_who_joins_is_led_to_the_next_grid():
    grid = make_grid()
    response = visit(grid.hit.batch, "worker=ann")
    assert response.status_code == 302
    assert response.url == f"/contains/{grid.hit.public_id}/?worker=ann"


def test_who_joins_a_classify_batch_is_led_to_the_next_form():
    form = make_form()
    response = visit(form.hit.batch, "worker=ann")
    assert response.url == f"/classify/{form.hit.public_id}/?worker=ann"


def test_the_parameters_of_a_marketplace_name_the_person():
    batch = make_grid().hit.batch
    visit(batch, "PROLIFIC_PID=5f3c&STUDY_ID=61aa&SESSION_ID=77")
    assert Lease.objects.get().worker.identity.external_id == "5f3c"


def test_odd_characters_in_an_id_survive_the_way_to_the_page():
    grid = make_grid()
    response = visit(grid.hit.batch, "worker=a%26b%3D%3Cc%3E%20%2B")
    assert response.url.endswith("?worker=a%26b%3D%3Cc%3E+%2B")
    assert worker_client().get(response.url).status_code == 200


def test_the_same_person_coming_back_gets_the_same_grid():
    batch = make_batch()
    for _ in range(3):
        make_grid(batch=batch)
    assert visit(batch, "worker=ann").url == visit(batch, "worker=ann").url
    assert Lease.objects.count() == 1


@pytest.mark.parametrize("query", ["", "worker=", "STUDY_ID=61aa", "worker=%00", f"worker={'x' * 201}"])
def test_without_a_participant_the_page_says_what_to_do(query):
    response = visit(make_grid().hit.batch, query)
    assert response.status_code == 400
    assert "address" in text(response)
    assert not Worker.objects.exists()


def test_without_work_a_newcomer_reads_a_friendly_page():
    response = visit(make_batch(), "worker=ann")
    assert response.status_code == 200
    assert "No work for you at the moment" in text(response)


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


def test_a_closed_batch_says_so_to_a_newcomer():
    batch = close_batch(batch=make_grid().hit.batch)
    response = visit(batch, "worker=ann")
    assert response.status_code == 410
    assert "closed" in text(response)


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
def test_a_batch_address_is_only_read(method, path):
    batch = make_grid().hit.batch
    response = getattr(worker_client(), method)(f"/join/{batch.public_id}{path}?worker=ann")
    assert response.status_code in (403, 405)
    assert not Lease.objects.exists()


@pytest.mark.parametrize("path", ["", "/finish"])
def test_joining_sets_no_cookie_and_is_never_cached(path):
    response = visit(make_grid().hit.batch, "worker=ann", path)
    assert not response.cookies
    assert "no-store" in response.headers["Cache-Control"]


def test_worker_pages_are_not_served_on_the_staff_origin():
    batch = make_grid().hit.batch
    assert staff_client().get(f"/join/{batch.public_id}?worker=ann").status_code == 404
