"""Start and consent: who is asked, when again, what is recorded, and what declining does. And forged consents."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.reads import now
from tests.factories import make_batch, make_dataset, make_grid, make_worker, start, unique, worker_client
from tests.required import require
from tests.workforce.assignments_by_hand import external, make_offered_grid, offer
from tests.workforce.starting import is_asked, press_start
from tests.workforce.test_frame_pages import Frame, hidden, listed
from workforce.consents.reads import consent_of
from workforce.introductions.actions import introduce
from workforce.models import Assignment, Batch, Consent, ConsentText, Draft, Lease, Slot, Submission, Worker

pytestmark = pytest.mark.django_db
TEXT, OTHER = "I am 18 or older.", "I am 21 or older."
SAME_ORIGIN: dict[str, Any] = {"headers": {"sec-fetch-site": "same-origin"}}


def study(n_grids: int = 3, n_slots: int = 1, text: str = TEXT, **options: Any) -> Batch:
    batch = make_batch(make_dataset(contains_answers=n_slots), **options)
    for _ in range(n_grids):
        make_grid(batch=batch, n_images=2)
    if text:
        introduce(dataset=batch.dataset, fields={"consent": text})
    return batch


def look(batch: Batch, name: str = "ann"):
    return worker_client().get(f"/join/{batch.public_id}?worker={name}")


def press(batch: Batch, name: str = "ann", **fields: str):
    return start(batch, name, data=fields)


def answer(address: str):
    page = worker_client().get(address)
    sent = hidden(page) | {"none": "yes"}
    return worker_client().post(address, sent, **SAME_ORIGIN)


def text_of(page) -> str:
    return unescape(page.content.decode())


# Links


def test_who_presses_start_agrees_to_the_version_on_the_page_and_is_not_asked_again():
    batch = study()
    page = look(batch)
    assert TEXT in text_of(page) and is_asked(page)
    assert not Consent.objects.exists()
    task = press(batch, version="1")
    assert task.status_code == 303
    consent = Consent.objects.get()
    assert (consent.worker, consent.batch, require(consent.text).text) == (Worker.objects.get(), batch, TEXT)
    assert (consent.agreed, consent.trace, consent.assignment) == (True, False, None)
    second = answer(task.url)
    assert "/contains/" in second.url, "the next task follows by itself"
    answer(second.url)
    assert Consent.objects.count() == 1


@pytest.mark.parametrize("version", ["", "0", "2", "1 ", "one", "999999999999999999999"])
def test_a_start_under_another_version_stores_nothing_and_shows_the_text(version):
    batch = study()
    page = press(batch, version=version)
    assert page.status_code == 409
    assert TEXT in text_of(page) and "has changed" in text_of(page)
    assert not Worker.objects.exists() and not Lease.objects.exists() and not Consent.objects.exists()


def test_a_study_without_a_text_asks_for_start_once():
    batch = study(text="")
    assert is_asked(look(batch))
    task = press(batch)
    assert "/contains/" in answer(task.url).url
    assert Consent.objects.get().text is None


def test_a_changed_text_is_asked_before_the_next_task_and_no_answer_is_lost():
    batch = study()
    task = press(batch, version="1")
    introduce(dataset=batch.dataset, fields={"consent": OTHER})
    after = answer(task.url)
    assert after.url == f"/join/{batch.public_id}?worker=ann"
    assert Submission.objects.get().answer["facts"]["versions"]["consent"] == 1
    assert Lease.objects.count() == 1, "no further task without a new consent"
    page = look(batch)
    assert OTHER in text_of(page) and "Your task is saved." in text_of(page)
    assert press(batch, version="1").status_code == 409
    second = press(batch, version="2")
    assert second.status_code == 303
    answer(second.url)
    versions = [
        answer["facts"]["versions"]["consent"]
        for answer in Submission.objects.order_by("id").values_list("answer", flat=True)
    ]
    assert versions == [1, 2]


def test_a_changed_text_is_asked_instead_of_continue():
    batch = study()
    press(batch, version="1")
    Lease.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert ">Continue</button>" in text_of(look(batch))
    introduce(dataset=batch.dataset, fields={"consent": OTHER})
    assert is_asked(look(batch)) and press(batch).status_code == 409
    assert press(batch, version="2").status_code == 303


def test_a_text_that_is_put_back_is_the_same_version_and_any_other_the_next():
    dataset = study().dataset
    for text in (TEXT, "", TEXT, OTHER, TEXT):
        introduce(dataset=dataset, fields={"consent": text})
    assert list(ConsentText.objects.order_by("version").values_list("version", "text")) == [
        (1, TEXT),
        (2, OTHER),
        (3, TEXT),
    ]


def test_who_worked_before_there_was_a_start_is_asked_at_the_next_one_and_keeps_the_open_task():
    batch = study()
    task = press(batch, version="1")
    Consent.objects.all().delete()  # as in a database of before
    assert look(batch).url == task.url
    after = answer(task.url)
    assert after.url == f"/join/{batch.public_id}?worker=ann"
    assert Submission.objects.get().answer["facts"]["versions"]["consent"] is None
    assert is_asked(look(batch)) and press(batch, version="1").status_code == 303


def test_each_batch_of_a_study_asks_for_itself():
    batch = study()
    press(batch, version="1")
    other = make_batch(batch.dataset)
    make_grid(batch=other)
    assert is_asked(look(other))


# Declining on links


@pytest.mark.parametrize("with_code", [True, False])
def test_declining_at_once_stores_nothing_and_shows_the_code(with_code):
    codes: dict[str, Any] = {"decline_code": "N0C0NS3NT", "decline_url": "https://app.example.org/no?cc=N0&n=2"}
    options = codes if with_code else {}
    batch = study(completion_code="C0DE7", **options)
    page = press(batch, decline="yes")
    assert page.status_code == 200
    assert ("N0C0NS3NT" in text_of(page)) == with_code
    assert ('href="https://app.example.org/no?cc=N0&n=2"' in text_of(page)) == with_code
    assert "C0DE7" not in text_of(page)
    assert not Worker.objects.exists() and not Consent.objects.exists()
    assert press(batch, version="1").status_code == 303, "people may change their mind"


def test_declining_later_returns_the_place_at_once_and_is_recorded():
    batch = study(n_grids=1)
    task = press(batch, version="1")
    assert "No tasks available" in text_of(look(batch, "bob"))
    assert press(batch, decline="yes").status_code == 200
    assert Slot.objects.get().state == "free"
    assert Lease.objects.get().state == "expired"
    assert list(Consent.objects.order_by("number").values_list("number", "agreed")) == [(1, True), (2, False)]
    press(batch, decline="yes")
    assert Consent.objects.count() == 2, "twice is once"
    assert press(batch, "bob", version="1").status_code == 303, "the place is somebody else's"
    assert worker_client().get(task.url).status_code == 302


def test_who_declined_and_changes_their_mind_is_asked_again():
    batch = study()
    task = press(batch, version="1")
    press(batch, decline="yes")
    assert is_asked(look(batch))
    assert press(batch).status_code == 409
    assert press(batch, version="1").url == task.url
    assert [consent.agreed for consent in Consent.objects.order_by("number")] == [True, False, True]


def test_who_declines_after_their_share_still_gets_the_completion_code():
    batch = study(hits_per_worker=1, completion_code="C0DE7", decline_code="N0")
    answer(press(batch, version="1").url)
    page = text_of(press(batch, decline="yes"))
    assert "C0DE7" in page and "N0<" not in page


@pytest.mark.parametrize("as_json", [True, False])
def test_who_declined_submits_nothing_from_an_open_tab_until_they_start_again(as_json):
    batch = study()
    task = press(batch, version="1")
    fields = hidden(worker_client().get(task.url)) | {"none": "yes"}
    Draft.objects.create(lease=Lease.objects.get(), version=1, answer="{}", updated_at=now())
    press(batch, decline="yes")
    assert not Draft.objects.exists()
    kind: dict[str, Any] = {"content_type": "application/json"} if as_json else {}
    reply = worker_client().post(task.url, fields, **kind, **SAME_ORIGIN)
    leads_to = reply.json()["next"] if as_json else reply.headers["Location"]
    assert leads_to == f"/join/{batch.public_id}?worker=ann"
    assert not Submission.objects.exists() and Slot.objects.filter(state="free").count() == 3
    press(batch, version="1")
    worker_client().post(task.url, fields, **SAME_ORIGIN)
    assert Submission.objects.get().state == "confirmed"


@pytest.mark.parametrize("field", ["start", "decline"])
def test_another_site_can_neither_start_nor_decline(field):
    batch = study()
    press(batch, version="1")
    before = list(Consent.objects.values()), list(Lease.objects.values())
    reply = start(batch, data={field: "yes", "version": "1"}, headers={"sec-fetch-site": "cross-site"})
    assert reply.status_code == 403
    assert (list(Consent.objects.values()), list(Lease.objects.values())) == before


def test_the_id_of_a_batch_for_listed_people_alone_is_checked_before_anything():
    batch = study(admission="listed")
    for fields in ({"version": "1"}, {"decline": "yes"}):
        assert press(batch, "stranger", **fields).status_code == 403
    assert not Worker.objects.exists()


# The marketplace's frame


@pytest.fixture
def frame() -> Frame:
    grid, external_hit_id = make_offered_grid()
    introduce(dataset=grid.hit.batch.dataset, fields={"consent": TEXT, "minutes_needed": 3, "trace": True})
    return Frame(grid.hit, external_hit_id)


def another(frame: Frame, **ids: str) -> Frame:
    """The same worker in another HIT of the same batch, or wherever the ids say."""
    hit = make_grid(batch=frame.hit.batch).hit
    return Frame(hit, offer(hit), **({"workerId": frame.ids["workerId"]} | ids))


def test_after_accept_the_frame_asks_and_stores_nothing_before_start(frame):
    page = frame.look()
    assert page.status_code == 200 and is_asked(page)
    assert TEXT in text_of(page) and "$0.20" in text_of(page) and "about 3 minutes" in text_of(page)
    assert not Worker.objects.exists()
    task = frame.open()
    assert hidden(task)
    consent = Consent.objects.get()
    assert require(consent.assignment).external_id == frame.ids["assignmentId"]
    assert (consent.agreed, consent.trace, require(consent.text).version) == (True, False, 1)
    assert not is_asked(frame.look()), "a reload of the task asks nothing"


def test_the_preview_shows_the_text_and_no_start(frame):
    preview = Frame(frame.hit, frame.ids["hitId"], assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE")
    page = preview.look()
    assert TEXT in text_of(page) and not is_asked(page)
    assert preview.press(start="yes", version="1").status_code == 400
    assert preview.press(decline="yes").status_code == 400
    assert not Worker.objects.exists()


def test_the_next_assignment_asks_nothing_once_the_marketplace_has_confirmed_the_first(frame):
    fields = frame.send(frame.open()).json()["hand_over"]["fields"]
    following = another(frame)
    assert is_asked(following.look()), "so far anybody may have pressed that Start"
    listed(frame, fields)
    assert hidden(following.look())
    introduce(dataset=frame.hit.batch.dataset, fields={"consent": OTHER})
    assert is_asked(another(frame).look()), "a changed text is asked again"


def test_until_then_each_assignment_can_be_started(frame):
    frame.open()
    following = another(frame)
    assert is_asked(following.look()) and hidden(following.open())
    assert list(Consent.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_the_script_of_the_frame_notes_a_start_under_a_name_of_the_worker_and_the_text(frame):
    def key(of: Frame) -> str:
        return require(re.search(r'data-start="([0-9a-f]{24})"', text_of(of.look())))[1]

    first = key(frame)
    assert key(another(frame)) == first
    assert key(another(frame, workerId=external("AOTHER"))) != first
    introduce(dataset=frame.hit.batch.dataset, fields={"consent": OTHER})
    assert key(frame) != first


@pytest.mark.parametrize("knows_assignment", [False, True])
def test_a_forged_start_does_not_answer_for_the_worker(frame, knows_assignment):
    ids = {"assignmentId": frame.ids["assignmentId"]} if knows_assignment else {}
    forger = Frame(frame.hit, frame.ids["hitId"], workerId=frame.ids["workerId"], **ids)
    assert press_start(forger.client, forger.address, forger.look(), trace="yes").status_code == 303
    assert is_asked(frame.look())
    page = frame.open()
    assert "data-trace" not in text_of(page)
    fields = frame.send(page, trace=[[0, 1, 2, 3]]).json()["hand_over"]["fields"]
    forged = forger.press(start="yes", version="1", trace="yes")
    assert forged.status_code == 303
    listed(frame, fields)
    answer = Submission.objects.get(state="confirmed").answer
    assert (answer["facts"]["versions"]["consent"], "trace" in answer["facts"]) == (1, False)
    following = another(frame).look()
    assert hidden(following) and "data-trace" not in text_of(following)


def test_a_token_of_one_start_is_worth_nothing_elsewhere(frame):
    frame.open()
    token = frame.address.partition("&start=")[2]
    stranger = Frame(frame.hit, frame.ids["hitId"])
    second = another(frame)
    for other in (stranger, second):
        other.address += f"&start={token}"
        assert is_asked(other.look())
    frame.address = frame.address.replace(token, "1:forged")
    assert is_asked(frame.look())


def test_declining_in_the_frame_stores_nothing_and_says_how_to_return(frame):
    page = frame.press(decline="yes")
    assert page.status_code == 200
    assert "return this task on the marketplace" in text_of(page) and "does not affect your account" in text_of(page)
    assert not Worker.objects.exists()
    assert hidden(frame.open()), "people may change their mind"


def test_declining_in_the_frame_deletes_the_draft_of_who_pressed_start_there(frame):
    frame.open()
    assignment = Assignment.objects.get()
    Draft.objects.create(lease=assignment.lease, assignment=assignment, version=1, answer="{}", updated_at=now())
    ids = {"assignmentId": frame.ids["assignmentId"], "workerId": frame.ids["workerId"]}
    Frame(frame.hit, frame.ids["hitId"], **ids).press(decline="yes")
    assert Draft.objects.exists(), "anybody can send that"
    frame.press(decline="yes")
    assert not Draft.objects.exists()


def test_a_forged_decline_takes_nothing_from_the_worker(frame):
    page = frame.open()
    forger = Frame(frame.hit, frame.ids["hitId"], workerId=frame.ids["workerId"])
    forger.ids["assignmentId"] = frame.ids["assignmentId"]
    forger.address = frame.address.partition("&start=")[0]
    assert forger.press(decline="yes").status_code == 200
    assert [consent.agreed for consent in Consent.objects.all()] == [True]
    fields = frame.send(page).json()["hand_over"]["fields"]
    assert listed(frame, fields)[0] == "confirmed"


def test_an_answer_in_a_frame_from_before_the_text_changed_is_stored(frame):
    page = frame.open()
    introduce(dataset=frame.hit.batch.dataset, fields={"consent": OTHER})
    fields = frame.send(page).json()["hand_over"]["fields"]
    assert Submission.objects.get().answer["facts"]["versions"]["consent"] == 1
    assert listed(frame, fields)[0] == "confirmed"


def test_who_may_not_take_a_hit_reads_so_instead_of_the_start(frame):
    wrong = Frame(frame.hit, "3WRONG")
    assert wrong.look().status_code == 403
    type(frame.hit).objects.update(closed_at="2020-01-01T00:00:00Z")
    assert frame.look().status_code == 410
    assert not Worker.objects.exists()


# The trace


def test_a_trace_is_stored_only_if_both_agreed():
    batch = study(n_grids=6)
    task = press(batch, version="1", trace="yes")
    page = worker_client().get(task.url)
    assert "trace.js" not in text_of(page), "the study asks for none"
    assert not Consent.objects.get().trace
    introduce(dataset=batch.dataset, fields={"consent": TEXT, "trace": True})
    for name, fields, expected in (("bob", {}, None), ("eve", {"trace": "yes"}, [[0, 1, 2, 3], [1, 1, 2, 4]])):
        task = press(batch, name, version="1", **fields)
        page = worker_client().get(task.url)
        assert ("workforce/trace" in text_of(page)) == bool(expected)
        sent = hidden(page) | {
            "selected": [],
            "none": "yes",
            "trace": [[0, 1, 2, 3], [0, 5, 5, 5], [1, 1, 2, 4], ["x"]],
        }
        worker_client().post(task.url, sent, content_type="application/json", **SAME_ORIGIN)
        lease = Lease.objects.get(worker__identity__external_id=name, state="submitted")
        assert Submission.objects.get(lease=lease).answer["facts"].get("trace") == expected
        lease.hit.batch = batch
        assert consent_of(lease).trace == bool(expected)
    introduce(dataset=batch.dataset, fields={"trace": False})
    assert not consent_of(lease).trace, "the study no longer asks for it"


def test_two_starts_at_once_are_one_decision():
    batch = study()
    worker = make_worker(unique("ann"))
    Consent.objects.create(worker=worker, batch=batch, number=1, agreed=True, created_at=batch.created_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        Consent.objects.create(worker=worker, batch=batch, number=1, agreed=True, created_at=batch.created_at)
