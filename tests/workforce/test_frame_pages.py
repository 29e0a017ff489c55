"""Grids and forms in a marketplace's frame: preview, accept, hand in, hand over; and what a forger gets there."""

import os
import re
import time
from collections import Counter
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from catalog import reads as catalog_reads
from catalog.reads import now
from contains_task.models import ContainsVote
from mturk.models import MarketplaceHIT
from tests.factories import make_batch, make_dataset, make_form, make_images, worker_client
from tests.required import require
from tests.workforce.assignments_by_hand import external, fields_of_the_last, make_offered_grid, offer
from tests.workforce.starting import is_asked, opened, press_start
from workforce.actions import close_batch
from workforce.frame.actions import confirm
from workforce.models import Assignment, Batch, Lease, Submission, Worker
from workforce.reads import image_handle
from workforce.unverified.actions import MOST_UNVERIFIED
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
SITE = "http://127.0.0.1:8100"
# Each posts in six ways.
N_FORGERS = 1_000 if os.environ.get("SOAK") else 8
# Seconds; a merge does not turn on how slow the machine is.
LONGEST_WAIT = 2 if os.environ.get("SOAK") else 30


class Frame:
    """A browser that opens a HIT's page as the marketplace does."""

    def __init__(self, hit, external_hit_id: str, kind: str = "contains", **ids: str) -> None:
        self.client = worker_client()
        self.hit = hit
        self.ids = {
            "assignmentId": external("3ASG"),
            "hitId": external_hit_id,
            "workerId": external("AWORKER"),
            "turkSubmitTo": SITE,
        } | ids
        self.address = f"/{kind}/{hit.public_id}/?" + urlencode(self.ids)

    def look(self):
        """Open the page as the marketplace does, and press nothing."""
        return self.client.get(self.address)

    def open(self):
        """Open the page, and press Start if it is asked for: from now on the address is the one it leads to."""
        self.address, page = opened(self.client, self.address)
        return page

    def open_anyway(self):
        reply = self.again()
        if not is_asked(reply):
            return reply
        self.address = press_start(self.client, self.address, reply).url
        return self.again()

    def again(self):
        return self.press(again="1")

    def press(self, **fields: str):
        return self.client.post(self.address, fields, headers={"sec-fetch-site": "same-origin"})

    @property
    def lease(self) -> Lease:
        return Lease.objects.get(hit=self.hit, worker__identity__external_id=self.ids["workerId"])

    def handles(self) -> list[str]:
        cells = self.lease.hit.grid.cells.select_related("image")
        return [image_handle(self.lease, cell.image.public_id) for cell in cells]

    def send(self, page, as_json: bool = True, **changed: object):
        if "selected" not in changed:
            changed["selected"] = self.handles()[:1]
        sent = hidden(page) | changed
        content: dict[str, Any] = {"content_type": "application/json"} if as_json else {}
        return self.client.post(self.address, sent, headers={"sec-fetch-site": "same-origin"}, **content)


def hidden(page) -> dict[str, str]:
    text = page.content.decode()
    values = {name: require(re.search(rf'name="{name}" value="([^"]+)"', text))[1] for name in ("token", "key")}
    return values | {"none": "yes"}


def handed_over(page) -> tuple[str, dict[str, str]]:
    """Action and fields of the page's form to the marketplace."""
    text = page.content.decode()
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    return require(re.search(r'<form method="post" action="([^"]+)"', text))[1], {n: unescape(v) for n, v in fields}


def listed(frame: Frame, fields: dict[str, str]):
    """Return the outcome of the fields once the marketplace lists the assignment."""
    return confirm(
        hit=frame.hit,
        external_hit_id=frame.ids["hitId"],
        assignment_id=frame.ids["assignmentId"],
        worker_id=frame.ids["workerId"],
        fields=fields,
    )


@pytest.fixture
def grid_and_id():
    return make_offered_grid()


@pytest.fixture
def frame(grid_and_id) -> Frame:
    return Frame(grid_and_id[0].hit, grid_and_id[1])


@pytest.mark.parametrize("worker", ["", "AWORKER1"])
@pytest.mark.parametrize("assignment", [PREVIEW, ""])
def test_a_preview_shows_the_work_and_can_not_be_handed_in(grid_and_id, worker, assignment):
    grid, external_hit_id = grid_and_id
    frame = Frame(grid.hit, external_hit_id, assignmentId=assignment, workerId=worker)
    page = frame.open()
    text = page.content.decode()
    assert page.status_code == 200
    assert text.count('name="selected"') == 3
    for shown in ("thing 0", "Preview", "Accept this task", "$0.20", '<fieldset class="preview" disabled>'):
        assert shown in text
    for absent in ('name="token"', 'method="post"', '<button type="submit"', "<script"):
        assert absent not in text
    assert not Lease.objects.exists()
    assert not Worker.objects.exists()


def test_the_pictures_of_a_preview_can_be_seen_while_the_hit_is_open(grid_and_id):
    grid, external_hit_id = grid_and_id
    frame = Frame(grid.hit, external_hit_id, assignmentId=PREVIEW)
    addresses = re.findall(r'src="(/i/[^"]*)"', frame.open().content.decode())
    assert len(addresses) == 3
    for address in addresses:
        picture = frame.client.get(address)
        assert (picture.status_code, b"".join(picture)[:2]) == (200, b"\xff\xd8")
    close_batch(batch=grid.hit.batch)
    assert {frame.client.get(address).status_code for address in addresses} == {404}
    assert frame.open().status_code == 410


def test_a_hit_that_is_not_on_the_marketplace_has_no_preview_of_its_pictures(grid_and_id):
    grid, external_hit_id = grid_and_id
    text = Frame(grid.hit, external_hit_id, assignmentId=PREVIEW).open().content.decode()
    address = require(re.search(r'src="(/i/[^"]*)"', text))[1]
    Batch.objects.update(marketplace="link")
    assert worker_client().get(address).status_code == 404


def test_work_is_handed_in_here_and_then_to_the_marketplace_by_script(frame):
    reply = frame.send(frame.open())
    assert reply.status_code == 200
    handed = reply.json()["hand_over"]
    assert handed["action"] == f"{SITE}/mturk/externalSubmit"
    assert handed["fields"].keys() == {"assignmentId", "receipt", "lease", "selected"}
    assert handed["fields"]["assignmentId"] == frame.ids["assignmentId"]
    assert handed["fields"]["selected"] == frame.handles()[0]
    assert Submission.objects.get().state == "provisional"
    assert listed(frame, handed["fields"])[0] == "confirmed"


def test_work_is_handed_in_here_and_then_to_the_marketplace_without_a_script(frame):
    reply = frame.send(frame.open(), as_json=False)
    assert reply.status_code == 200
    action, fields = handed_over(reply)
    assert action == f"{SITE}/mturk/externalSubmit"
    assert handed_over(frame.open()) == (action, fields)
    assert listed(frame, fields)[0] == "confirmed"


def test_a_reload_after_handing_in_offers_to_hand_over_again_until_it_is_listed(frame):
    fields = frame.send(frame.open()).json()["hand_over"]["fields"]
    assert handed_over(frame.open())[1] == fields
    listed(frame, fields)
    assert "You do not need to do anything else" in frame.open().content.decode()


def test_a_reload_shows_the_same_page_of_work(frame):
    first, again = frame.open(), frame.open()
    assert hidden(first)["token"] == hidden(again)["token"]
    assert re.findall('value="([^"]{24})"', first.content.decode()) == re.findall(
        'value="([^"]{24})"', again.content.decode()
    )
    assert Lease.objects.count() == 1


def test_an_answer_that_is_sent_again_changes_nothing_and_leads_on(frame):
    page = frame.open()
    first = frame.send(page).json()
    assert frame.send(page).json() == first
    assert Submission.objects.count() == 1


def test_a_different_answer_is_never_taken_for_the_stored_one(frame):
    page = frame.open()
    first = frame.send(page).json()["hand_over"]["fields"]
    other = frame.send(page, selected=[]).json()["hand_over"]["fields"]
    assert (first["selected"] != "none", other["selected"]) == (True, "none")
    assert first["receipt"] != other["receipt"]
    assert Submission.objects.count() == 2


def test_of_two_tabs_the_one_that_the_marketplace_has_counts(frame):
    first, second = frame.open(), frame.open()
    fields = frame.send(first).json()["hand_over"]["fields"]
    other = frame.send(second, selected=[]).json()["hand_over"]["fields"]
    assert fields["receipt"] != other["receipt"]
    both = frame.open().content.decode()
    assert fields["receipt"] in both and other["receipt"] in both
    assert listed(frame, other)[0] == "confirmed"
    assert dict(Submission.objects.values_list("answer__selected__0", "state")) == {
        None: "confirmed",
        Submission.objects.earliest("id").answer["selected"][0]: "orphaned",
    }


def test_a_form_goes_the_same_way():
    dataset = make_dataset(classify_answers=1)
    batch = make_batch(dataset, kind="classify", marketplace="mturk")
    form = make_form(labels=(0, 1), image=make_images(dataset, 1)[0])
    type(form.hit).objects.filter(pk=form.hit_id).update(batch=batch)
    form.hit.refresh_from_db()
    frame = Frame(form.hit, offer(form.hit), kind="classify")
    assert "disabled" in Frame(form.hit, "3HIT", kind="classify", assignmentId=PREVIEW).open().content.decode()
    page = frame.open()
    incomplete = frame.send(page, selected=["0", "1"])
    assert incomplete.status_code == 422
    by_form = frame.send(page, as_json=False, selected=["0", "1"])
    assert by_form.status_code == 422
    assert 'name="token"' in by_form.content.decode()
    fields = frame.send(page, selected=["0", "1"], main="1").json()["hand_over"]["fields"]
    assert (fields["selected"], fields["main"]) == ("0 1", "1")
    assert listed(frame, fields)[0] == "confirmed"


@pytest.mark.parametrize(
    ("claimed", "meant"),
    [
        ("http://127.0.0.1:8100/", SITE),
        ("", SITE),
        ("https://elsewhere.example", SITE),
        ("javascript:alert(1)", SITE),
        ("https://workersandbox.mturk.com", "https://workersandbox.mturk.com"),
    ],
)
def test_work_is_handed_over_to_an_allowed_place_only(grid_and_id, settings, claimed, meant):
    settings.MARKETPLACE_SITES = [SITE, "https://workersandbox.mturk.com"]
    grid, external_hit_id = grid_and_id
    frame = Frame(grid.hit, external_hit_id, turkSubmitTo=claimed)
    assert f'data-hand-over="{meant}/mturk/externalSubmit"' in frame.open().content.decode()


def test_an_address_without_where_to_hand_over_means_our_marketplace(frame):
    frame.address = frame.address.partition("&turkSubmitTo")[0]
    assert f'data-hand-over="{SITE}/mturk/externalSubmit"' in frame.open().content.decode()


@pytest.mark.parametrize(
    "ids",
    [
        {"assignmentId": "lower case"},
        {"assignmentId": "3" * 65},
        {"workerId": ""},
        {"workerId": "BOB"},
        {"workerId": "A1'--"},
        {"hitId": ""},
    ],
)
def test_ids_that_no_marketplace_makes_are_refused(grid_and_id, ids):
    grid, external_hit_id = grid_and_id
    page = Frame(grid.hit, external_hit_id, **ids).open()
    assert page.status_code == 400
    assert "Nothing was saved" in page.content.decode()
    assert not Worker.objects.exists()


def test_a_stolen_or_invented_hit_is_refused(grid_and_id):
    grid, _ = grid_and_id
    _, stolen = make_offered_grid()
    for external_hit_id in (stolen, external("3INVENTED")):
        assert Frame(grid.hit, external_hit_id).open().status_code == 403
    assert Frame(type(grid.hit)(public_id="x" * 22), stolen).open().status_code == 404


def test_a_hit_whose_id_is_not_known_yet_reloads_by_itself(grid_and_id):
    grid, external_hit_id = grid_and_id
    MarketplaceHIT.objects.update(external_id=None)
    page = Frame(grid.hit, external_hit_id).open()
    assert page.status_code == 503
    assert '<meta http-equiv="refresh"' in page.content.decode()


def test_who_answered_before_is_told_to_return_the_hit(frame):
    listed(frame, frame.send(frame.open()).json()["hand_over"]["fields"])
    again = Frame(frame.hit, offer(frame.hit), workerId=frame.ids["workerId"])
    page = again.open()
    assert page.status_code == 409
    assert "Please return" in page.content.decode()


def test_what_another_site_sends_or_without_a_token_is_refused(frame):
    page = frame.open()
    sent: dict[str, Any] = {**hidden(page), "selected": []}
    foreign = frame.client.post(frame.address, sent, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert frame.client.post(frame.address, sent | {"token": ""}).status_code == 403
    assert frame.client.post(frame.address, sent | {"token": "forged:x"}).status_code == 403
    assert not Submission.objects.exists()


def test_a_token_is_good_for_its_own_assignment_lease_and_time_only(frame, grid_and_id):
    page = frame.open()
    other_grid, other_id = make_offered_grid()
    elsewhere = Frame(other_grid.hit, other_id)
    elsewhere.open()
    assert elsewhere.send(page).status_code == 403
    Lease.objects.update(expires_at="2020-01-01T00:00Z")
    assert frame.send(page).status_code == 403
    assert not Submission.objects.exists()


def test_images_of_another_lease_are_refused(frame, grid_and_id):
    other = Frame(*[grid_and_id[0].hit, grid_and_id[1]])
    other.open()
    page = frame.open()
    assert frame.send(page, selected=other.handles()).status_code == 422
    assert not Submission.objects.exists()


def forge(grid, external_hit_id: str, stolen: str, victim: str, victim_page) -> Counter:
    """Send a forged post of each kind, and list its fields. Returns the posts by kind."""
    forger = Frame(grid.hit, external_hit_id)
    page = forger.open()
    first = forger.send(page)
    assert first.status_code == 200, "invented ids are believed until nobody lists them"
    replayed = forger.send(page)
    assert (replayed.status_code, replayed.json()) == (200, first.json()), "a replayed token changed something"
    assert forger.send(victim_page, selected=forger.handles()).status_code == 422, "images of another lease were taken"
    thief = Frame(grid.hit, stolen)
    assert thief.open().status_code == 403
    invented = {"token": hidden(page)["token"] + "x", "key": "k" * 22, "selected": []}
    assert thief.client.post(thief.address, invented).status_code == 403
    preview = Frame(grid.hit, external_hit_id, assignmentId=PREVIEW)
    assert preview.client.post(preview.address, {"selected": forger.handles()}).status_code == 403
    assert listed(forger, {"receipt": "0" * 64})[0] == "unreadable"
    frame_of_victim = Frame(grid.hit, external_hit_id, workerId=victim)
    reply = frame_of_victim.send(frame_of_victim.open(), selected=[])
    assert reply.status_code == 200, "a known worker's id is accepted like any other"
    return Counter(
        ["invented ids", "a replayed token", "another lease's images", "a stolen hitId", "a preview's id", "a known id"]
    )


def seconds_to_work(frame: Frame) -> float:
    began = time.monotonic()
    page = frame.open()
    assert (page.status_code, "token" in hidden(page)) == (200, True)
    return time.monotonic() - began


def test_a_forger_confirms_nothing_and_keeps_nobody_from_work(grid_and_id, capsys):
    """T11 of the security scenarios; SOAK=1 for 5,000 posts to one HIT."""
    grid, external_hit_id = grid_and_id
    honest = Frame(grid.hit, external_hit_id)
    victim_page = honest.open()
    posts: Counter[Any] = Counter()
    waits: list[Any] = []
    _, stolen = make_offered_grid()
    for number in range(N_FORGERS):
        posts += forge(grid, external_hit_id, stolen, honest.ids["workerId"], victim_page)
        if number % 4 == 0:
            waits.append(seconds_to_work(Frame(grid.hit, external_hit_id)))
    assert set(posts.values()) == {N_FORGERS} and posts.total() == 6 * N_FORGERS
    assert Submission.objects.count() == N_FORGERS + MOST_UNVERIFIED
    assert not Submission.objects.filter(state="confirmed").exists()
    assert not ContainsVote.objects.filter(counted=True).exists()
    newcomer = Frame(grid.hit, external_hit_id)
    for worker in (honest, newcomer):
        waits.append(seconds_to_work(worker))
        fields = worker.send(worker.open()).json()["hand_over"]["fields"]
        # There was no room left here for the known worker's own answer, and it came through the marketplace.
        assert listed(worker, fields)[0] == ("recovered" if worker is honest else "confirmed")
    take_in_recovered()
    assert Submission.objects.filter(state="confirmed").count() == 2
    assert Submission.objects.get(worker=honest.lease.worker, state="confirmed").answer["selected"]
    assert max(waits) < LONGEST_WAIT
    with capsys.disabled():
        print(f"\n{posts.total():,} forged posts; an honest worker waited {max(waits) * 1000:.0f} ms at most")


def test_pages_in_a_frame_set_no_cookie_and_carry_the_exact_headers(frame, settings):
    settings.MARKETPLACE_SITES = settings.WORKER_FRAME_ANCESTORS = [SITE, "https://worker.mturk.com"]
    sites = " ".join(settings.MARKETPLACE_SITES)
    page = frame.open()
    pages = [page, frame.send(page), frame.open(), Frame(frame.hit, "3BAD").open()]
    for page in pages:
        assert not page.cookies
        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
            f"base-uri 'none'; form-action 'self' {sites}; frame-ancestors {sites}"
        )
        assert page.headers["Referrer-Policy"] == "strict-origin"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Frame-Options" not in page.headers
        assert "no-store" in page.headers["Cache-Control"]


def test_the_receipt_of_one_is_worthless_to_another(frame, grid_and_id):
    frame.send(frame.open())
    other = Frame(grid_and_id[0].hit, grid_and_id[1])
    other.send(other.open())
    fields = fields_of_the_last(Assignment.objects.get(external_id=frame.ids["assignmentId"]))
    assert listed(other, {"receipt": fields["receipt"]})[0] == "unreadable"


def test_who_was_never_listed_is_told_what_to_do(frame):
    frame.send(frame.open())
    Assignment.objects.update(outcome="orphaned")
    page = frame.open().content.decode()
    assert "contact the requester" in page
    assert 'name="receipt"' in page


# The time of the present turn


def test_the_page_says_when_this_turn_was_opened_not_an_earlier_one(frame, monkeypatch):
    frame.open()
    begin = now()
    for hours, words in (
        (0.5, "Opened 30 minutes ago."),
        (0.9, "Opened 54 minutes ago."),
        (1.5, ""),
        (1.75, "Opened 15"),
    ):
        monkeypatch.setattr(catalog_reads, "fixed_now", begin + timedelta(hours=hours))
        page = frame.open().content.decode()
        assert (words or "The marketplace shows the time left.") in page
        assert ("Opened" in page) == bool(words), hours


def test_opening_the_page_again_takes_no_time_from_an_answer_that_is_stored(frame, monkeypatch):
    page = frame.open()
    begin = now()
    monkeypatch.setattr(catalog_reads, "fixed_now", begin + timedelta(minutes=20))
    frame.send(page)
    opened_at = Assignment.objects.get().opened_at
    monkeypatch.setattr(catalog_reads, "fixed_now", begin + timedelta(hours=1.5))
    frame.open_anyway()
    assert Assignment.objects.get().opened_at == opened_at


def test_a_second_assignment_of_the_same_hit_has_a_time_of_its_own(frame, monkeypatch):
    frame.open()
    monkeypatch.setattr(catalog_reads, "fixed_now", now() + timedelta(minutes=40))
    again = Frame(frame.hit, frame.ids["hitId"], workerId=frame.ids["workerId"])
    assert "Opened" not in again.open().content.decode()
    opened = dict(Assignment.objects.values_list("external_id", "opened_at"))
    assert opened[again.ids["assignmentId"]] - opened[frame.ids["assignmentId"]] >= timedelta(minutes=39)
    assert again.lease.opened_at == opened[again.ids["assignmentId"]]
