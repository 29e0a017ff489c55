"""The headers of every address of the marketplace, word by word (T13): who may frame it, and what it may load."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.marketplace.browsing import accept_on_page, at_work, stranger
from tests.marketplace.parties import make_hit, make_worker

pytestmark = pytest.mark.django_db
START = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'self'; "
NOT_FRAMED = START + "frame-src 'none'; frame-ancestors 'none'"
IN_OUR_FRAME = START + "frame-src 'none'; frame-ancestors 'self'"
AROUND_A_TASK = START + "frame-src https://lab.example 'self'; frame-ancestors 'none'"
PARAMETER = re.compile(r"<\w+:\w+>")


def addresses() -> list[str]:
    """Return every address of the marketplace, with an id that belongs to nobody."""
    return ["/" + PARAMETER.sub("3NOBODYSIDNOBODYSID", route) for route in _written(get_resolver().url_patterns)]


def _written(patterns: list, start: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = start + str(pattern.pattern)
        yield from [route] if isinstance(pattern, URLPattern) else _written(pattern.url_patterns, route)


def policy_of(address: str, method: str) -> str:
    """Return the expected policy: pages after a submission are shown in the frame, refused methods are not."""
    framed = address == "/mturk/externalSubmit" or address.startswith("/mturk/") and method != "post"
    return IN_OUR_FRAME if framed else NOT_FRAMED


def assert_policy(client: Client, address: str, policy: str, method: str = "get") -> None:
    page = getattr(client, method)(address)
    if page.streaming:
        assert b"".join(page)
    assert page.status_code < 500
    assert page.headers["Content-Security-Policy"] == policy
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Frame-Options" not in page.headers
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(page.headers["Permissions-Policy"].split(", "))


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("address", [*addresses(), "/nowhere/"])
def test_every_address_tells_who_may_frame_it_and_what_it_may_load(address, signed_in, method):
    client = at_work(make_worker()) if signed_in else stranger()
    assert_policy(client, address, policy_of(address, method), method)


def test_a_form_of_another_site_is_refused_with_the_same_headers():
    strict = stranger(enforce_csrf_checks=True)
    assert strict.post("/sign-in/").status_code == 403
    for address in addresses():
        assert_policy(strict, address, policy_of(address, "post"), "post")


def test_a_preview_and_a_task_may_show_the_site_of_the_task_in_their_frame():
    client, hit = at_work(make_worker()), make_hit()
    assert_policy(client, f"/groups/{hit.hit_type.group_id}/", AROUND_A_TASK)
    assignment = accept_on_page(client, hit)
    assert_policy(client, f"/tasks/{assignment.public_id}/", AROUND_A_TASK)


def test_files_have_them_too():
    files = [f"/static/{path}" for finder in finders.get_finders() for path, _ in finder.list([])]
    assert len(files) >= 2
    for address in files:
        assert_policy(stranger(), address, NOT_FRAMED)


def test_the_addresses_are_all_there():
    paths = {"/", "/sign-in/", "/hits/", "/mturk/externalSubmit", "/tasks/3NOBODYSIDNOBODYSID/return/"}
    assert paths <= set(addresses())
