"""A port that is taken is named with what it is for, and what is proposed instead is free for the site as a whole."""

import socket
from contextlib import ExitStack, closing

import pytest

from launcher.addresses import MARKETPLACE_STEP
from launcher.parts import check_port_free
from launcher.places import PlaceError
from tests.ports import free_port


def taken(stack: ExitStack, port: int) -> int:
    held = stack.enter_context(closing(socket.socket()))
    held.bind(("127.0.0.1", port))
    held.listen()
    return held.getsockname()[1]


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def test_what_is_proposed_has_room_for_the_marketplace_too(stack):
    port = taken(stack, free_port())
    taken(stack, port + MARKETPLACE_STEP + 1)  # so the port after it is of no use
    with pytest.raises(PlaceError, match=rf"Port {port} is taken .* --port (\d+)") as refused:
        check_port_free(port)
    proposed = int(str(refused.value).rpartition(" ")[2])
    assert proposed > port + 1
    check_port_free(proposed)
    check_port_free(proposed + MARKETPLACE_STEP)


def test_the_marketplaces_port_is_named_as_such(stack):
    port = taken(stack, free_port())
    with pytest.raises(PlaceError, match=f"Port {port}, which the marketplace would get, is taken"):
        check_port_free(port, of_site=port - MARKETPLACE_STEP)
