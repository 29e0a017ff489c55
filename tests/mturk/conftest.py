import socket
import threading
from collections.abc import Iterator

import boto3
import pytest

from mturk import endpoint
from tests.factories import unique
from tests.fixtures import file as file
from tests.fixtures import folder as folder
from tests.fixtures import media as media
from tests.fixtures import reader as reader
from tests.mturk.marketplaces import Marketplace, requester_keys, running_marketplace

RUNNING = pytest.StashKey[Marketplace]()


@pytest.fixture(scope="session")
def running_endpoint(django_db_setup, request: pytest.FixtureRequest) -> Iterator[Marketplace]:
    """One marketplace for all tests of a process that ask for it, with a database of its own.

    Files of other folders import this fixture. To pytest each import is another one; they have the same marketplace.
    """
    if (shared := request.session.stash.get(RUNNING, None)) is not None:
        yield shared
        return
    with running_marketplace(unique("marketplace")) as running:
        request.session.stash[RUNNING] = running
        yield running


class SharedSession:
    """One session of boto3 for all tests: a new one reads a megabyte of JSON for its first client."""

    session = boto3.session.Session()
    lock = threading.Lock()

    def client(self, *words, **named):
        with self.lock:
            return self.session.client(*words, **named)


@pytest.fixture
def marketplace(running_endpoint, settings, monkeypatch):
    """The marketplace without faults, and the site as a requester of its own there."""
    running_endpoint.post("/faults/clear/")
    # Tests before this one may have moved it; nothing of theirs is looked at again.
    running_endpoint.ask("reset clock")
    key_id, secret = requester_keys(running_endpoint)
    running_endpoint.key_id = key_id
    settings.MARKETPLACE_SITES = [running_endpoint.url]
    settings.MTURK = settings.MTURK | {
        "endpoint_url": running_endpoint.url,
        "access_key_id": key_id,
        "secret_access_key": secret,
        "calls_per_second": 1000,
        "counters_every": 0,
    }
    monkeypatch.setattr(boto3.session, "Session", SharedSession)
    # A page waits no longer for a slow marketplace; a test does.
    monkeypatch.setattr(endpoint, "PATIENT_SECONDS", 60)
    endpoint.client.cache_clear()
    yield running_endpoint
    endpoint.client.cache_clear()


@pytest.fixture
def hanging(settings) -> Iterator[socket.socket]:
    """A marketplace that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        keys = {"endpoint_url": address, "access_key_id": "AKIAHANGS", "secret_access_key": "secret"}
        settings.MTURK = settings.MTURK | keys | {"calls_per_second": 1000}
        endpoint.client.cache_clear()
        yield server
    endpoint.client.cache_clear()
