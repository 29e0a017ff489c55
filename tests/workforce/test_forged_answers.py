"""Forgers who know a worker's id, and write in that worker's name before, between and after the worker's own steps.

Of all of them the worker knows nothing: every page and every answer is as if nobody else were there, and what the
marketplace lists in the end counts.
"""

from datetime import timedelta

import pytest

from aggregation.actions import aggregate
from catalog.reads import now
from contains_task.models import ContainsVote
from mturk.models import MarketplaceHIT, Terms
from mturk.publishing.reads import to_poll
from tests.factories import make_batch, make_dataset, make_form, make_images
from tests.workforce.assignments_by_hand import make_offered_grid, offer
from tests.workforce.test_frame_pages import Frame, handed_over, hidden, listed
from workforce.frame.actions import GRACE
from workforce.models import HIT, Assignment, Batch, Lease, Submission
from workforce.reads import image_handle
from workforce.unverified.actions import MOST_UNVERIFIED
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db
NOTHING_TICKED: list[str] = []


@pytest.fixture
def grid_and_id():
    return make_offered_grid()


@pytest.fixture
def victim(grid_and_id) -> Frame:
    return Frame(grid_and_id[0].hit, grid_and_id[1])


def forger_of(victim: Frame, *, knows_assignment: bool = False, **ids: str) -> Frame:
    """A browser that writes in the victim's name: under an invented assignment, or under the victim's own."""
    stolen_ids = {"assignmentId": victim.ids["assignmentId"]} if knows_assignment else {}
    return Frame(victim.hit, victim.ids["hitId"], workerId=victim.ids["workerId"], **stolen_ids, **ids)


def forge(victim: Frame, *, knows_assignment: bool = False) -> dict[str, str]:
    forger = forger_of(victim, knows_assignment=knows_assignment)
    reply = forger.send(forger.open_anyway(), selected=NOTHING_TICKED)
    assert reply.status_code == 200
    return reply.json()["hand_over"]["fields"]


def assert_counts(victim: Frame, fields: dict[str, str]) -> None:
    """Once the marketplace lists it with these fields, the victim's answer counts, and nobody else's."""
    (image,) = [
        cell.image
        for cell in victim.hit.grid.cells.select_related("image")
        if image_handle(victim.lease, cell.image.public_id) == fields["selected"]
    ]
    assert not ContainsVote.objects.filter(counted=True).exists()
    outcome, answer = listed(victim, fields)
    assert outcome in ("confirmed", "recovered")
    assert listed(victim, fields) == (outcome, answer)
    take_in_recovered()
    aggregate()
    counted = ContainsVote.objects.filter(counted=True)
    ticked = set(counted.filter(selected=True).values_list("image", flat=True))
    assert (counted.count(), ticked) == (3, {image.pk})
    of_hit = Submission.objects.filter(hit=victim.hit)
    assert of_hit.filter(state="confirmed").count() == 1
    assert not of_hit.filter(state="provisional").exists()


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("knows_assignment", [False, True])
@pytest.mark.parametrize("moment", ["before", "between", "after", "always"])
def test_a_forged_answer_takes_nothing_from_the_worker(victim, moment, knows_assignment, as_json):
    if moment in ("before", "always"):
        forge(victim, knows_assignment=knows_assignment)
    page = victim.open()
    if moment in ("before", "always") and knows_assignment:
        # Nobody can tell whose that is but the worker: one button further is the page.
        assert 'name="again"' in page.content.decode()
        page = victim.open_anyway()
    assert (page.status_code, "token" in hidden(page)) == (200, True)
    if moment in ("between", "always"):
        forge(victim, knows_assignment=knows_assignment)
    reply = victim.send(page, as_json=as_json)
    assert reply.status_code == 200
    fields = reply.json()["hand_over"]["fields"] if as_json else handed_over(reply)[1]
    assert fields["assignmentId"] == victim.ids["assignmentId"]
    if moment in ("after", "always"):
        forge(victim, knows_assignment=knows_assignment)
    assert_counts(victim, fields)


@pytest.mark.parametrize("knows_assignment", [False, True])
def test_a_reload_after_handing_in_still_offers_the_workers_own_answer(victim, knows_assignment):
    fields = victim.send(victim.open()).json()["hand_over"]["fields"]
    forged = forge(victim, knows_assignment=knows_assignment)
    page = victim.open().content.decode()
    assert fields["receipt"] in page
    assert (forged["receipt"] in page) == knows_assignment
    assert_counts(victim, fields)


@pytest.mark.parametrize("knows_assignment", [False, True])
def test_the_receipt_of_a_forged_answer_confirms_nothing(victim, knows_assignment):
    """Under another assignment than its own; and under its own the forger would need the worker's password there."""
    forged = forge(victim, knows_assignment=knows_assignment)
    fields = victim.send(victim.open_anyway()).json()["hand_over"]["fields"]
    assert forged["receipt"] != fields["receipt"]
    if knows_assignment:
        assert_counts(victim, fields)
    else:
        assert listed(victim, {"receipt": forged["receipt"]})[0] == "unreadable"
        assert not Submission.objects.filter(state="confirmed").exists()


def test_many_forged_answers_leave_no_room_here_and_the_workers_own_is_taken_from_the_marketplace(victim):
    page = victim.open()
    for _ in range(MOST_UNVERIFIED + 2):
        forge(victim)
    assert Submission.objects.count() == MOST_UNVERIFIED
    for as_json in (True, False):
        reply = victim.send(page, as_json=as_json)
        assert reply.status_code == 200
        fields = reply.json()["hand_over"]["fields"] if as_json else handed_over(reply)[1]
        assert fields["assignmentId"] == victim.ids["assignmentId"]
    assert Submission.objects.count() == MOST_UNVERIFIED
    assert_counts(victim, fields)


def test_a_forged_answer_to_a_form_takes_nothing_from_the_worker_even_when_there_are_many():
    victim = frame_of_form()
    page = victim.open()
    for _ in range(MOST_UNVERIFIED + 1):
        forger = forger_of(victim)
        forger.address = forger.address.replace("/contains/", "/classify/")
        assert forger.send(forger.open(), selected=["0"], main="0").status_code == 200
    fields = victim.send(page, selected=["0", "1"], main="1").json()["hand_over"]["fields"]
    assert listed(victim, fields)[0] == "recovered"


def frame_of_form() -> Frame:
    dataset = make_dataset(classify_answers=1)
    batch = make_batch(dataset, kind="classify", marketplace="mturk")
    form = make_form(labels=(0, 1), image=make_images(dataset, 1)[0])
    HIT.objects.filter(pk=form.hit_id).update(batch=batch)
    form.hit.refresh_from_db()
    return Frame(form.hit, offer(form.hit), kind="classify")


def test_a_key_that_is_replayed_under_another_assignment_takes_nothing(victim):
    page = victim.open()
    forger = forger_of(victim)
    replayed = hidden(page)["key"]
    assert forger.send(forger.open(), key=replayed, selected=NOTHING_TICKED).status_code == 200
    fields = victim.send(page).json()["hand_over"]["fields"]
    assert_counts(victim, fields)


def test_a_different_answer_under_the_same_assignment_changes_nothing_of_the_first(victim):
    page = victim.open()
    fields = victim.send(page).json()["hand_over"]["fields"]
    assert victim.send(page, selected=NOTHING_TICKED).json()["hand_over"]["fields"]["receipt"] != fields["receipt"]
    assert victim.send(page).json()["hand_over"]["fields"] == fields
    assert_counts(victim, fields)


def test_a_forged_answer_does_not_use_up_the_share_of_a_worker(victim):
    Batch.objects.update(hits_per_worker=1)
    forge(victim)
    other = make_offered_grid()[0].hit
    HIT.objects.filter(pk=other.pk).update(batch=victim.hit.batch)
    forge(Frame(other, offer(other), workerId=victim.ids["workerId"]))
    assert_counts(victim, victim.send(victim.open()).json()["hand_over"]["fields"])


def test_a_forged_page_of_what_is_asked_again_keeps_nobody_from_it(victim):
    former, former_id = make_offered_grid()
    forge(Frame(former.hit, former_id, workerId=victim.ids["workerId"]))
    victim.hit.asked_before.add(former.hit)
    assert victim.open().status_code == 200
    earlier = Frame(former.hit, former_id, workerId=victim.ids["workerId"])
    listed(earlier, earlier.send(earlier.open()).json()["hand_over"]["fields"])
    assert Frame(victim.hit, victim.ids["hitId"], workerId=victim.ids["workerId"]).open().status_code == 409


def test_a_forger_who_tells_the_assignment_with_another_hit_is_in_nobodys_way(victim):
    other, other_id = make_offered_grid()
    ids = {"workerId": victim.ids["workerId"], "assignmentId": victim.ids["assignmentId"]}
    for hit, hit_id in ((other.hit, other_id), (victim.hit, offer(victim.hit))):
        forger = Frame(hit, hit_id, **ids)
        assert forger.send(forger.open(), selected=NOTHING_TICKED).status_code == 200
    fields = victim.send(victim.open()).json()["hand_over"]["fields"]
    outcome, answer = listed(victim, fields)
    assert (outcome, answer.assignment.external_hit_id) == ("confirmed", victim.ids["hitId"])


def test_who_gets_an_assignment_that_somebody_returned_is_not_shown_the_others_answer(grid_and_id):
    grid, external_hit_id = grid_and_id
    first = Frame(grid.hit, external_hit_id)
    first.send(first.open(), selected=NOTHING_TICKED)
    second = Frame(grid.hit, external_hit_id, assignmentId=first.ids["assignmentId"])
    assert_counts(second, second.send(second.open()).json()["hand_over"]["fields"])
    assert Submission.objects.get(worker__identity__external_id=first.ids["workerId"]).state == "orphaned"


def test_a_worker_who_comes_back_under_another_assignment_gets_the_same_pictures_and_answers_anew(victim):
    page = victim.open()
    victim.send(page, selected=NOTHING_TICKED)
    back = forger_of(victim)
    page = back.open()
    assert all(f'value="{handle}"' in page.content.decode() for handle in victim.handles())
    assert_counts(back, back.send(page).json()["hand_over"]["fields"])


def test_an_answer_that_was_recovered_stands_whatever_is_sent_later(victim):
    page = victim.open()
    copy = {"lease": victim.lease.public_id, "selected": victim.handles()[0]}
    assert listed(victim, copy)[0] == "recovered"
    for as_json, status in ((True, 409), (False, 200)):
        reply = victim.send(page, as_json=as_json, selected=NOTHING_TICKED)
        assert (reply.status_code, "We have received your answer" in reply.content.decode()) == (status, True)
    assert "We have received your answer" in victim.open().content.decode()
    assert forger_of(victim).open().status_code == 409
    take_in_recovered()
    assert Submission.objects.get().state == "confirmed"


def test_a_forged_answer_beside_a_recovered_one_that_nobody_can_read_is_still_no_answer(victim):
    forge(victim)
    victim.open()
    outcome, recovered = listed(victim, {"lease": victim.lease.public_id, "selected": "nonsense"})
    assert outcome == "recovered"
    take_in_recovered()
    recovered.refresh_from_db()
    assert recovered.state == "orphaned"
    # Later they are listed with another HIT that asks the same (the first one's list must not stop there).
    other = Frame(victim.hit, offer(victim.hit), workerId=victim.ids["workerId"])
    assert listed(other, {"lease": victim.lease.public_id, "selected": "nonsense"})[0] == "recovered"
    take_in_recovered()
    frame = Frame(victim.hit, offer(victim.hit), workerId=victim.ids["workerId"])
    fields = frame.send(frame.open()).json()["hand_over"]["fields"]
    assert listed(frame, fields)[0] == "confirmed"
    assert list(Submission.objects.order_by("id").values_list("state", flat=True)) == ["orphaned"] * 3 + ["confirmed"]


def test_an_assignment_that_comes_back_to_the_same_person_has_its_time_and_pictures_again(victim):
    page = victim.open()
    Lease.objects.update(expires_at="2020-01-01T00:00Z", state="expired")
    assert victim.send(page).status_code == 403
    page = victim.open()
    lease = victim.lease
    assert lease.state == "active"
    assert (lease.expires_at - Assignment.objects.get().created_at).total_seconds() > 3600
    address = page.content.decode().partition('src="/i/')[2].partition('"')[0]
    picture = victim.client.get(f"/i/{address}")
    assert (picture.status_code, b"".join(picture)[:2]) == (200, b"\xff\xd8")
    assert_counts(victim, victim.send(page).json()["hand_over"]["fields"])


def test_a_reload_soon_after_renews_nothing(victim):
    victim.open()
    before = victim.lease.expires_at
    victim.open()
    assert victim.lease.expires_at == before


def test_who_accepts_a_short_hit_again_has_its_time_again(victim):
    """The hour in which a late answer may arrive is not the time that somebody has."""
    victim.open()
    terms = Terms.objects.get()
    Terms.objects.update(assignment_seconds=120)
    for since, is_renewed in ((100, False), (130, True)):
        before = now() + timedelta(seconds=120 - since) + GRACE
        Lease.objects.update(expires_at=before)
        victim.open()
        renewed = victim.lease.expires_at
        assert (renewed > before) == is_renewed, since
    assert (renewed - GRACE - now()).total_seconds() == pytest.approx(120, abs=60)
    assert terms.assignment_seconds != 120


def test_answers_that_are_never_listed_have_the_marketplace_asked_ever_more_rarely(victim):
    moment = now()
    for _ in range(6):
        forge(Frame(victim.hit, victim.ids["hitId"]))
    marketplace_hit = MarketplaceHIT.objects.get()

    def is_asked(seconds_ago: int, **changed: object) -> bool:
        """Return whether the HIT is polled at a longer age, whatever forgers send just now."""
        MarketplaceHIT.objects.update(polled_at=moment - timedelta(seconds=seconds_ago), **changed)
        forge(Frame(victim.hit, victim.ids["hitId"]))
        return to_poll(10) == [marketplace_hit]

    assert is_asked(11), "a hint that is new is followed"
    Submission.objects.update(submitted_at=moment - timedelta(hours=2))
    assert not is_asked(11)
    assert not is_asked(60)
    assert is_asked(90 + 10 * MOST_UNVERIFIED)
    assert is_asked(11, n_handed_in=1), "the marketplace itself says that there is something"
