"""A port that is taken is named with its purpose, and the proposed port is free for the site as a whole."""

import socket
from contextlib import ExitStack, closing

import pytest

from launcher.addresses import MARKETPLACE_STEP
from launcher.parts import check_marketplace_port_free, check_port_free
from launcher.places import PlaceError
from tests.ports import free_port


def take(stack: ExitStack, port: int) -> int:
    server = stack.enter_context(closing(socket.socket()))
    server.bind(("127.0.0.1", port))
    server.listen()
    return server.getsockname()[1]


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def no_origin_is_set(monkeypatch):
    monkeypatch.delenv("MARKETPLACE_ORIGIN", raising=False)


def test_the_proposed_port_has_room_for_the_marketplace_too(stack):
    port = take(stack, free_port())
    take(stack, port + MARKETPLACE_STEP + 1)  # so the port after it is of no use
    with pytest.raises(PlaceError, match=rf"Port {port} is taken .* --port (\d+)") as refusal:
        check_port_free(port)
    proposal = int(str(refusal.value).rpartition(" ")[2])
    assert proposal > port + 1
    check_port_free(proposal)
    check_marketplace_port_free(proposal + MARKETPLACE_STEP, of_site=proposal)


def test_the_marketplaces_port_is_named_as_such(stack):
    port = take(stack, free_port())
    with pytest.raises(PlaceError, match=rf"Port {port}, which the marketplace would get, is taken .* --port \d+"):
        check_marketplace_port_free(port, of_site=port - MARKETPLACE_STEP)


def test_a_taken_port_that_the_environment_names_is_changed_there(stack, monkeypatch):
    port = take(stack, free_port())
    monkeypatch.setenv("MARKETPLACE_ORIGIN", f"http://127.0.0.1:{port}")
    with pytest.raises(PlaceError, match=f"Port {port}, which MARKETPLACE_ORIGIN names, is taken") as refusal:
        check_marketplace_port_free(port, of_site=8000)
    assert "--port" not in str(refusal.value)
