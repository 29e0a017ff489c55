"""Drafts on the site: versions, their ends, and whose they are. A draft is no answer, and casts no vote."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from catalog.reads import now
from contains_task.models import ContainsVote
from tests.factories import make_grid, make_lease, worker_client
from tests.required import require
from tests.workforce.assignments_by_hand import external, make_offered_grid
from tests.workforce.test_frame_pages import Frame, hidden, listed
from workforce.drafts.actions import forget_drafts
from workforce.models import Assignment, Draft, Lease, Submission
from workforce.models.drafts import MOST_CHARACTERS
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


class Page:
    """A page of a study link, as one tab of one browser has it."""

    def __init__(self, grid, name: str = "ann") -> None:
        self.client = worker_client()
        self.grid, self.name = grid, name
        self.address = f"/contains/{grid.hit.public_id}/?worker={name}"
        self.opened = self.client.get(self.address)
        self.fields = hidden(self.opened)

    @property
    def lease(self) -> Lease:
        return Lease.objects.get(hit=self.grid.hit, worker__identity__external_id=self.name)

    def handles(self) -> list[str]:
        return [image_handle(self.lease, cell.image.public_id) for cell in self.grid.cells.order_by("pk")]

    def post(self, **fields: Any):
        sent = {"token": self.fields["token"]} | fields
        return self.client.post(self.address, sent, content_type="application/json", headers=SAME_ORIGIN)

    def save(self, base: int, selected: list[str], **fields: Any):
        return self.post(draft=base, selected=selected, **fields)

    def submit(self, selected: list[str], **fields: Any):
        return self.post(key=self.fields["key"], selected=selected, none="yes", **fields)


def draft_on(response) -> dict[str, Any]:
    """Return the draft from which a page goes on."""
    text = require(re.search(r'data-draft="([^"]*)"', response.content.decode()))[1]
    return json.loads(unescape(text)) if text else {}


@pytest.fixture
def page() -> Page:
    grid = make_grid(n_images=3)
    worker_client().post(f"/join/{grid.hit.batch.public_id}?worker=ann", headers=SAME_ORIGIN)
    return Page(grid)


def test_a_reload_another_tab_and_another_device_go_on_with_the_draft(page):
    assert draft_on(page.opened) == {}
    facts = {"photographs": {page.handles()[0]: [1, 700]}, "marks": [[5, page.handles()[0], 1]], "page": {"open_ms": 9}}
    assert page.save(0, page.handles()[:2], main="", report_words="<b>'\"", **facts).json() == {"version": 1}
    other = Page(page.grid)
    content = {"selected": page.handles()[:2], "main": "", "report_words": "<b>'\""} | facts
    assert draft_on(other.opened) == {"version": 1, "content": content}


def test_a_draft_is_no_vote_and_ends_with_the_answer(page):
    page.save(0, page.handles()[:1])
    assert not Submission.objects.exists() and not ContainsVote.objects.exists()
    assert page.submit(page.handles()[1:2], version=1).status_code == 200
    assert ContainsVote.objects.filter(selected=True).count() == 1
    assert not Draft.objects.exists()


def test_a_late_draft_of_a_submitted_lease_is_not_stored(page):
    page.submit([])
    late = page.save(0, page.handles()[:1])
    assert (late.status_code, late.json()["title"]) == (409, "Already submitted")
    assert not Draft.objects.exists()


def test_a_draft_replaces_only_the_version_that_its_page_knows(page):
    other = Page(page.grid)
    assert page.save(0, page.handles()[:1]).json() == {"version": 1}
    assert page.save(1, page.handles()[:2]).json() == {"version": 2}
    for base in (0, 1, 3):
        refusal = other.save(base, [])
        assert refusal.status_code == 409
        assert refusal.json()["draft"] == {"version": 2, "content": {"selected": page.handles()[:2]}}
    assert other.save(2, []).json() == {"version": 3}


def test_a_draft_is_stored_on_after_the_stored_one_was_deleted(page):
    page.save(0, [])
    Draft.objects.all().delete()
    assert page.save(1, page.handles()[:1]).json() == {"version": 2}


def test_an_answer_that_differs_from_a_newer_draft_asks_and_stores_nothing(page):
    other = Page(page.grid)
    page.save(0, page.handles()[:1])
    question = other.submit(page.handles()[1:2], version=0)
    assert question.status_code == 409
    assert question.json()["draft"]["content"]["selected"] == page.handles()[:1]
    assert not Submission.objects.exists()
    assert other.submit(page.handles()[1:2], version=1).status_code == 200


@pytest.mark.parametrize("version", [0, 1, 2, None, "1", -1, True])
def test_an_answer_that_says_what_the_draft_says_or_knows_it_is_stored(page, version):
    page.save(0, page.handles()[:2])
    assert page.submit(page.handles()[1::-1], version=version).status_code == 200


def test_without_scripts_no_draft_stands_in_the_way(page):
    page.save(0, page.handles()[:2])
    fields = page.fields | {"selected": page.handles()[2:]}
    assert page.client.post(page.address, fields, headers=SAME_ORIGIN).status_code == 303
    assert Submission.objects.get().answer["selected"] == [page.grid.cells.order_by("pk")[2].image.public_id]


@pytest.mark.parametrize(
    "fields",
    [
        {"draft": -1},
        {"draft": "0"},
        {"draft": True},
        {"draft": None},
        {"draft": 2**31},
        {"draft": 0, "report_words": "x" * MOST_CHARACTERS},
        {"draft": 0, "selected": float("nan")},
    ],
)
def test_what_no_page_sends_is_refused(page, fields):
    assert page.post(**fields).status_code == 422
    assert not Draft.objects.exists()


def test_a_form_that_calls_itself_a_draft_is_neither_draft_nor_answer(page):
    reply = page.client.post(page.address, page.fields | {"draft": "0", "none": "yes"}, headers=SAME_ORIGIN)
    assert reply.status_code == 422
    assert not Draft.objects.exists() and not Submission.objects.exists()


@pytest.mark.parametrize("words", ["'; --", "𝄞", "</script>", "a\nb\tc", '"}'])
def test_no_character_of_a_draft_troubles_the_site(page, words):
    assert page.save(0, [], report_words=words).status_code == 200
    assert draft_on(Page(page.grid).opened)["content"]["report_words"] == words


@pytest.mark.parametrize("words", ["\x00", "\ud800", "\x07"])
def test_what_the_site_refuses_everywhere_is_no_draft_either(page, words):
    assert page.save(0, [], report_words=words).status_code == 400
    assert not Draft.objects.exists()


def test_unknown_fields_are_not_kept(page):
    page.save(0, [], key="k", paused_seconds=5, anything={"a": 1})
    assert json.loads(Draft.objects.get().answer) == {"selected": []}


def test_a_passed_deadline_keeps_the_draft(page):
    page.save(0, page.handles()[:1])
    Lease.objects.update(expires_at=now() - timedelta(minutes=1))
    assert page.save(1, page.handles()[:2]).json() == {"version": 2}
    assert page.client.get(page.address).status_code == 302
    join = f"/join/{page.grid.hit.batch.public_id}?worker=ann"
    assert "What you selected is kept" in page.client.get(join).content.decode()
    page.client.post(join, headers=SAME_ORIGIN)
    assert draft_on(Page(page.grid).opened)["content"]["selected"] == page.handles()[:2]


def test_after_the_deadline_nobody_is_promised_a_draft_that_is_not_there(page):
    Lease.objects.update(expires_at=now() - timedelta(minutes=1))
    text = page.client.get(f"/join/{page.grid.hit.batch.public_id}?worker=ann").content.decode()
    assert "you can continue" in text and "What you selected" not in text


def test_a_draft_that_nobody_changed_for_long_is_deleted(page, settings):
    page.save(0, page.handles()[:1])
    assert forget_drafts() == 0
    Draft.objects.update(updated_at=now() - timedelta(days=settings.DRAFT_DAYS, seconds=1))
    assert forget_drafts() == 1
    assert not Draft.objects.exists()


def test_drafts_have_a_pace_of_their_own_and_starve_no_answer(page, settings):
    settings.DRAFTS_A_MINUTE = {"page": 2, "network": 10**6}
    page.client.defaults["REMOTE_ADDR"] = "203.0.113.77"
    replies = [page.save(version, []).status_code for version in (0, 1, 2)]
    assert replies == [200, 200, 429]
    assert page.submit(page.handles()[:1], version=2).status_code == 200


def test_drafts_of_one_network_have_a_cap(page, settings):
    settings.DRAFTS_A_MINUTE = {"page": 10**6, "network": 1}
    page.client.defaults["REMOTE_ADDR"] = "203.0.113.78"
    refused = [page.save(version, []) for version in (0, 1)][1]
    assert (refused.status_code, refused.headers["Retry-After"].isdecimal()) == (429, True)


def test_a_draft_needs_the_token_of_its_lease(page):
    assert page.post(draft=0, token="forged").status_code == 403
    other = make_lease(page.grid.hit.batch)
    assert other.hit == page.grid.hit
    assert not Draft.objects.exists()


def test_two_people_at_one_hit_have_two_drafts():
    grid = make_grid(n_images=2, n_slots=2)
    for name in ("ann", "bob"):
        worker_client().post(f"/join/{grid.hit.batch.public_id}?worker={name}", headers=SAME_ORIGIN)
    ann, bob = Page(grid, "ann"), Page(grid, "bob")
    ann.save(0, ann.handles()[:1])
    assert draft_on(Page(grid, "bob").opened) == {}
    bob.save(0, [])
    assert draft_on(Page(grid, "ann").opened)["content"]["selected"] == ann.handles()[:1]


def test_a_draft_outlives_a_new_key_of_the_site(page, settings):
    old_key, old_handles = settings.SECRET_KEY, page.handles()
    page.save(0, old_handles[:2], marks=[[5, old_handles[0], 1]])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key of the site " * 3, [old_key]
    content = draft_on(Page(page.grid).opened)["content"]
    assert page.handles() != old_handles
    assert content == {"selected": page.handles()[:2], "marks": [[5, page.handles()[0], 1]]}
    # The page from before still saves, and is asked about its own handles.
    assert page.save(0, []).json()["draft"]["content"]["selected"] == old_handles[:2]
    assert page.save(1, old_handles[:1]).json() == {"version": 2}


# One answer for a lease, from whatever page


def test_all_pages_of_a_lease_have_one_key(page):
    assert Page(page.grid).fields["key"] == page.fields["key"]


def test_the_same_answer_again_is_the_stored_one(page):
    other = Page(page.grid)
    first = page.submit(page.handles()[:2])
    again = other.submit(page.handles()[1::-1], photographs={handle: [1, 5000] for handle in page.handles()})
    assert first.status_code == again.status_code == 200
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_a_different_answer_is_refused_and_says_which_one_is_saved(page, as_json):
    other = Page(page.grid)
    page.submit(page.handles()[:2])
    if as_json:
        refusal = other.submit(page.handles()[2:])
        assert sorted(refusal.json()["saved"]["selected"]) == sorted(page.handles()[:2])
    else:
        fields = other.fields | {"selected": page.handles()[2:]}
        refusal = other.client.post(other.address, fields, headers=SAME_ORIGIN)
    assert refusal.status_code == 409
    assert "already saved, with 2 selected" in refusal.content.decode()
    assert len(Submission.objects.get().answer["selected"]) == 2


# In a marketplace's frame, where anybody can open a page in a worker's name


@pytest.fixture
def frame() -> Frame:
    grid, external_hit_id = make_offered_grid(n_images=3, n_slots=2)
    return Frame(grid.hit, external_hit_id)


def save_in(frame: Frame, page, base: int, selected: list[str]):
    return frame.send(page, draft=base, selected=selected)


def test_in_a_frame_a_draft_belongs_to_its_assignment(frame):
    opened = frame.open()
    assert save_in(frame, opened, 0, frame.handles()[:1]).json() == {"version": 1}
    assert draft_on(frame.open())["version"] == 1
    forged = Frame(frame.hit, frame.ids["hitId"], **frame.ids | {"assignmentId": external("3ASG")})
    page = forged.open()
    assert draft_on(page) == {}
    assert save_in(forged, page, 0, frame.handles()[1:]).json() == {"version": 1}
    assert draft_on(frame.open())["content"]["selected"] == frame.handles()[:1]
    assert Draft.objects.count() == 2


def test_in_a_frame_an_answer_in_the_same_name_ends_no_other_draft(frame):
    opened = frame.open()
    save_in(frame, opened, 0, frame.handles()[:1])
    forged = Frame(frame.hit, frame.ids["hitId"], **frame.ids | {"assignmentId": external("3ASG")})
    forged.send(forged.open())
    assert save_in(frame, opened, 1, frame.handles()[:2]).json() == {"version": 2}
    frame.send(opened, selected=frame.handles()[:2], version=2)
    assert not Draft.objects.filter(assignment__external_id=frame.ids["assignmentId"]).exists()


def test_in_a_frame_all_pages_of_an_assignment_have_one_key_and_each_different_answer_is_kept(frame):
    first, second = frame.open(), frame.open()
    assert hidden(first)["key"] == hidden(second)["key"]
    sent = [frame.send(first), frame.send(second), frame.send(second, selected=frame.handles()[1:])]
    sent.append(frame.send(first, selected=frame.handles()[1:]))
    assert [reply.status_code for reply in sent] == [200] * 4
    assert Submission.objects.count() == 2
    receipts = {reply.json()["hand_over"]["fields"]["receipt"] for reply in sent}
    assert len(receipts) == 2
    forged = Frame(frame.hit, frame.ids["hitId"], **frame.ids | {"assignmentId": external("3ASG")})
    assert hidden(forged.open())["key"] != hidden(first)["key"]


def test_in_a_frame_no_draft_is_stored_after_the_marketplace_listed_the_assignment(frame):
    opened = frame.open()
    fields = frame.send(opened).json()["hand_over"]["fields"]
    assert listed(frame, fields)[0] == "confirmed"
    late = save_in(frame, opened, 0, [])
    assert late.status_code == 409 and "draft" not in late.json()
    assert not Draft.objects.exists()
    assert Assignment.objects.get().outcome == "confirmed"
