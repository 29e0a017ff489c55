"""Attempts to sign in: counted before any hash, by account and network, so that guessing locks only the guesser."""

import logging
import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.db import IntegrityError, connection, connections, transaction

from accounts import hashing
from accounts.attempts import actions
from accounts.attempts.actions import CODE, OF_BOTH, OF_NETWORK, PASSWORD, TooManyAttempts
from accounts.errors import TooBusy
from accounts.hashing import is_password_of
from accounts.models import SignInAttempt, SignInNetwork, SpentCode
from catalog import reads
from tests.accounts.people import (
    ELSEWHERE,
    HERE,
    RIGHT,
    browser_at,
    code_of,
    give_app,
    is_signed_in,
    make_account,
    recovery_codes_of,
    try_password,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hashes(monkeypatch) -> list[str]:
    """The passwords that were hashed."""
    hashed: list[str] = []
    encode = PBKDF2PasswordHasher.encode

    def counted(self, password, salt, iterations=None):
        hashed.append(password)
        return encode(self, password, salt, iterations)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    return hashed


def later(monkeypatch, **time: float) -> None:
    monkeypatch.setattr(reads, "fixed_now", reads.now() + timedelta(**time))


def many_attempts(n: int, *, account: str = "", network: str = "") -> None:
    """Attempts that were counted a moment ago, each of another account and network unless they are named."""
    for number in range(n):
        SignInAttempt.objects.create(
            proof=PASSWORD,
            account=account or actions.digest("name", f"guess {number}"),
            network=network or actions.digest("network", f"198.51.100.{number}"),
            tried_at=reads.now(),
        )


# From one network


def test_sixty_wrong_passwords_lock_the_network_and_the_owner_elsewhere_gets_in(hashes, monkeypatch):
    user = make_account()
    hashes.clear()
    statuses = [try_password(user, f"guess {number}").status_code for number in range(60)]
    most = OF_BOTH[PASSWORD].most
    assert statuses == [200] * most + [429] * (60 - most)
    assert len(hashes) == most, "a refused attempt costs no hash"
    refused = try_password(user)
    assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 900
    assert "Too many attempts. Wait 15 minutes" in refused.content.decode()
    assert try_password(user, network=ELSEWHERE).status_code == 302
    later(monkeypatch, minutes=15, seconds=1)
    assert try_password(user).status_code == 302


def test_a_name_that_nobody_has_is_counted_and_answered_like_one_that_somebody_has(hashes):
    user = make_account()
    hashes.clear()
    pages = {name: [try_password(name, "a guess", network=name) for _ in range(12)] for name in ("192.0.2.5",)}
    known = [try_password(user, "a guess") for _ in range(12)]
    assert len(hashes) == 2 * OF_BOTH[PASSWORD].most
    (unknown,) = pages.values()
    assert [page.status_code for page in unknown] == [page.status_code for page in known]
    assert unknown[0].content.decode().count("Wrong name or password") == 1


def test_other_accounts_at_a_locked_network_still_get_in():
    guessed, colleague = make_account(), make_account()
    for _ in range(OF_BOTH[PASSWORD].most):
        try_password(guessed, "a guess")
    assert try_password(guessed).status_code == 429
    assert try_password(colleague).status_code == 302


def test_a_name_in_another_unicode_form_is_the_same_name_whether_anybody_has_it_or_not():
    for name in (make_account().username, "nobody"):
        for _ in range(OF_BOTH[PASSWORD].most):
            try_password(name, "a guess")
        assert try_password(chr(ord(name[0]) + 0xFEE0) + name[1:], "a guess").status_code == 429


def test_one_network_cannot_try_many_names(hashes):
    many_attempts(OF_NETWORK[PASSWORD].most, network=actions.digest("network", HERE))
    assert try_password("one more", "a guess").status_code == 429 and not hashes
    assert try_password("one more", "a guess", network=ELSEWHERE).status_code == 200


def test_a_request_without_a_known_network_is_counted_too():
    user = make_account()
    for _ in range(OF_BOTH[PASSWORD].most):
        assert try_password(user, "a guess", network="").status_code == 200
    assert try_password(user, network="").status_code == 429


def test_a_success_forgets_the_slips_before_it():
    user = make_account()
    for _ in range(2):
        for _ in range(OF_BOTH[PASSWORD].most - 1):
            assert try_password(user, "a slip").status_code == 200
        assert try_password(user).status_code == 302
    assert not SignInAttempt.objects.exists()


# From many networks


def test_guesses_from_everywhere_lock_neither_the_owners_networks_nor_the_account_for_long(monkeypatch):
    user = make_account()
    assert try_password(user).status_code == 302
    many_attempts(100, account=actions.key_of(user))
    assert try_password(user, network=ELSEWHERE).status_code == 429
    assert try_password(user).status_code == 302, "here the owner signed in before"
    later(monkeypatch, minutes=15, seconds=1)
    assert try_password(user, network=ELSEWHERE).status_code == 302


def test_a_network_counts_as_the_owners_after_the_whole_sign_in_only_and_for_a_time(monkeypatch):
    user = make_account()
    give_app(user)
    assert try_password(user)["Location"] == "/login/code/"
    assert not SignInNetwork.objects.exists(), "a stolen password makes no home"
    actions.remember_network(user=user, network=HERE)
    assert actions.subject_of(proof=PASSWORD, user=user, name="", network=HERE).is_at_home
    later(monkeypatch, days=91)
    assert not actions.subject_of(proof=PASSWORD, user=user, name="", network=HERE).is_at_home


# Second factors and confirmations


def test_codes_are_counted_and_a_right_password_does_not_forget_them():
    user = make_account()
    secret = give_app(user)
    for _ in range(OF_BOTH[CODE].most):
        client = browser_at(HERE)
        client.post("/login/", {"username": user.username, "password": RIGHT})
        assert client.post("/login/code/", {"code": "000000"}).status_code == 200
    client.post("/login/", {"username": user.username, "password": RIGHT})
    refused = client.post("/login/code/", {"code": code_of(secret)})
    assert refused.status_code == 429 and int(refused.headers["Retry-After"])
    assert not is_signed_in(client)
    client = browser_at(ELSEWHERE)
    client.post("/login/", {"username": user.username, "password": RIGHT})
    assert client.post("/login/code/", {"code": code_of(secret)}).status_code == 302 and is_signed_in(client)


def test_confirmations_are_counted_with_the_sign_ins():
    user = make_account()
    client = browser_at(HERE)
    client.post("/login/", {"username": user.username, "password": RIGHT})
    for _ in range(OF_BOTH[PASSWORD].most):
        assert client.post("/confirm/", {"confirm-password": "a guess"}).status_code == 403
    refused = client.post("/confirm/", {"confirm-password": RIGHT})
    assert refused.status_code == 429 and int(refused.headers["Retry-After"])


def test_a_code_is_accepted_once_in_all_processes():
    user = make_account()
    secret = give_app(user)
    code = code_of(secret)
    for first, status in ((True, 302), (False, 200)):
        client = browser_at(HERE)
        client.post("/login/", {"username": user.username, "password": RIGHT})
        # The cache of another process is empty.
        cache.clear()
        page = client.post("/login/code/", {"code": code})
        assert (page.status_code, is_signed_in(client)) == (status, first)
    assert "already used" in page.content.decode()


def test_a_recovery_code_opens_once():
    user = make_account()
    give_app(user)
    code = recovery_codes_of(user)[0]
    for is_open in (True, False):
        client = browser_at(HERE)
        client.post("/login/", {"username": user.username, "password": RIGHT})
        client.post("/login/code/", {"code": code})
        assert is_signed_in(client) is is_open


# The log


def test_each_failure_is_logged_without_passwords_or_what_was_typed_as_a_name(caplog):
    caplog.set_level(logging.WARNING)
    user = make_account()
    try_password(user, "my secret guess")
    try_password("A1WORKERSID", "my secret guess")
    for _ in range(OF_BOTH[PASSWORD].most):
        try_password(user, "my secret guess")
    lines = [record.getMessage() for record in caplog.records if record.name == "accounts.credentials"]
    assert f"Sign-in failed: password, account {user.username}, network {HERE}" in lines
    assert f"Sign-in failed: password, account of an unknown name, network {HERE}" in lines
    assert any(line.startswith("Sign-in refused for") and user.username in line for line in lines)
    assert len(lines) == OF_BOTH[PASSWORD].most + 2
    assert not any("secret" in line or "A1WORKERSID" in line for line in lines)


# What is stored


def test_neither_names_nor_networks_nor_codes_are_stored():
    user = make_account()
    try_password(user, "a guess")
    try_password("A1WORKERSID", "a guess")
    actions.remember_network(user=user, network=HERE)
    actions.spend_code(user=user, code="123456")
    stored = [
        *SignInAttempt.objects.values_list("account", "network"),
        *SignInNetwork.objects.values_list("account", "network"),
    ]
    stored += SpentCode.objects.values_list("account", "code")
    assert len(stored) == 4
    assert all(len(text) == 64 and text.isalnum() for row in stored for text in row)


def test_old_attempts_and_codes_are_forgotten_with_the_next(monkeypatch):
    user = make_account()
    try_password(user, "a guess")
    actions.spend_code(user=user, code="123456")
    later(monkeypatch, days=1, seconds=1)
    try_password(user, "a guess")
    actions.spend_code(user=user, code="654321")
    assert SignInAttempt.objects.count() == SpentCode.objects.count() == 1


def test_the_database_refuses_what_makes_no_sense():
    now = reads.now()
    for rows in (
        [SignInAttempt(proof="luck", account="a", network="b", tried_at=now)],
        [SignInNetwork(account="b", network="a", last_at=now), SignInNetwork(account="b", network="a", last_at=now)],
        [SpentCode(account="b", code="a", spent_at=now), SpentCode(account="b", code="a", spent_at=now)],
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            for row in rows:
                row.save()


# Many at once


def at_once(n: int, do) -> None:
    def alone() -> None:
        try:
            do()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=alone) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_are_not_more_than_one_after_the_other():
    user, refusals = make_account(), []

    def guess() -> None:
        try:
            actions.begin_attempt(subject=actions.subject_of(proof=PASSWORD, user=user, name="", network=HERE))
        except TooManyAttempts:
            refusals.append(1)

    at_once(16, guess)
    assert SignInAttempt.objects.count() == OF_BOTH[PASSWORD].most
    assert len(refusals) == 16 - OF_BOTH[PASSWORD].most


def is_a_hash_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_hashes_occupy_few_threads_and_one_processor(monkeypatch):
    user = make_account()
    n_threads, n_places = 8, 2
    hashing_now: list[int] = []
    n_at_once: list[int] = []
    outcomes: list[str] = []

    def slow(self, password):
        hashing_now.append(1)
        n_at_once.append(len(hashing_now))
        # The first hash goes on until all others were refused, or wait, or hash beside it.
        end = time.monotonic() + 60
        while len(n_at_once) == 1 and time.monotonic() < end:
            if outcomes.count("busy") == n_threads - n_places and is_a_hash_waited_for():
                break
            time.sleep(0.01)
        hashing_now.pop()
        return False

    def check() -> None:
        try:
            is_password_of(user, "a guess", is_at_home=False)
            outcomes.append("checked")
        except TooBusy:
            outcomes.append("busy")

    monkeypatch.setattr(type(user), "check_password", slow)
    at_once(n_threads, check)
    assert outcomes == ["busy"] * (n_threads - n_places) + ["checked"] * n_places
    assert n_at_once == [1, 1], "one at a time"


def test_an_attempt_put_off_is_not_counted_and_owners_have_places_of_their_own():
    user = make_account()
    strangers = hashing.PLACES[False]
    assert strangers.acquire(blocking=False) and strangers.acquire(blocking=False)
    try:
        page = try_password(user)
        assert page.status_code == 429 and int(page.headers["Retry-After"])
        assert "Try again in a few seconds" in page.content.decode()
        assert not SignInAttempt.objects.exists()
        actions.remember_network(user=user, network=HERE)
        assert try_password(user).status_code == 302
    finally:
        strangers.release()
        strangers.release()
