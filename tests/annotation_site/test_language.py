"""The language of workers' pages: of the address, else of the browser, never of a cookie; researchers' are English."""

import re

import pytest
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils.translation import get_language

from annotation_site.environment import offered_languages
from tests.factories import make_grid, staff_client, worker_client

pytestmark = pytest.mark.django_db


def join_path() -> str:
    return reverse("join", args=[make_grid().hit.batch.public_id], urlconf="annotation_site.worker_urls")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.5", "en"),
        ("xx, de;q=0.4", "de"),
        ("es-MX,es;q=0.9,en;q=0.5", "es"),
        ("es-419", "es"),
        ("xx", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=0", "en"),
        ("%00;;q=,", "en"),
        ("a" * 5000, "en"),
    ],
)
def test_the_browser_decides_where_the_address_names_no_language(accepted, language):
    page = worker_client().get(join_path(), {"worker": "anna"}, headers={"Accept-Language": accepted})
    assert page.headers["Content-Language"] == language
    assert "Accept-Language" in page.headers["Vary"]


@pytest.mark.parametrize(("language", "accepted"), [("de", "en"), ("en", "de"), ("es", "de")])
def test_the_address_outranks_the_browser_and_every_link_keeps_it(language, accepted):
    client = worker_client()
    page = client.post(f"/{language}{join_path()}?worker=anna", headers={"Accept-Language": accepted})
    steps = 0
    while page.status_code in (302, 303):
        assert page.headers["Location"].startswith(f"/{language}/")
        page = client.get(page.headers["Location"], headers={"Accept-Language": accepted})
        steps += 1
    text = page.content.decode()
    assert page.status_code == 200
    assert f'<html lang="{language}">' in text
    links = [link for link in re.findall(r'(?:href|action)="(/[^"]*)"', text) if not link.startswith("/static/")]
    assert links and all(link.startswith(f"/{language}/") for link in links)


@pytest.mark.parametrize(
    "name", [site.LANGUAGE_COOKIE_NAME, "language", "lang", "django_language", site.SESSION_COOKIE_NAME]
)
def test_no_cookie_decides_and_none_is_set(name):
    client = worker_client()
    client.cookies[name] = "de"
    page = client.get(join_path(), {"worker": "anna"}, follow=True)
    assert page.headers["Content-Language"] == "en"
    assert "Set-Cookie" not in page.headers


def test_one_request_leaves_no_language_to_the_next():
    client = worker_client()
    client.get("/", headers={"Accept-Language": "de"})
    assert get_language() == "en"
    assert client.get("/").headers["Content-Language"] == "en"


def test_a_language_without_a_catalog_is_no_part_of_an_address():
    assert worker_client().get(f"/fr{join_path()}").status_code == 404


def test_the_researchers_pages_stay_english_as_no_catalog_covers_them():
    client = staff_client()
    page = client.get("/", headers={"Accept-Language": "de"})
    assert page.headers["Content-Language"] == "en"
    assert '<html lang="en">' in page.content.decode()
    assert client.get("/de/").status_code == 404


def test_on_one_origin_workers_are_answered_in_their_language_and_researchers_in_english(settings):
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    client = staff_client()
    assert client.get("/de" + join_path(), {"worker": "anna"}).headers["Content-Language"] == "de"
    assert client.get(join_path(), headers={"Accept-Language": "de"}).headers["Content-Language"] == "de"
    for path in ("/", "/datasets/"):
        assert client.get(path, headers={"Accept-Language": "de"}).headers["Content-Language"] == "en"
    assert client.get("/de/").status_code == 404


def test_without_an_accepted_language_the_first_that_is_offered_is_used(settings):
    settings.LANGUAGES = [("de", "Deutsch"), ("en", "English")]
    assert worker_client().get("/", headers={"Accept-Language": "fr"}).headers["Content-Language"] == "de"


def test_languages_are_those_with_a_catalog_or_fewer(tmp_path):
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "de" / "LC_MESSAGES" / "django.po").touch()
    assert offered_languages([], tmp_path) == [("en", "English"), ("de", "Deutsch")]
    assert offered_languages(["en"], tmp_path) == [("en", "English")]
    (tmp_path / "pt_BR" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "pt_BR" / "LC_MESSAGES" / "django.po").touch()
    assert offered_languages(["pt-br"], tmp_path) == [("pt-br", "Português Brasileiro"), ("en", "English")]
    assert offered_languages(["de"], tmp_path) == [("de", "Deutsch"), ("en", "English")]
    with pytest.raises(ImproperlyConfigured, match="names fr, which has no catalog. Write some of: en, de, pt-br"):
        offered_languages(["fr"], tmp_path)
