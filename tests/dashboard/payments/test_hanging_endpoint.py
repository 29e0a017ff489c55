"""A marketplace that takes calls and never answers: the pages that ask it must not keep workers from theirs."""

import select
import socket
import time

import pytest

from mturk import endpoint
from mturk.account import reads as paying_account
from mturk.account.reads import account
from tests.mturk.conftest import hanging  # noqa: F401
from tests.threads import PATIENCE_SECONDS, in_threads, started

pytestmark = pytest.mark.django_db(transaction=True)


def let_go(server: socket.socket) -> None:
    """Hang up on whoever asks; nobody else does."""
    server.settimeout(60)
    server.accept()[0].close()
    server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.accept()


def test_a_marketplace_that_hangs_keeps_one_page_and_the_others_not_at_all(hanging, monkeypatch):  # noqa: F811
    # Whoever waits for it would wait until it hangs up, at the end of the test.
    monkeypatch.setattr(endpoint, "QUICK_SECONDS", 120)
    monkeypatch.setattr(paying_account, "BALANCE_KEPT_SECONDS", 600)
    endpoint.client.cache_clear()
    with started(account) as first:
        assert hanging_up_can_wait(hanging)
        assert in_threads(7, lambda number: account().why_unknown) == ["Loading…"] * 7
        assert not first.done()
        let_go(hanging)
        why = first.result(PATIENCE_SECONDS).why_unknown
    assert "closed" in why.lower()
    # What came of it is kept for a while, as an answer would be.
    assert account().why_unknown == why


def hanging_up_can_wait(server: socket.socket) -> bool:
    """Return whether a client connected within the time limit."""
    return bool(select.select([server], [], [], 60)[0])


def test_a_page_waits_for_two_seconds(hanging, monkeypatch):  # noqa: F811
    # What the client has for other questions; on no machine do two seconds take as long.
    monkeypatch.setattr(endpoint, "READ_SECONDS", 300)
    begun = time.monotonic()
    assert "timeout" in account().why_unknown.lower()
    assert 1.5 < time.monotonic() - begun < endpoint.READ_SECONDS
