"""A marketplace that takes calls and never answers: the pages that ask it must not keep workers from theirs."""

import socket
import time
from collections.abc import Iterator

import pytest

from annotation_site.paying.account import account
from tests.threads import in_threads
from workforce.marketplaces import mturk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hanging(settings) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        keys = {"endpoint_url": address, "access_key_id": "AKIAHANGS", "secret_access_key": "secret"}
        settings.MTURK = settings.MTURK | keys | {"calls_per_second": 1000}
        mturk.client.cache_clear()
        yield server
    mturk.client.cache_clear()


def timed(number: int) -> tuple[float, str]:
    begun = time.monotonic()
    why = account().why_unknown
    return time.monotonic() - begun, why


def test_a_marketplace_that_hangs_keeps_one_page_for_two_seconds_and_the_others_not_at_all(hanging):
    waits = sorted(in_threads(8, timed))
    assert [why for _, why in waits[:7]] == ["It is being asked for."] * 7
    assert waits[6][0] < 1.5 < waits[7][0] < 4
    assert "timeout" in waits[7][1].lower()
    # What came of it is kept for a while, as an answer would be.
    assert account().why_unknown == waits[7][1]
    hanging.settimeout(0.2)
    hanging.accept()[0].close()
    with pytest.raises(TimeoutError):
        hanging.accept()
