"""Pages for workers are compressed; those for researchers hold secrets beside what others may choose, and are not."""

import gzip

import brotli
import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from page_files.pages import compressed
from tests.factories import make_dataset, make_grid, staff_client, worker_client

GZIP = {"accept-encoding": "gzip, deflate"}
pytestmark = pytest.mark.django_db


def test_a_workers_page_is_compressed_for_browsers_that_read_it():
    address = f"/join/{make_grid().hit.batch.public_id}?worker=ann"
    plain, answer = worker_client().get(address), worker_client().get(address, headers=GZIP)
    assert "Content-Encoding" not in plain.headers and answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == plain.content
    assert int(answer.headers["Content-Length"]) == len(answer.content) < len(plain.content)
    smallest = worker_client().get(address, headers={"accept-encoding": "gzip, deflate, br"})
    assert smallest.headers["Content-Encoding"] == "br" and len(smallest.content) < len(answer.content)
    assert brotli.decompress(smallest.content) == plain.content
    for page in (plain, answer, smallest):
        assert {"Accept-Encoding", "Accept-Language"} <= set(page.headers["Vary"].split(", "))
    assert "Content-Encoding" not in worker_client().get("/livez", headers=GZIP).headers


def test_an_error_page_is_compressed_too():
    answer = worker_client().get("/nowhere/", headers=GZIP)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (404, "gzip")


def test_no_researchers_page_is_compressed(settings):
    dataset = make_dataset()
    for path in (f"/datasets/{dataset.name}/", f"/setup/people/{dataset.name}/", "/login/"):
        for origin in (settings.WORKER_ORIGIN, settings.STAFF_ORIGIN):
            settings.WORKER_ORIGIN = origin
            answer = staff_client().get(path, headers=GZIP)
            assert answer.status_code in (200, 302)
            assert "Content-Encoding" not in answer.headers


def test_where_one_origin_serves_both_sides_the_address_decides(settings):
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    answer = staff_client().get(f"/join/{make_grid().hit.batch.public_id}?worker=ann", headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("headers", "is_compressed"),
    [({}, True), ({"Content-Type": "image/jpeg"}, False), ({"Content-Encoding": "br"}, False)],
)
def test_only_plain_pages_are_compressed(headers, is_compressed):
    request = RequestFactory().get("/", headers=GZIP)
    answer = compressed(request, HttpResponse("page " * 200, headers=headers))
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_compressed


def test_a_short_page_is_not_worth_it():
    answer = compressed(RequestFactory().get("/", headers=GZIP), HttpResponse("short"))
    assert answer.content == b"short" and answer.headers["Vary"] == "Accept-Encoding"
