"""Tests of the marketplace and account to call: set at deployment, and never by accident with real money."""

from typing import Any

import pytest
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured

from annotation_site import settings as source
from annotation_site.staff_urls import urlpatterns
from launcher.secrets import read_keys
from workforce.frame.ids import submit_address

LIVE = "https://mturk-requester.us-east-1.amazonaws.com"
VARIABLES = ("MTURK_ENDPOINT_URL", "MTURK_LIVE", "MTURK_ACCESS_KEY_ID", "MTURK_SECRET_ACCESS_KEY")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in (*VARIABLES, "MTURK_CALLS_PER_SECOND"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_it_is_our_own_marketplace():
    requester = source.requester()
    assert (requester["endpoint_url"], requester["is_live"]) == (source.MARKETPLACE_ORIGIN, False)


def test_another_endpoint_is_refused_and_the_message_names_the_switch(monkeypatch):
    monkeypatch.setenv("MTURK_ENDPOINT_URL", LIVE)
    with pytest.raises(ImproperlyConfigured, match="real money. Set MTURK_LIVE=yes"):
        source.requester()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9999", "http://localhost:4000"])
def test_any_server_on_this_machine_is_taken(monkeypatch, address):
    monkeypatch.setenv("MTURK_ENDPOINT_URL", address)
    assert source.requester()["endpoint_url"] == address


def test_with_the_switch_another_endpoint_is_taken_and_called_slowly(monkeypatch):
    monkeypatch.setenv("MTURK_ENDPOINT_URL", LIVE)
    monkeypatch.setenv("MTURK_LIVE", "yes")
    requester = source.requester()
    assert (requester["endpoint_url"], requester["is_live"]) == (LIVE, True)
    assert (requester["calls_per_second"], requester["retry_mode"]) == (3, "adaptive")


def test_elsewhere_the_keys_of_our_own_marketplace_are_not_used(monkeypatch, tmp_path):
    (tmp_path / "requester_keys").write_text("AWS_ACCESS_KEY_ID=AKIAOURS\nAWS_SECRET_ACCESS_KEY=secret\n")
    monkeypatch.setattr(source, "STATE_DIR", tmp_path)
    assert source.requester()["access_key_id"] == "AKIAOURS"
    monkeypatch.setenv("MTURK_ENDPOINT_URL", LIVE)
    monkeypatch.setenv("MTURK_LIVE", "yes")
    assert source.requester()["access_key_id"] == ""


def test_keys_from_the_environment_go_before_kept_ones(monkeypatch, tmp_path):
    (tmp_path / "requester_keys").write_text("AWS_ACCESS_KEY_ID=AKIAKEPT\nAWS_SECRET_ACCESS_KEY=kept\n")
    monkeypatch.setattr(source, "STATE_DIR", tmp_path)
    monkeypatch.setenv("MTURK_ACCESS_KEY_ID", "AKIAGIVEN")
    monkeypatch.setenv("MTURK_SECRET_ACCESS_KEY", "given")
    requester = source.requester()
    assert (requester["access_key_id"], requester["secret_access_key"]) == ("AKIAGIVEN", "given")


SANDBOX = "https://mturk-requester-sandbox.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("endpoint", "first"),
    [
        ("", source.MARKETPLACE_ORIGIN),
        ("http://127.0.0.1:9999", "http://127.0.0.1:9999"),
        (LIVE, "https://www.mturk.com"),
        (SANDBOX, "https://workersandbox.mturk.com"),
        ("https://hits.example.org", "https://hits.example.org"),
    ],
)
def test_work_is_handed_over_where_the_endpoint_had_it_accepted(monkeypatch, endpoint, first):
    monkeypatch.setenv("MTURK_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("MTURK_LIVE", "yes")
    monkeypatch.setattr(source, "MTURK", source.requester())
    sites = source.marketplace_sites()
    assert submit_address("", sites) == f"{first}/mturk/externalSubmit"
    assert len(sites) == len(set(sites))


@pytest.mark.parametrize("address", [LIVE, SANDBOX, "https://mturk-requester.us-east-1.amazonaws.com.cn"])
def test_an_endpoint_of_amazon_is_not_ours_whatever_is_said_of_our_marketplace(monkeypatch, address):
    monkeypatch.setattr(source, "MARKETPLACE_ORIGIN", address)
    with pytest.raises(ImproperlyConfigured, match="real money"):
        source.requester()
    monkeypatch.setenv("MTURK_LIVE", "yes")
    assert (source.requester()["is_live"], source.requester()["calls_per_second"]) == (True, 3)


def test_a_file_without_keys_gives_none(tmp_path):
    assert read_keys(tmp_path / "missing") == ("", "")


def test_no_page_takes_an_address_of_an_endpoint():
    patterns: list[Any] = urlpatterns
    names = " ".join(str(pattern.pattern) for pattern in patterns)
    assert "endpoint" not in names
    assert site.MTURK["endpoint_url"]
