"""The headers of every address on both sides: who may frame it, where its forms may lead, what it tells others.

An address is called as it stands in the URL tables; whether it finds something there makes no difference.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.factories import make_grid, staff_client, worker_client
from workforce.models import Batch

pytestmark = pytest.mark.django_db
SITES = ["http://127.0.0.1:8100", "https://worker.example.org"]
SELF = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
WORKER_POLICY = f"{SELF}form-action 'self' {' '.join(SITES)}; frame-ancestors {' '.join(SITES)}"
STAFF_POLICY = f"{SELF}form-action 'self'; frame-ancestors 'none'"
EXAMPLES = {"slug": "example", "str": "example", "int": "1", "path": "example", "uuid": "0" * 32}
METHODS = ("get", "post")
PARAMETER = re.compile(r"<(?:(\w+):)?\w+>")


def addresses(table: str) -> list[str]:
    """An example of every address of a URL table."""
    return sorted({"/" + address for address in _written(get_resolver(table))})


def _written(resolver: URLResolver, start: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = start + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLPattern):
            yield PARAMETER.sub(lambda match: EXAMPLES[match[1] or "str"], route)
        else:
            yield from _written(pattern, route)


WORKER = addresses("annotation_site.worker_urls")
STAFF = addresses("annotation_site.staff_urls")


@pytest.fixture(autouse=True)
def marketplaces(settings):
    settings.MARKETPLACE_SITES = settings.WORKER_FRAME_ANCESTORS = SITES


def assert_told(client: Client, address: str, policy: str, method: str) -> None:
    response = getattr(client, method)(address)
    if response.streaming:
        assert b"".join(response)
    assert response.headers["Content-Security-Policy"] == policy, method
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "strict-origin"
    assert "X-Frame-Options" not in response.headers
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(response.headers["Permissions-Policy"].split(", "))


@pytest.mark.parametrize("address", [*WORKER, "/nowhere/"])
def test_a_page_for_workers_may_be_framed_by_marketplaces_alone_and_sets_no_cookie(address):
    client = worker_client()
    for method in METHODS:
        assert_told(client, address, WORKER_POLICY, method)
        assert not client.cookies


@pytest.mark.parametrize("address", [*STAFF, "/nowhere/"])
def test_a_page_for_staff_may_not_be_framed_even_if_another_site_posts_to_it(address):
    another_site = Client(enforce_csrf_checks=True, headers={"host": urlsplit(settings.STAFF_ORIGIN).netloc})
    assert_told(another_site, address, STAFF_POLICY, "post")
    for signed_in in (False, True):
        for method in METHODS:
            # What one page has done to the session is not there for the other.
            assert_told(staff_client(signed_in=signed_in), address, STAFF_POLICY, method)


def test_files_have_the_headers_of_their_side():
    files = [f"/static/{path}" for finder in finders.get_finders() for path, _ in finder.list([])]
    assert "/static/workforce/submit.js" in files
    for address in files:
        assert_told(worker_client(), address, WORKER_POLICY, "get")
        assert_told(staff_client(signed_in=False), address, STAFF_POLICY, "get")


def test_the_page_of_a_hit_is_among_them():
    hit = make_grid().hit
    assert "/contains/example/" in WORKER
    assert_told(worker_client(), f"/contains/{hit.public_id}/?worker=ann", WORKER_POLICY, "get")
    Batch.objects.update(marketplace="mturk")
    assert_told(worker_client(), f"/contains/{hit.public_id}/", WORKER_POLICY, "get")


def test_no_marketplace_is_mentioned_where_one_origin_serves_both_sides(settings):
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    assert_told(staff_client(signed_in=False), "/contains/example/", STAFF_POLICY, "get")


def test_the_tables_are_read_to_their_ends():
    assert {"/", "/join/example", "/classify/example/", "/i/example/cell/example.jpg"} <= set(WORKER)
    assert {"/login/", "/datasets/example/"} <= set(STAFF)
    assert any(address.startswith("/api/v1/") for address in STAFF)
