"""Every test runs with the network closed: loopback and unix sockets only. And how hypothesis looks for examples."""

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connection
from django.http import FileResponse
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, settings

from launcher.places import DATABASE
from tests import chance
from tests.emptying import empty_quickly

# What a merge has to pass must not turn on luck, nor on how slow the machine is: the short form always tries the same
# examples, and nothing is measured in seconds. New examples are met with `--soak`. (Histories have a rule of their own
# for their seed: tests/histories.py.)
STEADY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("short", derandomize=True, database=None, **STEADY)
settings.register_profile("soak", derandomize=False, **STEADY)
settings.load_profile("soak" if os.environ.get("SOAK") else "short")

# What a run imports and parses stays to its end. To look through it as often as Python does by itself took a fifth of
# the time of some files.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Leave all that is there before the first test alone."""
    gc.collect()
    gc.freeze()


chance.draw_steadily()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    chance.begin(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Iterator[Any]:
    """Let what several tests share not turn on which of them comes first."""
    if fixturedef.scope == "function":
        return (yield)
    with chance.apart(f"{fixturedef.baseid} {fixturedef.argname}"):
        return (yield)


empty_quickly()
# A million rounds of hashing, for each person that a test makes, would be a third of a second each.
PBKDF2PasswordHasher.iterations = 10
# Static files come from the site's own middleware, in tests with a server too.
setattr(StaticFilesHandler, "_should_handle", lambda self, path: False)  # noqa: B010 - the types know it not


def name_the_host() -> None:
    """Have clients of the tests name a host that exists: the researchers' side, or the marketplace."""
    factory: Any = RequestFactory
    base_environ, site = factory._base_environ, cast(Any, django_settings)

    def with_host(self: RequestFactory, **request: Any) -> dict[str, Any]:
        origin: str = getattr(django_settings, "STAFF_ORIGIN", "") or site.ORIGIN
        return base_environ(self, **({"HTTP_HOST": origin.partition("//")[2]} | self.defaults | request))

    factory._base_environ = with_host


name_the_host()
# All tests of a minute come from this machine. Those that are about the limits set their own.
for name in (
    *("DRAFTS_A_MINUTE", "FRAME_REQUESTS_A_MINUTE", "LINK_REQUESTS_A_MINUTE", "OPEN_LINK_LEASES"),
    "REST_REQUESTS_A_MINUTE",
):
    # The marketplace's settings have none of them.
    if hasattr(django_settings, name):
        setattr(django_settings, name, dict.fromkeys(getattr(django_settings, name), 10**9))

file_responses: list[FileResponse] = []


def note_file_responses() -> None:
    """Have the test client note the files that it is sent: servers close a response, a test that looks does not."""
    client: Any = Client
    real = client.request

    def request(self: Client, **environ: Any) -> Any:
        response = real(self, **environ)
        if isinstance(response, FileResponse):
            file_responses.append(response)
        return response

    client.request = request


note_file_responses()


def pytest_runtest_teardown() -> None:
    """Close the files of a test with it, and not when the collector finds them, in the midst of another test."""
    while file_responses:
        response: Any = file_responses.pop()
        for close in response._resource_closers:
            close()


NETWORK = (socket.AF_INET, socket.AF_INET6)


class NetworkBlocked(RuntimeError):
    """A test reached for another machine."""


def local(host) -> bool:
    if host in ("", "localhost", None):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackSocket(socket.socket):
    def connect(self, address):
        self.refuse_others(address)
        return super().connect(address)

    def connect_ex(self, address):
        self.refuse_others(address)
        return super().connect_ex(address)

    def sendto(self, data, *rest):
        self.refuse_others(rest[-1])
        return super().sendto(data, *rest)

    def refuse_others(self, address) -> None:
        if self.family in NETWORK and not local(address[0]):
            raise NetworkBlocked(f"tests may connect to loopback only, not to {address[0]}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Begin with the tables that ./test has already made; migrating then only finds that nothing is left to do."""
    database = django_settings.DATABASES["default"]
    if not os.environ.get("DATABASE_URL") and database["NAME"] == DATABASE:
        database.setdefault("TEST", {})["TEMPLATE"] = DATABASE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """On a server of somebody else's, tests that commit empty the tables by TRUNCATE, which the records refuse."""
    if os.environ.get("DATABASE_URL"):
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER IF EXISTS audit_is_never_emptied ON audit_auditentry")
            cursor.execute("DROP TRIGGER IF EXISTS audit_chain_is_never_emptied ON audit_auditlink")
            cursor.execute("DROP TRIGGER IF EXISTS membership_record_is_never_emptied ON access_membershipchange")


@pytest.fixture(autouse=True, scope="session")
def network_closed():
    """Name look-ups and connections that leave this machine raise, in this process, for the whole run."""
    real_socket, real_lookup = socket.socket, socket.getaddrinfo

    def lookup(host, *rest, **named):
        name = host.decode() if isinstance(host, bytes) else host
        if not local(name):
            raise NetworkBlocked(f"tests may look up loopback names only, not {name}")
        return real_lookup(host, *rest, **named)

    opened: Any = socket
    opened.socket, opened.getaddrinfo = LoopbackSocket, lookup
    yield
    opened.socket, opened.getaddrinfo = real_socket, real_lookup
