"""Every page that says no says why, and leads on: to the other side, to the start, or to another try."""

import contextlib
import html
import re

import pytest
from django.conf import settings as site
from django.db import connection
from django.test import Client

from tests.factories import make_grid, staff_client, start, worker_client
from tests.required import require
from workforce.models import Submission

pytestmark = pytest.mark.django_db


def text(response) -> str:
    return html.unescape(response.content.decode())


def ways_on(response) -> list[str]:
    return re.findall(r'<a class="button" href="([^"]+)"', text(response))


def test_a_page_that_is_not_there_leads_to_the_start():
    for client in (worker_client(), staff_client(), staff_client(signed_in=False)):
        response = client.get("/nothing/here")
        assert response.status_code == 404
        assert ways_on(response) == ["/"]


@pytest.mark.parametrize("path", ["/nothing/here", "/datasets/nothing/", "/images/nothing/"])
def test_who_is_signed_in_keeps_the_header_on_an_error_page(path):
    client = staff_client()
    assert "Sign out" in text(client.get(path))
    assert "Sign out" in text(client.post("/", {}))


def test_an_error_page_shows_no_header_to_a_stranger_nor_on_the_worker_side():
    signed_in = staff_client()
    assert "Sign out" not in text(staff_client(signed_in=False).get("/nothing"))
    response = signed_in.get("/nothing", headers={"host": worker_client().get("/").wsgi_request.get_host()})
    assert "Sign out" not in text(response)
    assert "Cookie" not in response.headers.get("Vary", ""), "worker pages read no cookie"


@pytest.mark.parametrize("path", ["/join/b-1?worker=a%26b", "/join/b-1/finish?worker=ann", "/contains/h-1/?worker=ann"])
def test_a_worker_address_on_the_staff_side_leads_to_the_worker_side(path):
    response = staff_client(signed_in=False).get(path)
    assert response.status_code == 302
    assert response["Location"] == f"{site.WORKER_ORIGIN}{path}"


def test_an_answer_sent_to_the_staff_side_is_not_passed_on():
    grid = make_grid()
    address = f"/contains/{grid.hit.public_id}/?worker=ann"
    response = staff_client(signed_in=False).post(address, {"selected": []})
    assert response.status_code == 404
    assert ways_on(response) == [f"{site.WORKER_ORIGIN}{address}"]


@pytest.mark.parametrize("path", ["/login/", "/datasets/any/", "/images/any/", "/api/v1/annotations/"])
def test_a_staff_address_on_the_worker_side_names_the_other_one_without_parameters(path):
    response = worker_client().get(f"{path}?worker=ann&next=/")
    assert response.status_code == 404
    assert ways_on(response) == [f"{site.STAFF_ORIGIN}{path}"]
    assert "worker=" not in text(response)


def test_on_one_shared_origin_nothing_is_redirected(settings):
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    batch = make_grid().hit.batch
    assert start(batch, client=staff_client())["Location"].startswith("/contains/")
    assert staff_client().get("/nothing").status_code == 404


def test_a_form_sent_from_an_outdated_page_says_what_to_do():
    client = Client(enforce_csrf_checks=True, headers={"host": staff_client().get("/").wsgi_request.get_host()})
    response = client.post("/login/", {"username": "rosa", "password": "x"})
    assert response.status_code == 403
    assert "Your change was not saved" in text(response)
    assert ways_on(response) == ["/login/"]


def test_a_method_that_an_address_does_not_take_is_refused_on_a_page_of_ours():
    response = staff_client().get("/logout/")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert ways_on(response) == ["/"], "the address itself cannot be opened"


def test_the_machine_readers_refusal_stays_as_it_is():
    response = staff_client().post("/api/v1/annotations/", {})
    assert response.headers["Content-Type"] == "application/json"


@contextlib.contextmanager
def postgres_away():
    """The database's socket is not there."""
    connection.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "/nowhere")
        yield
        connection.close()


def patient(client: Client) -> Client:
    """One that gets the page of a fault as a browser does."""
    client.raise_request_exception = False
    return client


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/join/b-1?worker=ann", "/contains/h-1/?worker=ann", "/readyz"])
def test_without_postgres_a_page_asks_to_try_again_in_a_moment(path):
    with postgres_away():
        response = patient(worker_client()).get(path)
    assert response.status_code == 503
    assert ways_on(response) == [path]
    assert '<meta http-equiv="refresh" content="10">' in response.content.decode()
    assert response.headers["Retry-After"] == "10"


@pytest.mark.django_db(transaction=True)
def test_without_postgres_an_answer_is_sent_again_by_reloading_and_counts_once():
    grid = make_grid()
    page = text(start(grid.hit.batch, follow=True))
    fields = {name: require(re.search(rf'name="{name}" value="([^"]+)"', page))[1] for name in ("token", "key")}
    fields["none"] = "yes"
    address = f"/contains/{grid.hit.public_id}/?worker=ann"
    with postgres_away():
        response = patient(worker_client()).post(address, fields)
    assert response.status_code == 503
    assert "Reload this page" in text(response)
    assert "http-equiv" not in text(response)
    assert ways_on(response) == [], "a link would lead away from what was sent"
    assert [worker_client().post(address, fields).status_code for _ in range(2)] == [303, 303]
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_signed_in_researcher_without_postgres_reads_the_same():
    client = patient(staff_client())
    with postgres_away():
        response = client.get("/")
    assert response.status_code == 503
    assert ways_on(response) == ["/"]
