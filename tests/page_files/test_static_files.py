"""Static files: compressed, linked to each other, and kept by browsers under an address that is theirs alone."""

import gzip
import re

import brotli
import pytest
from django.template import Context, Template
from django.templatetags.static import static

from page_files import reads as static_files
from page_files.reads import file_named
from tests.factories import worker_client

DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress}
FOR_A_YEAR = "public, max-age=31536000, immutable"


def rendered(text: str) -> str:
    return Template("{% load page_files static %}" + text).render(Context())


def get(address: str, **headers: str):
    return worker_client().get(address, headers=headers)


@pytest.mark.parametrize(
    "name", ["site.css", "contains_task/grid.js", "icon.svg", "mfa/js/webauthn.js", "site+workforce/work.css"]
)
def test_a_file_is_kept_for_good_under_the_address_on_pages(name):
    address = static(name)
    assert re.fullmatch(r"/static/[\w/+-]+\.[0-9a-f]{12}\.\w+", address)
    answer = get(address)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_A_YEAR)
    assert answer.content == file_named(name).content
    assert answer.headers["Content-Type"].startswith(("text/css", "text/javascript", "image/svg+xml"))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_its_digest_or_under_an_earlier_one_a_file_is_not_kept():
    for address in ("/static/site.css", "/static/site.0123456789ab.css"):
        answer = get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
        assert answer.content == file_named("site.css").content


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0.1, GZIP;q=1.0", "br"), ("br; q=0.00, gzip", "gzip")],
)
def test_a_browser_gets_the_smallest_that_it_reads_and_caches_know(accepted, coding):
    plain = get(static("site.css"))
    assert (plain.headers["Vary"], "Content-Encoding" in plain.headers) == ("Accept-Encoding", False)
    answer = get(static("site.css"), **{"accept-encoding": accepted})
    assert (answer.headers["Vary"], answer.headers["Content-Encoding"]) == ("Accept-Encoding", coding)
    assert int(answer.headers["Content-Length"]) == len(answer.content) < len(plain.content) / 2
    assert DECODERS[coding](answer.content) == plain.content


@pytest.mark.parametrize("accepted", ["", "gzip;q=0", "gzip; q=0.000, br;q=0.0", "identity", "x-gzip-like, bra", "*"])
def test_a_browser_that_names_neither_gets_it_as_it_is(accepted):
    assert "Content-Encoding" not in get(static("site.css"), **{"accept-encoding": accepted}).headers


def test_what_does_not_get_smaller_is_sent_as_it_is(tmp_path, monkeypatch):
    noise = bytes(range(256))
    (tmp_path / "x.png").write_bytes(noise)
    monkeypatch.setattr(static_files, "_paths", lambda: {"x.png": tmp_path / "x.png"})
    answer = get(static("x.png"), **{"accept-encoding": "gzip, br"})
    static_files._file.cache_clear()
    assert answer.content == noise and not {"Vary", "Content-Encoding"} & set(answer.headers)


def test_comments_and_blanks_are_not_sent_and_nothing_else_is_changed(tmp_path, monkeypatch, settings):
    sheet = '/* one */\n.a > .b { margin: calc(1px + 2px) 0; }\n\n.a::after { content: "/* kept */"; }\n'
    module = "// one\nexport const a = `//  kept ${1 + 1}`; /* two */\nexport const b = /[/*]  x/;\n"
    for name, text in {"a.css": sheet, "a.js": module}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(static_files, "_paths", lambda: {name: tmp_path / name for name in ("a.css", "a.js")})
    try:
        short = file_named("a.css").content, file_named("a.js").content
        settings.DEBUG = True
        whole = file_named("a.css").content, file_named("a.js").content
    finally:
        static_files._file.cache_clear()
    assert short[0] == b'.a>.b{margin:calc(1px + 2px) 0}.a::after{content:"/* kept */"}'
    assert short[1].split(b"\n") == [b"export const a=`//  kept ${1 + 1}`;export const b=/[/*]  x/;"]
    assert whole == (sheet.encode(), module.encode())


def test_head_has_the_headers_and_no_content():
    answer = worker_client().head(static("site.css"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(file_named("site.css").content)


@pytest.mark.parametrize(
    "path",
    ["none.css", "../manage.py", "%2e%2e/manage.py", "/etc/passwd", "", "contains_task", "site", "site+none.css"]
    + ["site.css+site.css", "+.css", "+".join(["site"] * 7) + ".css", "icon+site.svg", "a\\..\\b", "site.css/"],
)
def test_nothing_else_is_served(path):
    assert get(f"/static/{path}").status_code == 404


def test_pictures_name_the_version_that_belongs_to_them():
    pictures = re.findall(rb'url\("?([^")]+)"?\)', get(static("contains_task/grid.css")).content)
    assert pictures
    for address in pictures:
        answer = get(address.decode())
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_A_YEAR)


def test_the_sheets_of_a_page_are_one_file_in_their_order():
    link = rendered("{% style_sheets 'site.css' 'workforce/work.css' %}")
    (address,) = re.findall(r'href="([^"]+)"', link)
    content = get(address).content
    assert content == file_named("site.css").content + b"\n" + file_named("workforce/work.css").content


def test_a_script_comes_after_the_photographs_and_brings_its_imports():
    tag = rendered("{% script 'contains_task/grid.js' %}")
    assert tag == f'<script type="module" fetchpriority="low" src="{static("contains_task/grid.js")}"></script>'
    content = get(static("contains_task/grid.js")).content
    assert b"submitByScript" in content and not re.search(rb"^(import|export)", content, re.M)


def test_a_template_that_names_no_file_fails():
    with pytest.raises(LookupError):
        static("none.css")
