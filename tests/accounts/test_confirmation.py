"""A fresh password or second factor before money, rejections and exports of people's ids; the input is kept."""

import re
import time
from collections.abc import Iterator
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver

from annotation_site import staff_urls
from dashboard.files.downloads import names_people
from data_export.reads import exported_files
from mturk.models import Call, Rejection
from tests.accounts.people import RIGHT, browser_at, code_of, give_app, make_account
from tests.annotation_site.address_study import (
    ADMINISTRATOR,
    STAFF_ADDRESSES,
    VISITOR,
    WITHOUT_ROLE,
    Study,
    asked,
    study_for_a_module,
)
from tests.factories import sign_in, unique

pytestmark = pytest.mark.django_db

# Addresses that ask for a confirmation, with the methods.
OF_WORK = {
    "setup-publish": ("POST",),
    "setup-resend": ("POST",),
    "setup-compensate": ("POST",),
    "setup-approve-all": ("POST",),
    "setup-about-batch": ("POST",),
    "setup-approve": ("POST",),
    "setup-about-assignment": ("POST",),
    "setup-second": ("POST",),
    "file-of-rows": ("GET",),
    "people": ("POST",),
    "change-member": ("POST",),
    "remove-member": ("POST",),
    "study-tokens": ("POST",),
    "study-look-up": ("POST",),
    "study-withdrawals": ("POST",),
    "study-recruitment": ("GET", "POST"),
    "tokens": ("POST",),
}
OF_ACCOUNTS = {
    "password": ("POST",),
    "authenticator": ("POST",),
    "passkey": ("POST",),
    "remove-factor": ("POST",),
    "recovery-codes": ("GET", "POST"),
}
OF_ACCOUNT = {"account", "confirm", *OF_ACCOUNTS}
# Addresses without a sign-in of their own, and of the account itself, have no work to carry out.
OF_NO_STUDY = OF_ACCOUNT | {"login", "logout", "mfa_authenticate", "single-sign-on", "single-sign-on-callback"}
CLOSED = [
    address
    for address in STAFF_ADDRESSES
    if address.name not in OF_NO_STUDY and not address.route.startswith(("api/", "livez", "readyz", "invitation"))
]
# Calls of the marketplace that pay nobody and reject nothing, by the decision that sends them.
HARMLESS = {"expire", "close", "notify"}


def age(client: Client, minutes: float = 16) -> None:
    """Let the session's proofs be that many minutes old."""
    session = client.session
    records = session[AUTHENTICATION_METHODS_SESSION_KEY]
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [row | {"at": time.time() - 60 * minutes} for row in records]
    session.save()


@pytest.fixture(scope="module")
def study(django_db_setup, django_db_blocker) -> Iterator[Study]:
    with study_for_a_module(django_db_blocker) as made_study:
        yield made_study


@pytest.fixture
def rosa() -> User:
    return make_account()


@pytest.fixture
def client(rosa) -> Client:
    """A browser of rosa's, signed in for a while."""
    client = browser_at("192.0.2.1")
    sign_in(client, rosa)
    age(client)
    return client


def fields_of(page: Any) -> dict[str, str]:
    """The hidden fields of the first form that has a confirmation."""
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.content.decode())
    return {unescape(name): unescape(value) for name, value in pairs}


def confirmed_methods(view: Any) -> tuple[str, ...]:
    while view is not None:
        if methods := getattr(view, "confirmed_methods", ()):
            return tuple(methods)
        view = getattr(view, "__wrapped__", None)
    return ()


def test_the_addresses_that_ask_are_these_and_no_others():
    def views(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from views(pattern.url_patterns)
            else:
                yield pattern.name, confirmed_methods(pattern.callback)

    assert {name: methods for name, methods in views(staff_urls.urlpatterns) if methods} == OF_WORK | OF_ACCOUNTS


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_without_a_fresh_proof_no_address_sends_money_or_rejects_or_shows_ids(study, address, client):
    """Also an address that is added tomorrow: whatever moves money leaves a call or a rejection."""
    for path in study.paths(address):
        if address.name == "setup-about-batch" and path.strip("/").rpartition("/")[2] in HARMLESS:
            continue
        n_calls, n_rejections = Call.objects.count(), Rejection.objects.count()
        answer, _ = asked(client, "POST", path)
        _, changed = asked(client, "POST", path)
        money = {table for table in changed if table.startswith("mturk_")} - {"mturk_account"}
        assert not money, (path, money)
        assert (Call.objects.count(), Rejection.objects.count()) == (n_calls, n_rejections)
        if address.name in OF_WORK and "POST" in OF_WORK[address.name] and address.name != "setup-publish":
            assert answer.status_code in (403, 404) and (b"Confirm that it is you" in answer.content) == (
                answer.status_code == 403
            )


def test_a_form_that_is_interrupted_loses_nothing(study, client):
    listed = study.batch.terms.marketplace_hits.get().listed.get()
    path = f"/setup/assignment/{listed.pk}/bonus/"
    reason = "Thank you.\r\nNot even <one> “cell” & 'more'."
    bonuses = Call.objects.filter(op="SendBonus")
    asked_page = client.post(path, {"amount": "0.10", "reason": reason, "further": ["a", "b"]})
    assert asked_page.status_code == 403 and "Your input is kept" in asked_page.content.decode()
    kept = fields_of(asked_page)
    del kept["csrfmiddlewaretoken"]
    assert kept["reason"] == reason and 'name="further" value="a"' in asked_page.content.decode()
    wrong = client.post(path, kept | {"confirm-password": "a guess"})
    assert wrong.status_code == 403 and "Wrong password" in wrong.content.decode()
    assert fields_of(wrong) | kept == fields_of(wrong) and not bonuses.exists()
    assert "confirm-password" not in fields_of(wrong), "a password is not sent back"
    done = client.post(path, kept | {"confirm-password": RIGHT})
    assert done.status_code == 302
    assert reason.splitlines()[1] in str(bonuses.get().payload)


def test_a_proof_lasts_as_long_as_the_setting_says(study, client, settings):
    path = f"/setup/published/{study.batch.pk}/resend/"
    age(client, 14.9)
    assert client.post(path).status_code == 302
    settings.STAFF_CONFIRMED_MINUTES = 10
    assert client.post(path).status_code == 403


def test_reading_needs_no_fresh_proof(study, client):
    for path in ("/", f"/datasets/{study.dataset.name}/", f"/setup/published/{study.batch.pk}/"):
        assert client.get(path).status_code == 200
    path = f"/setup/published/{study.batch.pk}/close/"
    assert client.get(path).status_code == 200, "only sending the form asks"


def test_files_with_ids_of_people_need_one_and_others_do_not(study, client):
    with_people = {kind for kind in exported_files() if names_people(kind)}
    assert {"contains_votes", "classify_votes"} <= with_people < set(exported_files())
    for kind in exported_files():
        path = f"/setup/rows/{kind}/csv/{study.dataset.name}/?names=1"
        for method in (client.get, client.head):
            answer = method(path)
            if kind in with_people:
                assert answer["Location"] == f"/confirm/?next={quote(path, safe='')}"
            else:
                assert answer.status_code == 200
    path = f"/setup/rows/contains_votes/csv/{study.dataset.name}/"
    asked_page = client.get(client.get(path)["Location"])
    assert asked_page.status_code == 200 and "Confirm that it is you" in asked_page.content.decode()
    done = client.post(f"/confirm/?next={path}", {"confirm-password": RIGHT})
    assert done["Location"] == path
    assert client.get(path).status_code == 200


def test_a_confirmation_leads_to_no_other_site(client):
    done = client.post("/confirm/?next=https://evil.example/", {"confirm-password": RIGHT})
    assert done["Location"] == "/"


def test_a_code_confirms_too(rosa, client):
    secret = give_app(rosa)
    page = client.get("/confirm/").content.decode()
    assert "Code of your authenticator app" in page and "Confirm with password" in page
    assert client.post("/confirm/", {"confirm-code": "000000"}).status_code == 403
    assert client.post("/confirm/", {"confirm-code": code_of(secret)}).status_code == 302
    assert client.post("/account/recovery-codes/").status_code == 302


def test_single_sign_on_alone_confirms_only_for_who_has_nothing_else(rosa):
    client = browser_at("192.0.2.1")
    sign_in(client, rosa, method="socialaccount")
    assert client.post("/account/authenticator/").status_code == 403
    call_command("reset_account", rosa.username, "--email", "rosa@example.org", stdout=StringIO(), stderr=StringIO())
    rosa.refresh_from_db()
    sign_in(client, rosa, method="socialaccount")
    assert client.post("/account/authenticator/").status_code == 200
    age(client)
    page = client.post("/account/authenticator/")
    assert page.status_code == 403 and "no password and no second factor" in page.content.decode()


def test_a_proof_of_another_account_in_the_same_browser_counts_for_nobody_else(rosa, client, study):
    other = make_account(name=unique("other"))
    age(client, 1)
    session = client.session
    records = session[AUTHENTICATION_METHODS_SESSION_KEY]
    client.force_login(other)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = records
    session["account_authentication_methods_user"] = str(rosa.pk)
    session.save()
    assert client.post(f"/setup/published/{study.batch.pk}/resend/").status_code == 403


@pytest.mark.parametrize("address", [row for row in STAFF_ADDRESSES if row.name in OF_ACCOUNT], ids=str)
def test_an_address_of_the_account_shows_and_does_nothing_for_a_visitor(study, address):
    assert address.name in OF_ACCOUNT
    for path, method in [(path, method) for path in study.paths(address) for method in ("GET", "POST")]:
        answer, changed = asked(study.clients[VISITOR], method, path)
        assert answer.headers["Location"] == f"/login/?next={quote(path)}" and not answer.content
        for name in (WITHOUT_ROLE, ADMINISTRATOR):
            shown, _ = asked(study.clients[name], method, path)
            assert shown.status_code in (200, 302, 403, 404, 405, 422)
            assert "no-store" in shown.headers["Cache-Control"]
            changed += asked(study.clients[name], "GET", path)[1]
        assert not changed and "no-store" in answer.headers["Cache-Control"]
