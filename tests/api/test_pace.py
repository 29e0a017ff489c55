"""Limits of the REST interface: by network before a key is looked up, and by key."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.pace import actions as pace
from api.actions import create_token
from tests.factories import make_dataset, unique

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limits(settings, monkeypatch):
    """Three a minute for a key, five for a network; a minute that does not end meanwhile."""
    settings.REST_REQUESTS_A_MINUTE = {"network": 5, "key": 3}
    monkeypatch.setattr(pace, "time", lambda: 7_200_012.0)
    # Counts of other tests are under other keys.
    settings.SECRET_KEY = unique("a key of these tests alone, of more than fifty characters")


def ask(key: str, network: str, path: str = "/api/v1/annotations/"):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return Client(REMOTE_ADDR=network).get(path, {"dataset": "x"}, headers=headers)


def key_of() -> str:
    return create_token(name=unique("token"), dataset=make_dataset(name=unique("x")))[1]


def assert_throttled(answer) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "49")
    error = answer.json()["error"]
    assert error["code"] == "throttled" and "Wait 49 seconds." in error["message"]
    assert set(answer.json()) == {"error"}


def test_a_key_has_a_limit_wherever_it_is_used_from():
    key = key_of()
    assert [ask(key, f"203.0.113.{n}").status_code for n in range(3)] == [404] * 3
    assert_throttled(ask(key, "203.0.113.9"))
    assert ask(key_of(), "203.0.113.9").status_code == 404, "another key has its own"


def test_a_network_has_a_limit_whatever_its_keys_and_wrong_ones_are_not_looked_up_beyond_it():
    assert [ask("wrong", "203.0.113.7").status_code for _ in range(5)] == [401] * 5
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert_throttled(ask("wrong", "203.0.113.7"))
    assert not queries.captured_queries
    right = key_of()
    assert_throttled(ask(right, "203.0.113.7"))
    assert ask(right, "203.0.113.8").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/schema/", "/api/v1/nothing/"])
def test_addresses_that_need_no_key_have_it_too(path):
    for _ in range(5):
        assert ask("", "203.0.113.7", path).status_code in (200, 404)
    answer = ask("", "203.0.113.7", path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "49")


def test_the_network_of_an_ipv6_address_is_its_prefix():
    for n in range(5):
        ask("wrong", f"2001:db8:1:2::{n + 1}")
    assert ask("wrong", "2001:db8:1:2:ffff::9").status_code == 429
    assert ask("wrong", "2001:db8:1:103::9").status_code == 401


def test_without_valkey_there_is_no_limit(settings, monkeypatch):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(pace, "_silent_until", 0.0)
    assert {ask("wrong", "203.0.113.7").status_code for _ in range(9)} == {401}
