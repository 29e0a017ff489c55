"""Static files: compressed, linked to each other, and kept by browsers under an address that is theirs alone."""

import gzip
import re

import pytest
from django.template import Context, Template
from django.templatetags.static import static

from annotation_site import static_files
from annotation_site.static_files import file_named
from tests.factories import worker_client

GZIP = {"accept-encoding": "br;q=1.0, gzip, *;q=0.1"}
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


def test_a_browser_that_reads_gzip_gets_it_and_caches_know():
    plain = get(static("site.css"))
    assert (plain.headers["Vary"], "Content-Encoding" in plain.headers) == ("Accept-Encoding", False)
    answer = get(static("site.css"), **GZIP)
    assert (answer.headers["Vary"], answer.headers["Content-Encoding"]) == ("Accept-Encoding", "gzip")
    assert int(answer.headers["Content-Length"]) == len(answer.content) < len(plain.content) / 2
    assert gzip.decompress(answer.content) == plain.content
    for refused in ("", "br", "gzip;q=0", "gzip; q=0.000", "identity, *;q=0", "x-gzip-like"):
        assert "Content-Encoding" not in get(static("site.css"), **{"accept-encoding": refused}).headers


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


def test_imports_and_pictures_name_the_version_that_belongs_to_them():
    script, sheet = get(static("contains_task/grid.js")).content, get(static("contains_task/grid.css")).content
    modules = re.findall(rb'from "([^"]+)"', script)
    pictures = re.findall(rb'url\("([^"]+)"\)', sheet)
    assert modules and pictures
    for address in modules + pictures:
        answer = get(address.decode())
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_A_YEAR)


def test_a_change_in_an_imported_file_changes_the_address_of_what_imports_it(tmp_path, monkeypatch):
    files = {
        "a/main.js": 'import { x } from "../b.js";\nimport "../c.js";',
        "b.js": 'export {\n  x,\n} from "./c.js"',
        "c.js": "1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(static_files, "_paths", lambda: {name: tmp_path / name for name in files})
    static_files._file.cache_clear()
    try:
        first = file_named("a/main.js")
        assert first.imports == ("b.js", "c.js")
        assert first.content.count(b'"/static/') == 2 and b'"./' not in file_named("b.js").content
        (tmp_path / "c.js").write_text("2")
        static_files._file.cache_clear()
        assert file_named("a/main.js").digest != first.digest
    finally:
        static_files._file.cache_clear()


def test_the_sheets_of_a_page_are_one_file_in_their_order():
    link = rendered("{% style_sheets 'site.css' 'workforce/work.css' %}")
    (address,) = re.findall(r'href="([^"]+)"', link)
    content = get(address).content
    assert content == file_named("site.css").content + file_named("workforce/work.css").content


def test_a_script_and_its_imports_are_fetched_side_by_side_and_after_photographs():
    tags = rendered("{% script 'contains_task/grid.js' %}")
    preloaded = set(re.findall(r'<link rel="modulepreload" fetchpriority="low" href="([^"]+)">', tags))
    assert preloaded == {static(name) for name in file_named("contains_task/grid.js").imports}
    assert f'<script type="module" fetchpriority="low" src="{static("contains_task/grid.js")}">' in tags


def test_a_template_that_names_no_file_fails():
    with pytest.raises(LookupError):
        static("none.css")
