"""The language of pages."""

import json

import pytest

from tests.marketplace.browsing import at_work, stranger
from tests.marketplace.parties import make_worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def german(settings):
    """Offer pages in German, with Django's own translations only."""
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]


@pytest.mark.parametrize("accepted", ["", "en", "de", "fr, de;q=0.5", "*", "x" * 600, "en-GB"])
def test_pages_are_in_english_and_say_so(accepted):
    page = stranger().get("/sign-in/", headers={"accept-language": accepted})
    assert page.headers["Content-Language"] == "en"
    assert "Accept-Language" in page.headers["Vary"]
    assert '<html lang="en">' in page.content.decode()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de", "de"), ("de-AT, en;q=0.5", "de"), ("fr, de;q=0.5", "de"), ("en, de;q=0.5", "en"), ("fr", "en")],
)
def test_the_first_accepted_language_that_is_offered_is_chosen(german, accepted, language):
    page = at_work(make_worker()).get("/hits/", headers={"accept-language": accepted})
    assert page.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page.content.decode()


def test_no_cookie_chooses_the_language(german):
    client = stranger()
    client.cookies["django_language"] = "de"
    assert client.get("/sign-in/").headers["Content-Language"] == "en"


def test_errors_have_the_language_of_the_reader(german):
    page = stranger().get("/nowhere/", headers={"accept-language": "de"})
    assert (page.status_code, page.headers["Content-Language"]) == (404, "de")


def test_the_api_has_one_language(german):
    answer = stranger().post("/", b"{}", content_type="application/json", headers={"accept-language": "de"})
    assert "Content-Language" not in answer.headers and "Accept-Language" not in answer.headers.get("Vary", "")
    assert json.loads(answer.content)["__type"] == "UnknownOperationException"
