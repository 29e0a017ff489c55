"""Under which names the site answers: its two origins, however they are written, and no others."""

import itertools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.test import Client

from access.origins.reads import host_and_port, origin_named
from tests.factories import staff_client
from tests.ports import free_port
from tests.raw_http import request_to, served, status_of

pytestmark = pytest.mark.django_db
DEFAULT_PORTS = {"http": "80", "https": "443"}
SOAK = bool(os.environ.get("SOAK"))
REFUSED_AT = ("/", "/login/", "/join/example?worker=ann", "/api/v1/", "/static/style.css", "/nowhere/")
HEALTH = ("/livez", "/readyz")


def own_spellings(origin: str) -> list[str]:
    """Spellings of an origin's host and port that mean the same."""
    parts = urlsplit(origin)
    host, port = parts.netloc.rpartition(":")[::2] if parts.port else (parts.netloc, "")
    ports = [f":{port}"] if port else ["", ":", f":{DEFAULT_PORTS[parts.scheme]}"]
    names = [host, host.upper(), host.title()] + ([] if host.startswith("[") else [f"{host}."])
    return [name + port for name, port in itertools.product(names, ports)]


def other_hosts(origin: str) -> Iterator[str]:
    """Hosts that look like an origin's or like this machine's, and are not it."""
    parts = urlsplit(origin)
    host, place = parts.hostname or "", parts.netloc
    port = f":{parts.port}" if parts.port else ""
    yield from ("", " ", ".", ":", "*", "-", "[", "[]", "[::]", "testserver", "evil.example", "localhost:1", "0")
    yield from (f"{host}:1", f"{host}:99999", f"{host}:-1", f"{host}:8x", f"{host}:8000:8000", f"{host}:０")
    yield from (f"user@{place}", f"user:secret@{place}", f"@{place}", f"{place}@evil.example", f"http://{place}")
    yield from (
        f"x.{place}",
        f"x{place}",
        f"{host}x{port}",
        f"{host}..{port}",
        f".{place}",
        f"{host}.evil.example{port}",
    )
    yield from (f"{place}/", f"{place}?", f"{place}#", f"{place},{place}", f"{place},evil.example", f"{place}\\")
    yield from (f"{place}%00", f"%6c{place[1:]}", f"{place}\t", f" {place}", f"{place}\x00", f"{host}\xad{port}")
    yield from (f"127.1{port}", f"0x7f000001{port}", f"2130706433{port}", f"0.0.0.0{port}", f"[::ffff:127.0.0.1]{port}")
    if port:
        yield host


@pytest.fixture(params=["machine", "deployed", "IPv6", "default ports"])
def origins(request, settings) -> tuple[str, str]:
    worker, staff = {
        "machine": (site.WORKER_ORIGIN, site.STAFF_ORIGIN),
        "deployed": ("https://work.example.org", "https://staff.example.org:8443"),
        "IPv6": ("http://localhost:8000", "http://[::1]:8000"),
        "default ports": ("http://localhost", "http://127.0.0.1"),
    }[request.param]
    settings.WORKER_ORIGIN, settings.STAFF_ORIGIN, settings.SECURE_SSL_REDIRECT = worker, staff, False
    hosts = [urlsplit(origin).netloc.removesuffix(f":{urlsplit(origin).port}") for origin in (worker, staff)]
    settings.ALLOWED_HOSTS = hosts
    return worker, staff


def page_at(host: str, path: str = "/", **more: Any):
    return Client(raise_request_exception=False).get(path, HTTP_HOST=host, follow=True, **more)


def side_of(page) -> str:
    words = page.content.decode()
    return "staff" if 'name="password"' in words else "worker" if page.status_code == 200 else str(page.status_code)


def test_each_side_answers_under_its_own_name_however_it_is_written(origins):
    for side, origin in zip(("worker", "staff"), origins, strict=True):
        for host in own_spellings(origin):
            assert side_of(page_at(host)) == side, host


def test_every_other_host_is_refused_at_every_address_but_the_health_checks(origins):
    """In the short form each host is tried at two of the addresses, in turn: one place refuses it for them all."""
    for number, host in enumerate(dict.fromkeys(host for origin in origins for host in other_hosts(origin))):
        if any(origin_named(host, [origin]) for origin in origins):
            # What is nobody's name at one origin may be the other's.
            assert host in {spelling for origin in origins for spelling in own_spellings(origin)}
            continue
        for path in REFUSED_AT if SOAK else {REFUSED_AT[0], REFUSED_AT[number % len(REFUSED_AT)]}:
            answer = page_at(host, path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8"), host
        for path in HEALTH if SOAK else HEALTH[number % 2 :][:1]:
            assert page_at(host, path).content == b"ok", host


def test_a_request_without_a_host_is_refused(origins):
    client: Any = Client()
    environment = client._base_environ(PATH_INFO="/")
    del environment["HTTP_HOST"]
    # What a server of its own would fill in, and what a proxy would add, names no origin.
    place = urlsplit(origins[1])
    more = {"SERVER_NAME": place.hostname, "SERVER_PORT": str(place.port or 80), "HTTP_X_FORWARDED_HOST": place.netloc}
    assert client.handler(environment | more).status_code == 400


def test_what_a_proxy_says_of_the_host_does_not_count(origins):
    worker, staff = (urlsplit(origin).netloc for origin in origins)
    more = {"HTTP_X_FORWARDED_HOST": staff, "HTTP_X_FORWARDED_PORT": "1", "HTTP_FORWARDED": f"host={staff}"}
    assert side_of(page_at(worker, **more)) == "worker"
    assert page_at("evil.example", **more).status_code == 400


def test_one_origin_may_still_serve_both_sides(settings):
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    host = urlsplit(settings.STAFF_ORIGIN).netloc
    assert side_of(page_at(host)) == "staff" and page_at(host, "/join/example?worker=a").status_code == 404
    assert page_at("localhost:1").status_code == 400


def test_links_and_forms_are_those_of_the_origin_under_another_spelling_too():
    place = urlsplit(site.STAFF_ORIGIN).netloc
    index = staff_client().get("/api/v1/", HTTP_HOST=f"{place.partition(':')[0]}.:{place.partition(':')[2]}").json()
    assert all(address.startswith(f"{site.STAFF_ORIGIN}/") for address in index.values())


def test_a_refusal_says_what_it_is_and_has_the_headers_of_every_answer():
    answer = page_at("evil.example")
    assert "No site has this address" in answer.content.decode()
    assert {"Content-Security-Policy", "Permissions-Policy", "X-Robots-Tag"} <= set(answer.headers)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_host_has_parts():
    assert host_and_port("[::1]", "http") == ("::1", 80)
    assert host_and_port("[::1::]", "http") is host_and_port("[1.2.3.4]", "http") is None
    assert host_and_port("a:", "https") == ("a", 443)


def test_the_served_site_refuses_them_too():
    port = free_port()
    worker, staff = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    origins_of_site = {"WORKER_ORIGIN": worker, "STAFF_ORIGIN": staff, "PORT": str(port)}
    with served("annotation_site.wsgi:application", origins_of_site, port) as port:
        for spelling in own_spellings(worker) + own_spellings(staff):
            assert status_of(port, request_to("/api/v1/schema", f"Host: {spelling}")) in (200, 301, 404), spelling
        for host in other_hosts(staff):
            if origin_named(host.strip(), [worker, staff]) or not host.isascii():
                continue
            # The server itself drops the line for some.
            assert status_of(port, request_to("/login/", f"Host: {host}")) in (0, 400), host
        assert status_of(port, request_to("/login/")) == 400
        assert status_of(port, request_to("/login/", version="1.0")) == 400
        assert status_of(port, request_to(f"{staff}/login/", "Host: evil.example")) == 400
        twice = (f"Host: 127.0.0.1:{port}", "Host: evil.example")
        assert status_of(port, request_to("/login/", *twice)) == 400
        assert status_of(port, request_to("/livez", version="1.0")) == 200
        assert status_of(port, request_to("/login/", f"Host: 127.0.0.1:{port}", version="1.0")) == 200
