"""When ./run starts a marketplace, where, and what it says of it."""

import pytest

from launcher.addresses import marketplace_port, origins
from launcher.marketplace import announcement, marketplace_environment, reason_for_none
from launcher.places import places_of

VARIABLES = ("MARKETPLACE_ORIGIN", "MARKETPLACE_DATABASE_URL", "DATABASE_URL", "WORKER_ORIGIN", "STAFF_ORIGIN")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_it_lies_a_hundred_ports_from_the_site_where_there_are_so_many():
    assert origins(8000)["MARKETPLACE_ORIGIN"] == "http://127.0.0.1:8100"
    assert (marketplace_port(65435), marketplace_port(65436)) == (65535, 65336)


def test_a_marketplace_of_ones_own_is_left_to_whoever_runs_it(monkeypatch):
    assert reason_for_none() == ""
    monkeypatch.setenv("MARKETPLACE_ORIGIN", "https://work.example.org")
    assert "none is started" in reason_for_none()
    assert origins(8000)["MARKETPLACE_ORIGIN"] == "https://work.example.org"


def test_on_another_postgres_it_needs_a_database_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgres://a@b/c")
    assert "MARKETPLACE_DATABASE_URL is not" in reason_for_none()
    monkeypatch.setenv("MARKETPLACE_DATABASE_URL", "postgres://a@b/work")
    assert reason_for_none() == ""
    given = marketplace_environment(places_of(tmp_path), origins(8000))
    assert given["MARKETPLACE_DATABASE_URL"] == "postgres://a@b/work"


def test_it_shares_the_embedded_postgres_and_the_state_folder(tmp_path):
    given = marketplace_environment(places_of(tmp_path), origins(8000))
    assert given["MARKETPLACE_DATABASE_URL"].startswith("postgres://postgres@%2F")
    assert given["MARKETPLACE_DATABASE_URL"].endswith(":5432/marketplace")
    assert given["STATE_DIR"] == str(tmp_path)


def test_what_is_printed_names_address_keys_and_login():
    text = announcement(origins(8000), ["AKIA1 / secret", "worker / password"])
    for words in ("http://127.0.0.1:8100/", "AKIA1 / secret", "worker / password", "./manage publish"):
        assert words in text
    assert announcement(origins(8000), []) == ""
