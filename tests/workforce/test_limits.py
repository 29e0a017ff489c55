"""Rate limits by network address and worker: 429 beyond, with a message, and nothing is lost."""

import re
from html import unescape

import pytest

from access.pace import actions as limits
from annotation_site import limits as site_limits
from tests.workforce.assignments_by_hand import external, make_offered_grid
from tests.workforce.test_frame_pages import Frame, handed_over, hidden
from workforce.models import Assignment, Submission

pytestmark = pytest.mark.django_db
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture(autouse=True)
def minute(monkeypatch):
    """A minute that nobody has counted in yet, and that does not end during a test."""
    monkeypatch.setattr(limits, "_silent_until", 0.0)
    # A page waits no longer for a slow Valkey; a test does.
    monkeypatch.setattr(limits, "TIMEOUT_SECONDS", 60)
    limits._valkey.cache_clear()
    moment = limits.time() // 60 * 60 + 20
    monkeypatch.setattr(limits, "time", lambda: moment)
    yield monkeypatch
    limits._valkey.cache_clear()


@pytest.fixture
def address() -> str:
    """One that no other test counts for."""
    return f"2001:db8:{int(external('1')[-4:], 36) % 65536:x}:{id(object()) % 65536:x}::1"


@pytest.fixture
def wide(settings):
    settings.FRAME_REQUESTS_A_MINUTE = {"address": 1000, "worker": 1000, "worker_anywhere": 1000}
    return settings.FRAME_REQUESTS_A_MINUTE


def frame_at(address: str, **ids: str) -> Frame:
    grid, external_hit_id = make_offered_grid()
    frame = Frame(grid.hit, external_hit_id, **ids)
    frame.client.defaults["REMOTE_ADDR"] = address
    return frame


def test_pages_opened_from_one_address_are_limited_and_others_are_not(address, wide):
    wide["address"] = 9  # of whom each opens, presses Start and sees the task
    assert [frame_at(address).open().status_code for _ in range(5)] == [200] * 3 + [429] * 2
    assert Assignment.objects.count() == 3
    assert frame_at("203.0.113.9").open().status_code == 200


def test_the_page_says_when_it_goes_on_and_reloads_by_itself(address, wide):
    wide["address"] = 0
    page = frame_at(address).open()
    assert (page.status_code, page.headers["Retry-After"]) == (429, "41")
    assert '<meta http-equiv="refresh" content="41">' in page.content.decode()
    assert "Wait 41 seconds" in page.content.decode()


def test_after_the_minute_everything_goes_on(address, wide, minute):
    wide["address"] = 1
    frame = frame_at(address)
    assert [frame.look().status_code for _ in range(2)] == [200, 429]
    later = limits.time() + 60
    minute.setattr(limits, "time", lambda: later)
    assert frame.look().status_code == 200


def test_an_answer_that_came_too_soon_is_kept_by_its_page(address, wide):
    frame = frame_at(address)
    page = frame.open()
    wide["address"] = 3
    by_script = frame.send(page)
    assert (by_script.status_code, by_script.headers["Retry-After"]) == (429, "41")
    assert "Wait 41 seconds" in by_script.json()["message"]
    kept = frame.send(page, as_json=False)
    assert (kept.status_code, kept.headers["Retry-After"]) == (429, "41")
    text = kept.content.decode()
    assert "refresh" not in text
    fields = {name: unescape(value) for name, value in FIELD.findall(text)}
    assert fields == hidden(page) | {"selected": frame.handles()[0]}
    assert not Submission.objects.exists()
    wide["address"] = 1000
    sent = frame.client.post(frame.address, fields, headers={"sec-fetch-site": "same-origin"})
    assert handed_over(sent)[1]["selected"] == frame.handles()[0]
    assert Submission.objects.get().state == "provisional"


def test_what_is_sent_in_a_workers_name_from_elsewhere_leaves_that_worker_the_own_pace(wide):
    wide["worker"] = 2
    worker = external("AWORKER")
    forged = [frame_at("198.51.100.7", workerId=worker).look().status_code for _ in range(4)]
    assert forged == [200, 200, 429, 429]
    assert frame_at("198.51.100.8", workerId=worker).look().status_code == 200
    assert frame_at("198.51.100.7").look().status_code == 200


def test_what_is_sent_in_a_workers_name_from_everywhere_has_an_end(wide):
    wide["worker_anywhere"] = 3
    worker = external("AWORKER")
    codes = [frame_at(f"198.51.100.{number}", workerId=worker).look().status_code for number in range(20, 25)]
    assert codes == [200] * 3 + [429] * 2


def test_a_preview_is_not_counted_but_this_machine_is(address, wide):
    wide.update(address=0, worker=0, worker_anywhere=0)
    assert frame_at(address, assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE").open().status_code == 200
    for address in ("127.0.0.1", "::1", ""):
        assert frame_at(address).open().status_code == 429


def test_the_people_of_a_lab_who_share_an_address_are_not_limited(address, settings):
    """Forty of them at once, with the limits as they are by default, at a page and an answer every three seconds."""
    settings.FRAME_REQUESTS_A_MINUTE = site_limits.FRAME_REQUESTS_A_MINUTE
    begin = [limits._count([limits._key(f"address {address}", 0)]) for _ in range(40 * 2 * 20)][-1][0]
    assert begin < 3000
    frame = frame_at(address)
    assert frame.send(frame.open()).status_code == 200


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_names(wide, settings):
    wide["address"] = 1

    def status(forwarded: str) -> int:
        frame = frame_at("10.0.0.1")
        return frame.client.get(frame.address, headers={"X-Forwarded-For": forwarded}).status_code

    # Without one, whoever sends the header would have as many addresses as they like.
    assert [status(f"198.51.100.{n}") for n in (41, 42)] == [200, 429]
    settings.BEHIND_TLS_PROXY = True
    assert [status("198.51.100.43"), status("198.51.100.44")] == [200, 200]
    # What the sender wrote in front of it proves nothing.
    assert status("203.0.113.1, 198.51.100.43") == 429


def test_valkey_is_told_no_address_and_no_worker_and_forgets_soon(address, wide):
    frame = frame_at(address)
    frame.open()
    valkey = limits._valkey(limits.settings.REDIS_URL)
    keys = list(valkey.scan_iter("pace:*"))
    assert keys
    for key in keys:
        assert re.fullmatch(rb"pace:[0-9a-f]{36}", key)
        # -1 would be a key that stays; one of another test may end right now.
        assert valkey.ttl(key) != -1 and valkey.ttl(key) <= 120


def test_without_valkey_work_goes_on_and_nobody_waits_for_it(address, wide, settings, caplog):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    wide["address"] = 0
    frame = frame_at(address)
    assert frame.send(frame.open()).status_code == 200
    said = [record.message for record in caplog.records if record.name == limits.__name__]
    assert len(said) == 1 and said[0].startswith("Valkey does not answer, so there are no rate limits for 10 seconds")
