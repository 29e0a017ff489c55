"""Signing in: passwords, attempts, sessions, forged forms."""

import threading

import pytest
from django.conf import settings as site_settings
from django.db import connections
from django.utils.crypto import salted_hmac

from marketplace.models import SignInAttempt, Worker
from marketplace.sessions import mark_of_password
from marketplace.sign_in.actions import MOST_OF_ADDRESS, MOST_OF_PAIR, TooManyAttempts, begin_attempt, set_password
from tests.marketplace.browsing import at_work, stranger, text_of
from tests.marketplace.parties import later, make_worker

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"


def try_to_sign_in(client, name: str, password: str, **fields: str):
    return client.post(SIGN_IN, {"name": name, "password": password} | fields)


@pytest.fixture
def anna() -> Worker:
    return make_worker(password="one good password")


def test_a_worker_signs_in_by_name_or_id_and_signs_out(anna):
    for name in (anna.name, anna.public_id):
        client = stranger()
        answer = try_to_sign_in(client, name, "one good password")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/hits/")
        assert anna.name in text_of(client.get("/hits/"))
        assert client.post("/sign-out/").status_code == 302
        assert client.get("/hits/").headers["Location"] == "/sign-in/?next=%2Fhits%2F"


def test_who_comes_to_a_page_unsigned_is_led_back_to_it(anna):
    client = stranger()
    way = client.get("/account/earnings/?show=approved").headers["Location"]
    page = client.get(way)
    assert 'name="next" value="/account/earnings/?show=approved"' in page.content.decode()
    answer = try_to_sign_in(client, anna.name, "one good password", next="/account/earnings/?show=approved")
    assert answer.headers["Location"] == "/account/earnings/?show=approved"


@pytest.mark.parametrize("way", ["https://evil.example/", "//evil.example", "\\\\evil.example", "javascript:a()", ""])
def test_nobody_is_led_to_another_site(anna, way):
    answer = try_to_sign_in(stranger(), anna.name, "one good password", next=way)
    assert answer.headers["Location"] == "/hits/"


@pytest.mark.parametrize("name", ["anna", "", "x" * 5000])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(anna, name):
    wrong_password = try_to_sign_in(stranger(), anna.name, "another password")
    unknown = try_to_sign_in(stranger(), name, "one good password")
    assert (wrong_password.status_code, unknown.status_code) == (403, 403)
    text = "Wrong name or password"
    assert text in text_of(wrong_password) and text in text_of(unknown)


def test_a_worker_without_a_password_cannot_sign_in():
    worker = make_worker()
    for password in ("", "None", worker.password):
        assert try_to_sign_in(stranger(), worker.name, password).status_code == 403


def test_after_five_wrong_passwords_the_right_one_waits_too(anna):
    for _ in range(MOST_OF_PAIR):
        assert try_to_sign_in(stranger(), anna.name, "a guess").status_code == 403
    answer = try_to_sign_in(stranger(), anna.name, "one good password")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Wait 15 minutes" in text_of(answer)
    other_browser = stranger(REMOTE_ADDR="192.0.2.7")
    assert try_to_sign_in(other_browser, anna.name, "one good password").status_code == 302
    later(minutes=16)
    assert try_to_sign_in(stranger(), anna.name, "one good password").status_code == 302


def test_a_name_and_an_id_count_as_one_person(anna):
    for number in range(MOST_OF_PAIR):
        name = (anna.name, anna.public_id)[number % 2]
        assert try_to_sign_in(stranger(), name, "a guess").status_code == 403
    for name in (anna.name, anna.public_id):
        assert try_to_sign_in(stranger(), name, "one good password").status_code == 429


def test_a_network_of_ipv6_counts_as_one(anna):
    for number in range(MOST_OF_PAIR):
        client = stranger(REMOTE_ADDR=f"2001:db8:1:{number:x}::{number}")
        assert try_to_sign_in(client, anna.name, "a guess").status_code == 403
    same, other = stranger(REMOTE_ADDR="2001:db8:1:ff:ffff::1"), stranger(REMOTE_ADDR="2001:db8:1:100::1")
    assert try_to_sign_in(same, anna.name, "one good password").status_code == 429
    assert try_to_sign_in(other, anna.name, "one good password").status_code == 302


def test_an_address_counts_as_one_however_it_is_written(anna):
    for number in range(MOST_OF_PAIR):
        written = ("192.0.2.9", "::ffff:192.0.2.9")[number % 2]
        assert try_to_sign_in(stranger(REMOTE_ADDR=written), anna.name, "a guess").status_code == 403
    for written in ("192.0.2.9", "::ffff:192.0.2.9"):
        assert try_to_sign_in(stranger(REMOTE_ADDR=written), anna.name, "one good password").status_code == 429


def test_each_failure_is_logged_without_names_ids_or_passwords(anna, caplog):
    try_to_sign_in(stranger(), anna.public_id, "a secret guess")
    try_to_sign_in(stranger(), "a secret in the wrong field", "a secret guess")
    at_work(anna).post("/account/password/", {"old": "a secret guess", "new": "x", "again": "x"})
    lines = [record.getMessage() for record in caplog.records if record.name == "marketplace.sign_in.views"]
    failed = f"Sign-in failed: worker {anna.pk}, network 127.0.0.1"
    assert lines == [failed, "Sign-in failed: an unknown name, network 127.0.0.1", failed]


def test_a_success_forgets_the_mistakes_before_it(anna):
    for _ in range(2):
        for _ in range(MOST_OF_PAIR - 1):
            assert try_to_sign_in(stranger(), anna.name, "a typo").status_code == 403
        assert try_to_sign_in(stranger(), anna.name, "one good password").status_code == 302
    assert not SignInAttempt.objects.exists()


def test_one_address_cannot_try_many_names():
    for number in range(MOST_OF_ADDRESS):
        begin_attempt(name=f"guess {number}", address="192.0.2.1")
    with pytest.raises(TooManyAttempts):
        begin_attempt(name="one more", address="192.0.2.1")
    assert begin_attempt(name="one more", address="192.0.2.2")


def test_neither_names_nor_addresses_are_kept():
    begin_attempt(name="anna", address="192.0.2.1")
    digests = SignInAttempt.objects.values_list("name", "address").get()
    assert all(len(digest) == 64 and digest.isalnum() for digest in digests)
    assert "anna" not in digests and "192.0.2.1" not in digests


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_are_not_more_than_one_after_the_other():
    refusals = []

    def guess() -> None:
        try:
            begin_attempt(name="anna", address="192.0.2.1")
        except TooManyAttempts:
            refusals.append(1)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SignInAttempt.objects.count() == MOST_OF_PAIR
    assert len(refusals) == 12 - MOST_OF_PAIR


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(anna, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for number in range(MOST_OF_PAIR):
        invented = f"203.0.113.{number}, 192.0.2.9"
        try_to_sign_in(stranger(HTTP_X_FORWARDED_FOR=invented), anna.name, "a guess")
    assert try_to_sign_in(stranger(HTTP_X_FORWARDED_FOR="192.0.2.9"), anna.name, "one good password").status_code == 429


def test_a_session_begins_anew_with_the_sign_in_and_is_over_for_good_afterwards(anna):
    client = stranger()
    client.get(SIGN_IN)
    client.cookies[site_settings.SESSION_COOKIE_NAME] = "prepared0by0somebody0else0abcdef"
    try_to_sign_in(client, anna.name, "one good password")
    key = client.cookies[site_settings.SESSION_COOKIE_NAME].value
    assert key != "prepared0by0somebody0else0abcdef"
    client.post("/sign-out/")
    client.cookies[site_settings.SESSION_COOKIE_NAME] = key
    assert client.get("/hits/").status_code == 302


def test_sessions_outlive_an_upgrade_whatever_the_modules_are_called(anna):
    mark = salted_hmac("marketplace.sign_in.sessions", anna.password, algorithm="sha256").hexdigest()
    assert mark_of_password(anna) == mark


def test_a_new_password_ends_the_sessions_of_the_old_one(anna):
    client = at_work(anna)
    assert client.get("/hits/").status_code == 200
    set_password(worker=anna, password="another good password")
    assert client.get("/hits/").status_code == 302


def test_a_worker_changes_the_password_and_stays_signed_in(anna):
    browser, other_browser = at_work(anna), at_work(anna)
    new = "a quite different one"
    for fields, text in (
        ({"old": "a guess", "new": new, "again": new}, "current password is wrong"),
        ({"old": "one good password", "new": new, "again": "a slip"}, "two new passwords differ"),
        ({"old": "one good password", "new": "short", "again": "short"}, "too short"),
        ({"old": "one good password", "new": "password123", "again": "password123"}, "too common"),
    ):
        answer = browser.post("/account/password/", fields)
        assert answer.status_code == 400 and text in text_of(answer)
    answer = browser.post("/account/password/", {"old": "one good password", "new": new, "again": new})
    assert answer.status_code == 302
    assert browser.get("/hits/").status_code == 200
    assert other_browser.get("/hits/").status_code == 302
    assert try_to_sign_in(stranger(), anna.name, new).status_code == 302


def test_forms_of_other_sites_change_nothing(anna):
    client = at_work(anna, enforce_csrf_checks=True)
    for path in ("/sign-out/", "/account/password/", "/account/messages/read/"):
        answer = client.post(path, {})
        assert answer.status_code == 403
        assert "reload the page" in text_of(answer)
    assert try_to_sign_in(stranger(enforce_csrf_checks=True), anna.name, "one good password").status_code == 403
    assert client.get("/hits/").status_code == 200


def test_cookies_have_names_of_their_own_and_stay_out_of_scripts_and_other_sites(anna):
    client = stranger()
    client.get(SIGN_IN)
    try_to_sign_in(client, anna.name, "one good password")
    session, csrf = client.cookies["marketplace_session"], client.cookies["marketplace_csrf"]
    assert session["httponly"] and csrf["httponly"]
    assert (session["samesite"], csrf["samesite"]) == ("Lax", "Strict")
    assert not {"session", "csrf", "sessionid", "csrftoken"} & set(client.cookies)
