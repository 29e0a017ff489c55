"""Requests that nothing here is for: other hosts, and characters that no text contains, at every address."""

import json
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings as marketplace_settings

from marketplace.refusals import is_own_host
from tests.marketplace.browsing import HOST, at_work, stranger
from tests.marketplace.parties import make_worker, marketplace
from tests.marketplace.test_headers import addresses
from tests.raw_http import request_to, served, status_of

pytestmark = pytest.mark.django_db
PORT = urlsplit(marketplace_settings.ORIGIN).port
OWN = [HOST, f"localhost:{PORT}", f"LOCALHOST.:{PORT}", f"[::1]:{PORT}"]
OTHERS = [
    *(
        "",
        " ",
        ":",
        "[]",
        "localhost",
        "localhost:1",
        "127.0.0.1",
        "testserver",
        "evil.example",
        f"evil.example:{PORT}",
    ),
    *(f"user@{HOST}", f"{HOST}@evil.example", f"{HOST},{HOST}", f"x.{HOST}", f"{HOST}/", f"{HOST}%00", f"127.1:{PORT}"),
    *(
        f"localhost..:{PORT}",
        f"localhost:{PORT}:{PORT}",
        f"http://{HOST}",
        f"0.0.0.0:{PORT}",
        f"[::ffff:127.0.0.1]:{PORT}",
    ),
]
FORM = "application/x-www-form-urlencoded"
BAD = ["%00", "%0B", "%1B", "%7F", "%C2%85", "%ff", "%ed%a0%bd", "%c0%80"]
COOKIES = [r'marketplace_session="\000aaaaaaaa"', r'marketplace_csrf="a\033"', "marketplace_session=aaaaaaaa\x00"]


@pytest.mark.parametrize("host", OTHERS)
def test_another_host_is_refused_at_every_address_but_the_health_check(host):
    client = stranger(HTTP_HOST=host)
    for address in ("/", "/hits/", "/sign-in/", "/static/marketplace/pages.css", "/nowhere/"):
        for answer in (client.get(address), client.post(address)):
            assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
            assert {"Content-Security-Policy", "Permissions-Policy", "X-Robots-Tag"} <= set(answer.headers)
    assert client.get("/livez").content == b"ok\n"


@pytest.mark.parametrize("host", OWN)
def test_its_own_names_are_answered(host):
    answer = stranger(HTTP_HOST=host, HTTP_X_FORWARDED_HOST="evil.example").get("/sign-in/")
    assert answer.status_code in (200, 302) and "evil" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("origin", ["https://work.example.org", "https://work.example.org:8443"])
def test_a_deployed_one_has_no_name_of_this_machine(settings, origin):
    settings.ORIGIN, host = origin, urlsplit(origin).netloc
    assert is_own_host(host) and is_own_host(host.upper()) and is_own_host(host.replace(".org", ".org."))
    assert is_own_host("work.example.org:443") == is_own_host("work.example.org") == (":" not in host)
    assert not any(is_own_host(other) for other in (*OWN, *OTHERS, "work.example.org:80", "example.org"))


def ask(client, method: str, path: str, data: bytes = b"", content_type: str = FORM, **more: Any):
    return client.generic(method, path, data, content_type, **more)


@pytest.mark.parametrize("address", addresses())
def test_every_address_refuses_what_no_text_contains(address):
    client = at_work(make_worker())
    for text in [*BAD, "%09", "%0a"]:
        assert ask(client, "GET", address, QUERY_STRING=f"page={text}&next={text}").status_code == 400, text
        assert ask(client, "GET", address, QUERY_STRING=f"{text}=1").status_code == 400, text
    for text in BAD:
        assert ask(client, "POST", address, f"hit=a&name={text}".encode()).status_code in (400, 405), text
    assert client.post(address, {"name": "a\x00b"}).status_code in (400, 405)
    for cookie in COOKIES:
        assert ask(stranger(), "GET", address, HTTP_COOKIE=cookie).status_code == 400, cookie
    odd: list[dict[str, Any]] = [{"HTTP_X_ANYTHING": "a\x00b"}, {"CONTENT_TYPE": "text/plain; charset=hex"}]
    for more in odd:
        assert ask(client, "GET", address, **more).status_code == 400


@pytest.mark.parametrize("address", [address for address in addresses() if "NOBODY" in address])
def test_no_part_of_an_address_contains_it(address):
    client = at_work(make_worker())
    for text in BAD:
        assert client.get(address.replace("3NOBODYSIDNOBODYSID", text)).status_code in (400, 404), text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (rb'{"HITId": "\u0000"}', 400),
        (rb'{"HITId": "\ud83d"}', 400),
        (b'{"HITId": "\xed\xa0\xbd"}', 400),
        (b"\xff", 400),
        (r'{"HITId": "\ud83d"}'.encode("utf-16"), 400),
        (rb'{"\ud83d": "x"}', 400),
    ],
)
def test_the_api_says_it_in_its_own_words(body, kind):
    headers = {"X-Amz-Target": "MTurkRequesterServiceV20170117.GetHIT"}
    answer = stranger().post("/", body, content_type="application/x-amz-json-1.1", headers=headers)
    assert answer.status_code == kind and json.loads(answer.content)["__type"]


def test_what_people_write_is_read():
    client = at_work(make_worker())
    for text in ("Ann Müller", "😀", "two\r\nlines", "100 %"):
        assert ask(client, "POST", "/sign-in/", f"name={quote(text)}".encode()).status_code == 403


def test_no_command_takes_it_as_an_argument():
    answer = marketplace("create_worker", "\udcff", "--password", "x")
    assert answer.returncode == 1 and "is not UTF-8. Nothing was changed" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_served_marketplace_refuses_them_too():
    variables = {
        "MARKETPLACE_SECRET_KEY": marketplace_settings.SECRET_KEY,
        "MARKETPLACE_ORIGIN": marketplace_settings.ORIGIN,
    }
    with served("marketplace.wsgi:application", variables) as port:
        for host in OTHERS:
            assert status_of(port, request_to("/sign-in/", f"Host: {host}")) in (0, 400), host
        assert (
            status_of(port, request_to("/sign-in/")) == status_of(port, request_to("/sign-in/", version="1.0")) == 400
        )
        for path in ("/hits/?q=%00", "/hits/?q=%ff", "/groups/a%00b/", "/sign-in/?next=%ed%a0%bd"):
            assert status_of(port, request_to(path, f"Host: {HOST}")) == 400, path
        for content_type in ("text/plain; charset*=nosuch''x", "text/plain; charset*=utf-8''%00"):
            headers = (f"Host: {HOST}", f"Content-Type: {content_type}")
            assert status_of(port, request_to("/sign-in/", *headers)) == 400, content_type
        assert status_of(port, request_to("/sign-in/", f"Host: {HOST}")) == 200
