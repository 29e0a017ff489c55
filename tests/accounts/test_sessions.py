"""Sessions: their end after hours without use, with a new password, and with the account; and the password page."""

import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.sessions import NOTED_EVERY_SECONDS, SEEN
from audit.models import AuditEntry
from tests.accounts.people import ELSEWHERE, HERE, RIGHT, browser_at, give_app, is_signed_in, make_account
from tests.factories import sign_in

pytestmark = pytest.mark.django_db


def seen(client, seconds_ago: float) -> None:
    session = client.session
    session[SEEN] = int(time.time() - seconds_ago)
    session.save()


@pytest.fixture
def rosa():
    return make_account()


@pytest.fixture
def client(rosa):
    client = browser_at(HERE)
    assert client.post("/login/", {"username": rosa.username, "password": RIGHT}).status_code == 302
    return client


def test_twelve_hours_without_use_end_a_session(client):
    seen(client, 12 * 3600 - 60)
    assert is_signed_in(client)
    seen(client, 12 * 3600 + 1)
    key = client.cookies["session"].value
    assert client.get("/account/")["Location"] == "/login/?next=/account/"
    assert not Session.objects.filter(session_key=key).exists()


def test_use_is_noted_now_and_then_and_not_by_pages_that_update_themselves(client, django_assert_num_queries):
    def noted() -> int:
        return int(client.session[SEEN])

    seen(client, NOTED_EVERY_SECONDS - 60)
    before = noted()
    client.get("/account/")
    assert noted() == before, "not every request writes"
    seen(client, NOTED_EVERY_SECONDS + 60)
    before = noted()
    client.get("/account/", headers={"sec-fetch-dest": "empty"})
    assert noted() == before, "an open page is no use"
    client.get("/account/", headers={"sec-fetch-dest": "document"})
    assert noted() > before


def test_the_cookie_and_the_row_end_with_the_time(client):
    assert client.cookies["session"]["max-age"] == 12 * 3600
    (age,) = [(row.expire_date.timestamp() - time.time()) for row in Session.objects.all()]
    assert age <= 12 * 3600


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(rosa, client):
    other = browser_at(ELSEWHERE)
    sign_in(other, rosa)
    new = "quite another pass phrase"
    for fields, words in (
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "password123", "again": "password123"}, "too common"),
        ({"new": new, "again": "a slip of the pen"}, "two new passwords differ"),
        ({"new": "", "again": ""}, "required"),
    ):
        page = client.post("/account/password/", fields)
        assert page.status_code == 422 and words in page.content.decode()
    assert client.post("/account/password/", {"new": new, "again": new})["Location"] == "/account/"
    assert is_signed_in(client) and not is_signed_in(other)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.subject) == ("account.password", rosa.username, f"account {rosa}")
    assert (entry.before, entry.after) == (None, None)
    assert (
        "Wrong name"
        in browser_at(HERE).post("/login/", {"username": rosa.username, "password": RIGHT}).content.decode()
    )
    assert browser_at(HERE).post("/login/", {"username": rosa.username, "password": new}).status_code == 302


def test_a_removed_account_is_out_with_its_next_request_and_its_old_sessions_stay_dead(rosa, client, capsys):
    give_app(rosa)
    assert is_signed_in(client)
    call_command("remove_staff", rosa.username)
    assert not is_signed_in(client)
    assert (
        "Wrong name"
        in browser_at(HERE).post("/login/", {"username": rosa.username, "password": RIGHT}).content.decode()
    )
    assert not Authenticator.objects.filter(user=rosa).exists()
    User.objects.filter(pk=rosa.pk).update(is_active=True, is_staff=True)
    assert not is_signed_in(client), "the account lives again, its old sessions do not"
    with pytest.raises(CommandError, match="no account “nobody”"):
        call_command("remove_staff", "nobody")


def test_the_administrator_removes_second_factors_that_were_lost(rosa, capsys):
    give_app(rosa)
    call_command("create_staff", rosa.username)
    assert Authenticator.objects.filter(user=rosa).count() == 2
    call_command("create_staff", rosa.username, "--forget-second-factors")
    assert not Authenticator.objects.filter(user=rosa).exists()


def test_no_two_accounts_have_the_address_that_opens_one(rosa, capsys):
    call_command("create_staff", rosa.username, "--email", "rosa@example.org")
    with pytest.raises(CommandError, match="Another account"):
        call_command("create_staff", "rosalind", "--email", "ROSA@example.org")
    with pytest.raises(CommandError, match="valid email"):
        call_command("create_staff", "rosalind", "--email", "rosa")
