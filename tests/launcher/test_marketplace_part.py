"""The marketplace of ./run: its conditions, its origin, its announcement."""

import pytest

from launcher.addresses import check_origins, elsewhere, local_port, marketplace_port, origins
from launcher.marketplace import announcement, marketplace_environment, marketplace_part, reason_for_none
from launcher.places import PlaceError, places_of

VARIABLES = ("MARKETPLACE_ORIGIN", "MARKETPLACE_DATABASE_URL", "DATABASE_URL", "WORKER_ORIGIN", "STAFF_ORIGIN")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_all_three_origins_move_with_the_port():
    assert origins(9200) == {
        "PORT": "9200",
        "WORKER_ORIGIN": "http://localhost:9200",
        "STAFF_ORIGIN": "http://127.0.0.1:9200",
        "MARKETPLACE_ORIGIN": "http://127.0.0.1:9300",
    }


def test_the_marketplace_lies_a_hundred_ports_from_the_site_where_there_are_so_many():
    assert origins(8000)["MARKETPLACE_ORIGIN"] == "http://127.0.0.1:8100"
    assert (marketplace_port(65435), marketplace_port(65436)) == (65535, 65336)


def test_origins_that_are_set_stay_as_set(monkeypatch):
    monkeypatch.setenv("WORKER_ORIGIN", "https://work.example.org")
    monkeypatch.setenv("MARKETPLACE_ORIGIN", " http://127.0.0.1:8333/ ")
    monkeypatch.setenv("STAFF_ORIGIN", " ")
    chosen = origins(9200)
    assert chosen["WORKER_ORIGIN"] == "https://work.example.org"
    assert chosen["MARKETPLACE_ORIGIN"] == "http://127.0.0.1:8333"
    assert chosen["STAFF_ORIGIN"] == "http://127.0.0.1:9200"


def test_a_marketplace_of_ones_own_is_left_to_its_administrator(monkeypatch):
    assert reason_for_none() == ""
    monkeypatch.setenv("MARKETPLACE_ORIGIN", "https://work.example.org")
    assert "none is started" in reason_for_none()
    assert origins(8000)["MARKETPLACE_ORIGIN"] == "https://work.example.org"


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8333", "http://localhost:8333", "http://[::1]:8333"])
def test_a_marketplace_with_a_port_of_this_machine_is_started_there(monkeypatch, tmp_path, origin):
    monkeypatch.setenv("MARKETPLACE_ORIGIN", origin)
    assert reason_for_none() == ""
    part = marketplace_part(tmp_path, marketplace_environment(places_of(tmp_path), origins(9200)))
    assert "127.0.0.1:8333" in part.command
    assert part.environment["MARKETPLACE_ORIGIN"] == origin


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost:8333", "http://10.0.0.1:8333", "http://a:b"])
def test_other_origins_are_not_served_by_this_machine(origin):
    assert local_port(origin) is None


def test_a_marketplace_on_the_sites_own_port_is_refused(monkeypatch):
    check_origins(8000)
    monkeypatch.setenv("MARKETPLACE_ORIGIN", "http://127.0.0.1:9200")
    check_origins(8000)
    with pytest.raises(PlaceError, match="MARKETPLACE_ORIGIN=http://127.0.0.1:9200 names the site's own port"):
        check_origins(9200)


def test_an_origin_of_the_site_on_the_marketplaces_port_is_refused(monkeypatch):
    monkeypatch.setenv("WORKER_ORIGIN", "http://localhost:9300")
    with pytest.raises(PlaceError, match="WORKER_ORIGIN=http://localhost:9300 names port 9300.*Remove WORKER_ORIGIN"):
        check_origins(9200)


def test_an_origin_on_another_port_than_the_sites_is_pointed_out(monkeypatch):
    monkeypatch.setenv("WORKER_ORIGIN", "http://localhost:8000")
    monkeypatch.setenv("STAFF_ORIGIN", "https://staff.example.org")
    assert elsewhere(8000) == []
    (notice,) = elsewhere(9200)
    assert "WORKER_ORIGIN is set" in notice and "http://localhost:8000" in notice and "9200" in notice


def test_on_another_postgres_it_needs_a_database_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgres://a@b/c")
    assert "MARKETPLACE_DATABASE_URL is not" in reason_for_none()
    monkeypatch.setenv("MARKETPLACE_DATABASE_URL", "postgres://a@b/work")
    assert reason_for_none() == ""
    environment = marketplace_environment(places_of(tmp_path), origins(8000))
    assert environment["MARKETPLACE_DATABASE_URL"] == "postgres://a@b/work"


def test_it_shares_the_embedded_postgres_and_the_state_folder(tmp_path):
    environment = marketplace_environment(places_of(tmp_path), origins(8000))
    assert environment["MARKETPLACE_DATABASE_URL"].startswith("postgres://postgres@%2F")
    assert environment["MARKETPLACE_DATABASE_URL"].endswith(":5432/marketplace")
    assert environment["STATE_DIR"] == str(tmp_path)


def test_what_is_printed_names_address_keys_and_login():
    text = announcement(origins(8000), ["AKIA1 / secret", "worker / password"])
    for words in ("http://127.0.0.1:8100/", "AKIA1 / secret", "worker / password", "./manage publish"):
        assert words in text
    assert announcement(origins(8000), []) == ""
