"""Problem reports from a page of work, in a frame and on the link path, with and without a script."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.participants.reports import kinds_of, reports_of, reports_shown
from tests.factories import make_batch, make_dataset, make_form, make_grid, make_images, start, worker_client
from tests.workforce.assignments_by_hand import external, make_offered_grid, offer
from tests.workforce.test_frame_pages import Frame, hidden, listed
from workforce.introductions.actions import introduce
from workforce.models import KIND_NAMES, Introduction, Lease, Report, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def frame() -> Frame:
    grid, external_hit_id = make_offered_grid()
    return Frame(grid.hit, external_hit_id)


def tell(frame: Frame, page, kind: str = "pictures", words: str = "Three of them are grey.", **more: Any):
    return frame.send(page, report="yes", report_kind=kind, report_words=words, **more)


def ticked(page) -> list[str]:
    return re.findall(r'name="selected" value="([^"]+)" checked', page.content.decode())


def test_a_report_is_kept_and_the_page_comes_back_as_it_was(frame):
    page = frame.open()
    chosen = frame.handles()[1:3]
    again = tell(frame, page, as_json=False, selected=chosen)
    text = again.content.decode()
    assert again.status_code == 200
    assert sorted(ticked(again)) == sorted(chosen)
    assert "Thank you, we told the researchers." in text
    assert '<details class="report" id="report" open>' in text
    assert not Submission.objects.exists()
    assert not again.cookies
    report = Report.objects.get()
    assert (report.lease, report.kind, report.words) == (frame.lease, "pictures", "Three of them are grey.")
    handed_in = frame.send(again, selected=chosen)
    fields = handed_in.json()["hand_over"]["fields"]
    assert listed(frame, fields)[0] == "confirmed", "who told of a problem hands in like everybody"


def test_the_pages_script_reports_and_submits_afterwards(frame):
    page = frame.open()
    assert "told the researchers" in tell(frame, page).json()["reported"]
    assert frame.send(page).status_code == 200
    assert tell(frame, page, kind="handing in").status_code == 200, "also after the answer is stored"
    assert Report.objects.count() == 2


def test_an_empty_report_is_asked_for_its_problem(frame):
    page = frame.open()
    chosen = frame.handles()[1:3]
    again = tell(frame, page, kind="", words=" ", as_json=False, selected=chosen)
    assert "Choose what went wrong" in again.content.decode() and "Thank you" not in again.content.decode()
    assert sorted(ticked(again)) == sorted(chosen)
    reply = tell(frame, page, kind="", words="").json()
    assert "Choose what went wrong" in reply["message"] and "reported" not in reply
    assert not Report.objects.exists()


def test_nothing_that_is_told_is_refused_and_each_kind_is_kept_once(frame):
    page = frame.open()
    for _ in range(3):
        tell(frame, page, words="first" if not Report.objects.exists() else "again")
    tell(frame, page, kind="<script>", words="long " * 1000)
    assert list(Report.objects.order_by("pk").values_list("kind", flat=True)) == ["pictures", "other"]
    first, other = Report.objects.order_by("pk")
    assert (first.words, len(other.words)) == ("first", 1000)


def test_a_report_needs_the_token_of_its_page(frame):
    page = frame.open()
    for token in ("", "invented", hidden(page)["token"] + "x"):
        assert tell(frame, page, token=token).status_code == 403
    other, external_hit_id = make_offered_grid()
    stranger = Frame(other.hit, external_hit_id)
    stranger.open()
    assert tell(stranger, page).status_code == 403, "a token of another HIT"
    assert not Report.objects.exists()


def test_who_can_not_answer_at_all_hands_in_without_an_answer_and_is_paid(frame):
    page = frame.open()
    assert "data-unfinished hidden" in page.content.decode()
    text = tell(frame, page, as_json=False).content.decode()
    form = text[text.index('<form class="unfinished"') :]
    assert "data-unfinished hidden" not in form
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.partition("</form>")[0]))
    assert fields == {"assignmentId": frame.ids["assignmentId"], "lease": frame.lease.public_id, "problem": "reported"}
    assert listed(frame, fields) == ("unreadable", None), "paid, and asked again"


def test_a_form_comes_back_with_its_ticks_and_its_main_object():
    dataset = make_dataset(classify_answers=1)
    make_batch(dataset, kind="classify", marketplace="mturk")
    form = make_form(labels=(0, 1), image=make_images(dataset, 1)[0])
    frame = Frame(form.hit, offer(form.hit), kind="classify", workerId=external("AWORKER"))
    again = tell(frame, frame.open(), as_json=False, selected=["0", "1"], main="1").content.decode()
    values = sorted(re.findall(r'name="(\w+)" value="(\d)"[^>]* checked', again))
    assert values == [("main", "1"), ("selected", "0"), ("selected", "1")]
    assert not Submission.objects.exists()


def test_on_the_link_path_it_is_told_of_in_the_same_way():
    grid = make_grid(n_images=3)
    client = worker_client()
    address = start(grid.hit.batch, "ann", client).headers["Location"]
    page = client.get(address)
    handles = re.findall(r'name="selected" value="([^"]+)"', page.content.decode())
    sent = hidden(page) | {"report": "yes", "report_kind": "question", "report_words": "?", "selected": handles[:2]}
    again = client.post(address, sent)
    assert ticked(again) == handles[:2]
    assert "data-unfinished" not in again.content.decode()
    assert client.post(address, hidden(again) | {"selected": handles[:2]}).status_code == 303
    assert (Report.objects.get().kind, Submission.objects.get().state) == ("question", "confirmed")


def test_the_kinds_on_the_page_are_those_of_the_model(frame):
    text = frame.open().content.decode()
    choices = re.findall(r'name="report_kind" value="([^"]+)"> ([^<]+)</label>', text)
    assert choices == list(KIND_NAMES.items())
    assert [value for value, _ in choices] == Report.Kind.values


def test_researchers_read_reports_by_pseudonym(frame):
    page = frame.open()
    tell(frame, page)
    tell(frame, page, kind="question", words="")
    frame.send(page)
    dataset = frame.hit.batch.dataset
    assert kinds_of(reports_of(dataset)) == {"Photographs do not load": 1, "The question is unclear": 1}
    shown = reports_shown(dataset, list(reports_of(dataset).select_related("lease")))
    assert [row.report.kind for row in shown] == ["question", "pictures"]
    assert {row.submission for row in shown} == {Submission.objects.get()}
    assert frame.ids["workerId"] not in str([row.worker for row in shown])


def in_words(sql: str) -> str:
    """A statement that was planned once is called by its name alone."""
    if not sql.startswith("EXECUTE"):
        return sql
    with connection.cursor() as cursor:
        name = sql.split()[1].partition("(")[0]
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE name = %s", [name])
        return cursor.fetchone()[0]


def test_neither_opening_nor_handing_in_asks_for_what_is_told_beside_the_work(frame):
    frame.open()
    with CaptureQueriesContext(connection) as captured:
        frame.send(frame.open())
    statements = " ".join(in_words(query["sql"]) for query in captured)
    assert "INSERT INTO workforce_submission" in statements
    # Whether the consent text is still the one that was agreed to takes no text.
    assert "workforce_report" not in statements and '"workforce_introduction"."purpose"' not in statements


# Who asks


TOLD = {
    "requester_name": "The Vision Lab",
    "contact": "lab@example.org",
    "purpose": "To train and test networks.",
    "minutes_needed": 4,
    "consent": "I am of age.\n\nI take part of my own will.",
    "warning": "Wounds may be seen.",
}


def preview_of(frame: Frame) -> str:
    return Frame(frame.hit, frame.ids["hitId"], assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE").open().content.decode()


def test_a_preview_says_who_asks_what_for_for_how_long_and_for_how_much(frame):
    introduce(dataset=frame.hit.batch.dataset, fields=TOLD)
    about = worker_client().get(f"/about/{frame.hit.batch.public_id}/").content.decode()
    for text in (preview_of(frame), about):
        for words in (
            "The Vision Lab",
            "mailto:lab@example.org",
            "To train and test networks.",
            "about 4 minutes",
            "$0.20",
            "60 minutes",
            "<p>I take part of my own will.</p>",
            "Wounds may be seen.",
            "We never reject work because",
        ):
            assert words in text
    assert f'href="/about/{frame.hit.batch.public_id}/"' in frame.open().content.decode()


def test_empty_fields_are_not_shown(frame):
    text = preview_of(frame)
    for words in ("Run by", "Contact", "Time needed", "Consent", "Before you look"):
        assert words not in text
    assert "We never reject work because" in text and "The marketplace has the requester’s contact" in text


def test_what_a_researcher_wrote_is_no_markup(frame):
    introduce(dataset=frame.hit.batch.dataset, fields=dict.fromkeys(TOLD, "<b onclick=x>") | {"minutes_needed": None})
    assert "<b onclick" not in preview_of(frame)


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("lab@example.org", "mailto:lab@example.org"),
        ("https://lab.example.org/contact", "https://lab.example.org/contact"),
        ("room 12, lab@example.org", ""),
        ("javascript:alert(1)", ""),
        ("@lab", ""),
    ],
)
def test_a_contact_opens_beside_the_frame_if_a_browser_can_open_it(contact, link):
    assert Introduction(contact=contact).contact_link == link


def test_people_who_come_by_a_link_read_about_the_work_too():
    grid = make_grid()
    introduce(dataset=grid.hit.batch.dataset, fields=TOLD)
    client = worker_client()
    text = client.get(f"/about/{grid.hit.batch.public_id}/").content.decode()
    assert "The Vision Lab" in text and "You can stop at any time." in text
    assert "$" not in text, "what a link pays is decided elsewhere"
    assert client.get("/about/nothing/").status_code == 404
    assert not Lease.objects.exists()
