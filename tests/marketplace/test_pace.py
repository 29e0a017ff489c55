"""Limits of the requester API: by network before a key is looked up, by key, and with wrong signatures."""

import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from django.conf import settings as marketplace_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from marketplace.actions import create_access_key
from marketplace.endpoint.signatures import secret_of
from marketplace.networks import network_of
from marketplace.pace import actions as pace
from tests.marketplace.parties import Endpoint, make_requester, running_endpoint

TARGET = {"X-Amz-Target": "MTurkRequesterServiceV20170117.GetAccountBalance", "Content-Type": "application/x-amz-json"}


@pytest.fixture
def limits(settings, monkeypatch):
    """Three a minute for a key, six for a network, two wrong ones; a minute that does not end meanwhile."""
    settings.CALLS_PER_KEY, settings.CALLS_PER_NETWORK, settings.WRONG_SIGNATURES_PER_NETWORK = 3, 6, 2
    monkeypatch.setattr(pace, "PACE", pace.Pace())
    monkeypatch.setattr(pace.time, "time", lambda: 7_200_012.0)


def key_of_a_lab() -> str:
    return create_access_key(requester=make_requester()).key_id


def ask(key_id: str, network: str, secret: str = ""):
    request = AWSRequest("POST", f"{marketplace_settings.ORIGIN}/", headers=TARGET, data=b"{}")
    SigV4Auth(Credentials(key_id, secret or secret_of(key_id)), "mturk-requester", "us-east-1").add_auth(request)
    headers = {name: value for name, value in request.prepare().headers.items() if name != "Content-Type"}
    client = Client(REMOTE_ADDR=network)
    return client.post("/", b"{}", content_type=TARGET["Content-Type"], headers=headers)


def kind_of(answer) -> str:
    return json.loads(answer.content).get("__type", "")


def assert_throttled(answer) -> None:
    assert (answer.status_code, kind_of(answer), answer.headers["Retry-After"]) == (400, "ThrottlingException", "49")


@pytest.mark.django_db
def test_a_key_has_a_limit_wherever_it_is_used_from(limits):
    key_id = key_of_a_lab()
    assert [ask(key_id, f"203.0.113.{n}").status_code for n in range(3)] == [200] * 3
    assert_throttled(ask(key_id, "203.0.113.9"))
    assert ask(key_of_a_lab(), "203.0.113.9").status_code == 200, "another key has its own"


@pytest.mark.django_db
def test_a_network_has_a_limit_whatever_its_keys(limits):
    for _ in range(6):
        assert ask(key_of_a_lab(), "203.0.113.7").status_code == 200
    assert_throttled(ask(key_of_a_lab(), "203.0.113.7"))
    assert ask(key_of_a_lab(), "203.0.113.8").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["secret", "key"])
def test_after_some_wrong_signatures_nothing_from_there_is_looked_up(limits, wrong):
    key_id = key_of_a_lab()
    words = (key_id, "203.0.113.7", "x" * 40) if wrong == "secret" else ("AKIANOBODYSKEY", "203.0.113.7", "x" * 40)
    expected = "InvalidSignatureException" if wrong == "secret" else "UnrecognizedClientException"
    assert [kind_of(ask(*words)) for _ in range(2)] == [expected] * 2
    with CaptureQueriesContext(connection) as queries:
        assert_throttled(ask(*words))
        assert_throttled(ask(key_id, "203.0.113.7"))
    assert not [query for query in queries.captured_queries if "marketplace_accesskey" in query["sql"]]
    assert ask(key_id, "203.0.113.8").status_code == 200


@pytest.mark.django_db
def test_a_minute_ends(limits, monkeypatch):
    key_id = key_of_a_lab()
    for _ in range(3):
        ask(key_id, "203.0.113.7")
    monkeypatch.setattr(pace.time, "time", lambda: 7_200_060.0)
    assert ask(key_id, "203.0.113.7").status_code == 200


@pytest.mark.parametrize(
    ("sender", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::7", "2001:db8::/56"),
        ("2001:db8:0:ff::1", "2001:db8::/56"),
        ("2001:db8:0:100::1", "2001:db8:0:100::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("::1", "::1"),
        ("", "unknown"),
        ("no address", "unknown"),
    ],
)
def test_an_address_belongs_to_one_network_however_it_is_written(sender, network, rf, settings):
    assert network_of(rf.post("/", REMOTE_ADDR=sender)) == network
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert network_of(rf.post("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=sender or "?")) == network


def test_what_the_sender_wrote_into_the_header_proves_nothing(rf, settings):
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert network_of(rf.post("/", REMOTE_ADDR="192.0.2.1", headers=headers)) == "192.0.2.1", "there is no proxy"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert network_of(rf.post("/", REMOTE_ADDR="192.0.2.1", headers=headers)) == "203.0.113.7", "its proxy wrote this"
    assert network_of(rf.post("/", REMOTE_ADDR="192.0.2.1")) == "192.0.2.1", "a proxy that names nobody"


def test_the_usual_limits_leave_the_sites_own_calls_alone():
    # MTURK_CALLS_PER_SECOND is 50 at a marketplace of ours.
    assert 2 * 60 * 50 <= marketplace_settings.CALLS_PER_KEY <= marketplace_settings.CALLS_PER_NETWORK


@pytest.mark.django_db(transaction=True)
def test_an_unmodified_client_understands_it_and_tries_again(server):
    database = marketplace_settings.DATABASES["default"]
    with running_endpoint(database, MARKETPLACE_CALLS_PER_KEY="1") as url:
        lab = Endpoint(url).lab(attempts=2)
        with pytest.raises(ClientError) as refused:
            for _ in range(6):
                lab.balance()
    error = refused.value.response
    assert error["Error"]["Code"] == "ThrottlingException"
    assert error["ResponseMetadata"]["RetryAttempts"] == 1
    assert 0 < int(error["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) <= 61
