"""Control characters, halves of characters and what is not UTF-8: a 400 at every address, and nothing is stored.

The URL tables are walked, so that a new address enters by itself.
"""

import json
import os
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation_site.management.command_line import CommandLine, rooms
from tests.annotation_site.test_headers import STAFF, WORKER, staff_client, worker_client
from tests.factories import make_dataset
from tests.raw_http import request_to, served, status_of

pytestmark = pytest.mark.django_db
SOAK = bool(os.environ.get("SOAK"))
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# C0 but tab and line ends, DEL, C1.
CONTROLS = [chr(n) for n in (*range(9), 11, 12, *range(14, 32), *range(127, 160))]
FEW = ["\x00", "\x0b", "\x1b", "\x7f", "\x85"]
NO_UTF_8 = ["%ff", "%c3", "%ed%a0%bd", "%c0%80", "%f8%88%80%80%80", "a%80b"]
LINE_ENDS = ["\t", "\n", "\r"]
BAD_JSON = [
    r'{"a": "\ud83d"}',
    r'{"a": {"b": ["x", "\udc00"]}}',
    r'{"\ud83d": 1}',
    r'"\u0000"',
    r'["\u001b"]',
    r'"\u007f"',
]
BAD_COOKIES = [r'session="\000aaaaaaaa"', r'csrf="a\033b"', "session=aaaaaaaa\x00", r'x="\177"']
# Django reads these before any middleware.
UNREADABLE_TYPES = [
    *("text/plain; charset*=nosuch''x", "text/plain; charset*=utf-8''%00", "text/plain; name*=nosuch''x"),
    "text/plain; charset*=unicode_escape''%5Cud83d",
]
ENCODINGS = ["hex", "utf-16", "utf-7", "unicode_escape", "idna", "punycode", "latin-1", "rot13"]


def client_of(address: str) -> Client:
    """A client that shows what is refused for its text: others are refused for their missing CSRF token first."""
    if address in WORKER and address not in STAFF:
        return Client(headers={"host": settings.WORKER_ORIGIN.partition("//")[2]})
    return staff_client()


def in_query(text: str) -> dict[str, Any]:
    return {"QUERY_STRING": f"worker={text}&cursor={text}&dataset=x"}


def ask(client: Client, method: str, path: str, data: bytes = b"", content_type: str = FORM, **more: Any):
    return client.generic(method, path, data, content_type, **more)


def some(texts: list[str], number: int) -> list[str]:
    """Return these texts; in the short form every third, others for the next address."""
    return texts if SOAK else texts[number % 3 :: 3]


def refusals(client: Client, address: str, number: int):
    """Every way to send something unreadable to an address; yields what was sent, and the answer."""
    for text in some([*map(quote, FEW + LINE_ENDS), *NO_UTF_8], number):
        yield f"?{text}", ask(client, "GET", address, **in_query(text))
        yield f"?{text}=", ask(client, "GET", address, QUERY_STRING=f"{text}=a")
    for text in some([*map(quote, FEW), *NO_UTF_8], number):
        yield text, ask(client, "POST", address, f"token=a&reason={text}".encode())
    for body in some(BAD_JSON, number):
        yield body, ask(client, "POST", address, body.encode(), JSON)
    yield "bytes of a half", ask(client, "POST", address, b'{"a": "\xed\xa0\xbd"}', JSON)
    yield "UTF-16", ask(client, "POST", address, r'{"a": "\u0000"}'.encode("utf-16"), JSON)
    yield "multipart", client.post(address, {"reason": "a\x00b"})
    yield "multipart name", client.post(address, {"rea\x00son": "b"})
    for cookie in some(BAD_COOKIES, number):
        yield cookie, ask(client, "GET", address, HTTP_COOKIE=cookie)
    yield "header", ask(client, "GET", address, HTTP_IDEMPOTENCY_KEY="a\x00b", HTTP_USER_AGENT="x")
    for encoding in some(ENCODINGS, number):
        yield encoding, ask(client, "GET", address, CONTENT_TYPE=f"text/plain; charset={encoding}")


@pytest.mark.parametrize(("number", "address"), [*enumerate(sorted({*WORKER, *STAFF}))])
def test_every_address_refuses_what_no_text_contains(number, address):
    client = client_of(address)
    with CaptureQueriesContext(connection) as queries:
        answers = list(refusals(client, address, number))
    wrong = {sent: answer.status_code for sent, answer in answers if answer.status_code != 400}
    assert not wrong
    assert not [query for query in queries.captured_queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.parametrize("address", sorted({address for address in (*WORKER, *STAFF) if "example" in address}))
def test_no_part_of_an_address_contains_it(address):
    client = client_of(address)
    for text in [*map(quote, FEW + LINE_ENDS)]:
        assert client.get(address.replace("example", f"a{text}b")).status_code == 400, text
    for text in NO_UTF_8:
        # Nothing has such a name.
        answer = client.get(address.replace("example", text))
        assert answer.status_code in (400, 401, 403, 404), text


@pytest.mark.parametrize("text", CONTROLS)
def test_each_of_these_characters_is_refused(text):
    client, sent = worker_client(), quote(text)
    assert ask(client, "GET", "/join/example", **in_query(sent)).status_code == 400
    assert ask(client, "POST", "/join/example", f"a={sent}".encode()).status_code == 400
    assert ask(client, "POST", "/join/example", json.dumps({"a": text}).encode(), JSON).status_code == 400
    assert client.get(f"/join/{sent}").status_code == 400


@pytest.mark.parametrize(
    "text", ["a\tb", "two\r\nlines", "Ann Müller", "😀", "\u200e\u202e", "\ufffd", "\uffff", "100 %"]
)
def test_whatever_people_write_is_read(text):
    client = worker_client()
    for data, content_type in ((f"a={quote(text)}".encode(), FORM), (json.dumps({"a": text}).encode(), JSON)):
        assert ask(client, "POST", "/contains/example/", data, content_type).status_code == 404, "the view was asked"
    assert client.post("/contains/example/", {"a": text}).status_code == 404
    if text.isprintable():
        assert client.get("/join/example", {"worker": text}).status_code == 404


def test_a_refusal_is_in_the_form_of_its_side():
    page = staff_client().get("/datasets/a%00b/")
    assert (
        page.status_code == 400 and "could not be read" in page.content.decode() and "\x00" not in page.content.decode()
    )
    answer = ask(worker_client(), "POST", "/contains/example/", BAD_JSON[0].encode(), JSON)
    assert "could not be read" in answer.json()["message"]
    error = staff_client().get("/api/v1/annotations/?cursor=%00").json()["error"]
    assert error["code"] == "bad_request" and "could not be read" in error["message"]


def test_the_name_of_an_uploaded_file_is_cleaned_before_anybody_reads_it():
    dataset, client = make_dataset(), staff_client()
    for name in ("a\x00b.jpg", "a\x1b.jpg", "&#0;.jpg", "&#xd800;.jpg", "..\x00/x.jpg"):
        file = BytesIO(b"no picture")
        file.name = name
        answer = client.post(f"/setup/images/{dataset.name}/", {"from": "upload", "files": file})
        assert answer.status_code in (302, 400), ascii(name)


def test_json_that_cannot_be_parsed_is_left_to_the_view():
    deep = ("[" * 100_000).encode()
    for body in (b"", b"nonsense", b"\xff", deep, b'{"a": ' + b"9" * 5000 + b"}"):
        assert ask(worker_client(), "POST", "/contains/example/", body, JSON).status_code in (404, 400)


def test_the_served_site_refuses_them_too():
    with served("annotation_site.wsgi:application", {}) as port:
        host = f"Host: {settings.STAFF_ORIGIN.partition('//')[2]}"
        for path in (
            "/datasets/a%00b/",
            "/login/?next=%00",
            "/login/?next=%ff",
            "/login/?%ed%a0%bd",
            "/datasets/a%0ab/",
        ):
            assert status_of(port, request_to(path, host)) == 400, path
        for header in (
            'Cookie: session="\\000aaaaaaaa"',
            "X-Anything: a\x00b",
            "Content-Type: text/plain; charset=hex",
        ):
            assert status_of(port, request_to("/login/", host, header)) == 400, header
        for content_type in UNREADABLE_TYPES:
            header = f"Content-Type: {content_type}"
            assert status_of(port, request_to("/login/", host, header)) == 400, header
        assert status_of(port, request_to("/login/?next=%C3%A4", host)) == 200


@pytest.mark.parametrize("command", sorted(name for name, app in get_commands().items() if app in rooms()))
def test_no_command_takes_it_as_an_argument(command):
    for text in ("a\x00b", "\udcff", "\ud83d", "\x1b[2J", "a\x7f"):
        for words in ([command, text], [command, "--reason", text], [command, f"--reason={text}"], [text]):
            with pytest.raises(SystemExit, match="is not UTF-8. Nothing was changed") as stopped:
                CommandLine(["./manage", *words]).execute()
            assert str(stopped.value).isprintable(), "nor is it written to a terminal"
