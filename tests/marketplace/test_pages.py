"""Contents of workers' pages, and the policy of every page."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from marketplace.actions import block_worker, create_requester, notify_workers
from marketplace.errors import WorkRefused
from marketplace.models import HIT, Assignment, Message
from marketplace.qualifications import system
from marketplace.qualifications.actions import (
    create_qualification_type,
    grant_qualification,
    reject_request,
    request_qualification,
    revoke_qualification,
)
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from marketplace.work.actions import accept_hit
from tests.marketplace.browsing import HOST, accept_on_page, at_work, directives, frame_of, stranger, text_of
from tests.marketplace.parties import later, make_hit, make_hit_type, make_requester, make_worker, submit_hit
from tests.required import require

pytestmark = pytest.mark.django_db
# Session, worker and time take three of them.
MOST_QUERIES_OF_ACCEPTING, MOST_QUERIES_OF_A_TASK = 16, 4


@pytest.fixture
def worker():
    return make_worker()


@pytest.fixture
def client(worker):
    return at_work(worker)


# The list


def test_the_list_names_reward_time_requester_and_how_many_are_left(client):
    kind = make_hit_type(make_requester(), title="Cats & dogs", reward_cents=105, assignment_seconds=5400)
    for _ in range(3):
        make_hit(kind)
    text = text_of(client.get("/hits/"))
    for words in ("Cats & dogs", "$1.05", kind.requester.name, "3 HITs available", "1 hour 30 minutes allowed"):
        assert words in text
    assert "There are no HITs for you" in text_of(at_work(blocked_by(kind.requester)).get("/hits/"))


def blocked_by(requester):
    worker = make_worker()
    block_worker(requester=requester, worker=worker, reason="Blank")
    return worker


def test_the_list_is_searched_and_ordered(client):
    requester = make_requester()
    for title, cents in (("Cats", 10), ("Dogs", 30), ("Birds and cats", 20)):
        make_hit(make_hit_type(requester, title=title, reward_cents=cents))
    masters = [{"QualificationTypeId": system.MASTERS[0], "Comparator": "Exists", "ActionsGuarded": "Accept"}]
    make_hit(make_hit_type(requester, title="Owls", reward_cents=90, requirements=masters))

    def titles(query: str) -> list[str]:
        page = client.get(f"/hits/?{query}").content.decode()
        return re.findall(r'<h2><a href="[^"]+">([^<]+)</a></h2>', page)

    assert titles("") == ["Owls", "Birds and cats", "Dogs", "Cats"]
    assert titles("order=reward") == ["Owls", "Dogs", "Birds and cats", "Cats"]
    assert titles("q=CATS") == ["Birds and cats", "Cats"]
    assert titles("reward=0.20&mine=on") == ["Birds and cats", "Dogs"]
    assert titles("order=nonsense&reward=much&q=") == titles("")
    assert titles("q=zebra") == []
    assert "Show all" in text_of(client.get("/hits/?q=zebra"))


def test_text_of_requesters_is_text_whatever_it_holds(client):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    requester = create_requester(name=evil[:90], contact="javascript:alert(1)")
    kind = make_hit_type(make_requester(), title=evil, description=evil, keywords=evil)
    make_hit(kind)
    Message.objects.create(
        requester=requester, worker=make_worker(), subject=evil, text=evil, sent_at=HIT.objects.get().created_at
    )
    reader = at_work(Message.objects.get().worker)
    for page in (client.get("/hits/"), client.get(f"/groups/{kind.group_id}/"), reader.get("/account/messages/")):
        assert page.status_code == 200
        assert "<script>alert" not in page.content.decode() and "<img src=x" not in page.content.decode()
        assert 'href="javascript' not in page.content.decode()


# A group, its preview, its requirements


def test_a_preview_shows_the_task_in_a_frame_and_tells_it_nothing_of_the_worker(client, worker):
    hit = make_hit()
    page = client.get(f"/groups/{hit.hit_type.group_id}/")
    assert frame_of(page).endswith(f"&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId={hit.public_id}")
    assert worker.public_id not in frame_of(page)
    assert directives(page)["frame-src"] == "https://lab.example 'self'"
    assert not Assignment.objects.exists()


def test_who_does_not_qualify_reads_why_and_cannot_accept(client, worker):
    requester = make_requester()
    trained = create_qualification_type(requester=requester, name="Trained", description="Has read it")
    needs = [
        {
            "QualificationTypeId": trained.public_id,
            "Comparator": "GreaterThan",
            "IntegerValues": [80],
            "ActionsGuarded": "Accept",
        },
        {
            "QualificationTypeId": system.LOCALE,
            "Comparator": "In",
            "ActionsGuarded": "Accept",
            "LocaleValues": [{"Country": "US"}, {"Country": "CA"}],
        },
    ]
    hit = make_hit(make_hit_type(requester, requirements=needs))
    address = f"/groups/{hit.hit_type.group_id}/"
    assert "You do not qualify yet" in text_of(client.get("/hits/"))
    page = client.get(address)
    text = text_of(page)
    assert "not met Trained: more than 80" in text and "met Location: one of US, CA (yours: US)" in text
    assert "Accept and work" not in text
    answer = client.post(f"{address}accept/", {"hit": hit.public_id})
    assert answer.status_code == 409 and "do not meet the requirements" in text_of(answer)
    ask = f"/account/qualifications/{trained.public_id}/ask/"
    assert ask in page.content.decode()
    assert client.post(ask, {"next": address}).headers["Location"] == address
    assert "You have requested this qualification" in text_of(client.get(address))
    grant_qualification(qualification_type=trained, worker=worker, value=81)
    assert "Accept and work" in text_of(client.get(address))
    assert "Trained" in text_of(client.get("/account/qualifications/"))


def test_guards_against_preview_and_discovery_hide_the_frame_and_the_group(client):
    def kind(guarded: str):
        needs = [{"QualificationTypeId": system.MASTERS[0], "Comparator": "Exists", "ActionsGuarded": guarded}]
        return make_hit(make_hit_type(make_requester(), requirements=needs)).hit_type

    page = client.get(f"/groups/{kind('PreviewAndAccept').group_id}/")
    assert page.status_code == 200 and "<iframe" not in page.content.decode()
    hidden = kind("DiscoverPreviewAndAccept").group_id
    assert client.get(f"/groups/{hidden}/").status_code == 404
    assert client.post(f"/groups/{hidden}/accept/").status_code == 404


def test_a_qualification_that_everybody_gets_is_there_at_once(client, worker):
    kind = create_qualification_type(
        requester=make_requester(), name="Adult", description="Sees all", auto_granted=True, auto_granted_value=3
    )
    answer = client.post(f"/account/qualifications/{kind.public_id}/ask/", {"next": "//evil.example"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/account/qualifications/"
    assert "You now have the qualification" in text_of(answer)
    assert worker.qualifications.get().value == 3


def test_revoked_and_rejected_qualifications_are_not_requested_again_at_once(worker):
    at_once = create_qualification_type(
        requester=make_requester(), name="A", description="a", auto_granted=True, auto_granted_value=1
    )
    request_qualification(qualification_type=at_once, worker=worker)
    with pytest.raises(WorkRefused, match="already have"):
        request_qualification(qualification_type=at_once, worker=worker)
    revoke_qualification(qualification=worker.qualifications.get())
    with pytest.raises(WorkRefused, match="only once"):
        request_qualification(qualification_type=at_once, worker=worker)
    slow = create_qualification_type(requester=make_requester(), name="B", description="b", retry_seconds=3600)
    reject_request(request=require(request_qualification(qualification_type=slow, worker=worker)), reason="Not yet")
    with pytest.raises(WorkRefused, match="recently"):
        request_qualification(qualification_type=slow, worker=worker)
    later(hours=2)
    assert require(request_qualification(qualification_type=slow, worker=worker)).rejected_at is None


# Accepting, working, returning


def test_accepting_leads_to_the_task_which_names_the_assignment(client, worker):
    hit = make_hit()
    assignment = accept_on_page(client, hit)
    assert (assignment.hit, assignment.worker) == (hit, worker)
    page = client.get(f"/tasks/{assignment.public_id}/")
    address = frame_of(page)
    assert f"assignmentId={assignment.public_id}" in address and f"workerId={worker.public_id}" in address
    assert "turkSubmitTo=http%3A%2F%2F127.0.0.1%3A8100" in address
    assert 'data-allowed="600"' in page.content.decode()
    assert 0 <= int(require(re.search(r'data-elapsed="(\d+)"', page.content.decode()))[1]) < 60


def test_the_frame_is_as_high_as_the_hit_says_or_fills_the_window(client):
    fills = make_hit()
    fixed = make_hit(question=fills.question.replace("<FrameHeight>0", "<FrameHeight>650"))
    pages = [client.get(f"/groups/{hit.hit_type.group_id}/").content.decode() for hit in (fills, fixed)]
    assert 'class="task fills"' in pages[0] and "height=" not in require(re.search("<iframe[^>]*>", pages[0]))[0]
    assert 'class="task" ' in pages[1] and ' height="650"' in pages[1]


def test_if_the_previewed_hit_is_gone_another_of_the_group_is_accepted(client):
    kind = make_hit_type(make_requester())
    previewed, other = make_hit(kind), make_hit(kind)
    accept_hit(worker=make_worker(), hit=previewed)
    assert accept_on_page(client, previewed).hit == other
    answer = client.post(f"/groups/{kind.group_id}/accept/", {"hit": "no such hit"})
    assert answer.status_code == 409 and "no more HITs in this group" in text_of(answer)


def test_a_returned_hit_leaves_the_queue_and_its_page(client):
    hit = make_hit()
    assignment = accept_on_page(client, hit)
    address = f"/tasks/{assignment.public_id}/"
    assert hit.hit_type.title in text_of(client.get("/queue/"))
    answer = client.post(f"{address}return/", follow=True)
    assert "was returned" in text_of(answer)
    assert "Your queue is empty" in text_of(client.get("/queue/"))
    page = client.get(address)
    assert page.status_code == 404 and "Not in your queue" in text_of(page)
    assert client.post(f"{address}return/").status_code == 404


def test_what_ran_out_of_time_is_not_shown_even_before_it_is_swept_away(client):
    assignment = accept_on_page(client, make_hit())
    Assignment.objects.filter(pk=assignment.pk).update(deadline=assignment.accepted_at)
    assert client.get(f"/tasks/{assignment.public_id}/").status_code == 404
    assert "Your queue is empty" in text_of(client.get("/queue/"))


def test_nobody_sees_or_returns_what_somebody_else_has(client):
    theirs = accept_hit(worker=make_worker(), hit=make_hit())
    assert client.get(f"/tasks/{theirs.public_id}/").status_code == 404
    assert client.post(f"/tasks/{theirs.public_id}/return/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.status == "Pending"


def test_submitted_work_cannot_be_returned(client, worker):
    submitted = submit_hit(make_hit(), worker)
    answer = client.post(f"/tasks/{submitted.public_id}/return/")
    assert answer.status_code == 409 and "already submitted this HIT" in text_of(answer)


def test_after_submission_the_next_hit_is_a_click_away(client, worker):
    kind = make_hit_type(make_requester())
    first, second = make_hit(kind), make_hit(kind)
    submitted = submit_hit(first, worker)
    page = client.get(f"/tasks/{submitted.public_id}/?auto=1")
    assert "Submitted" in text_of(page) and "Accept the next HIT" in text_of(page)
    assert f'data-after="{submitted.public_id}"' in page.content.decode()
    answer = client.post(f"/groups/{kind.group_id}/accept/", {"auto": "1"})
    assert answer.headers["Location"].endswith("/?auto=1")
    assert second.assignments.get().worker == worker
    page = client.get(f"/tasks/{submitted.public_id}/")
    assert "No HITs are left for you" in text_of(page) and "Continue with your queue (1)" in text_of(page)


# Earnings and messages


def test_earnings_tell_what_was_approved_waits_was_rejected_and_why(client, worker):
    requester = make_requester()
    requester.contact = "lab@example.org"
    requester.save()
    approved, rejected, _ = (submit_hit(make_hit(make_hit_type(requester, title=t)), worker) for t in ("A", "B", "C"))
    approve_assignment(assignment=approved, feedback="Thank you")
    send_bonus(assignment=approved, worker_id=worker.public_id, cents=25, reason="Careful work")
    reject_assignment(assignment=rejected, feedback="The form was empty")
    page = client.get("/account/earnings/")
    text = text_of(page)
    for words in (
        "Approved $0.10",
        "Bonuses $0.25",
        "Pending review $0.10",
        "Rejected $0.10",
        "Thank you",
        "Bonus of $0.25: Careful work",
        "Reason: The form was empty",
        "within 30 days",
    ):
        assert words in text
    assert f"mailto:lab@example.org?subject={rejected.public_id}" in page.content.decode()
    only = text_of(client.get("/account/earnings/?show=rejected"))
    assert "The form was empty" in only and "Thank you" not in only
    assert "Careful work" in text_of(client.get("/account/earnings/?show=bonus"))
    assert "You have not submitted a HIT yet" in text_of(at_work(make_worker()).get("/account/earnings/"))


def test_long_lists_are_turned_page_by_page(client, worker):
    kind = make_hit_type(make_requester())
    for _ in range(51):
        submit_hit(make_hit(kind), worker)
    first, second = (client.get(f"/account/earnings/?page={n}&show=submitted").content.decode() for n in (1, 2))
    assert (first.count('class="tag"'), second.count('class="tag"')) == (50, 1)
    assert "page=2&amp;show=submitted" in first
    assert client.get("/account/earnings/?page=nonsense").status_code == 200


def test_messages_are_new_until_they_are_said_to_be_read(client, worker):
    requester = make_requester()
    approve_assignment(assignment=submit_hit(make_hit(make_hit_type(requester)), worker))
    notify_workers(requester=requester, workers=[worker], subject="New grids", text="Two lines\nof text")
    assert "Messages 1 new" in text_of(client.get("/hits/"))
    text = text_of(client.get("/account/messages/"))
    assert "New grids" in text and requester.name in text
    assert worker.messages.get().read_at is None
    newest = worker.messages.get().pk
    for number in ("", "x", "9" * 30, str(newest - 1)):
        client.post("/account/messages/read/", {"newest": number})
    assert worker.messages.get().read_at is None
    client.post("/account/messages/read/", {"newest": newest})
    assert worker.messages.get().read_at
    assert "1 new" not in text_of(client.get("/hits/"))
    assert "New grids" not in text_of(at_work(make_worker()).get("/account/messages/"))


# All addresses


def addresses() -> list[str]:
    """Return every address of the marketplace, with an id that belongs to nobody."""
    plain = [str(pattern.pattern) for pattern in get_resolver().url_patterns if not hasattr(pattern, "url_patterns")]
    return ["/" + re.sub(r"<slug:\w+>", "3NOBODYSIDNOBODYSID", text) for text in plain]


def test_no_page_but_the_sign_in_is_for_strangers():
    for address in addresses():
        if address in ("/sign-in/", "/livez") or address.startswith("/mturk/"):
            continue
        answer = stranger().get(address)
        assert answer.status_code in (302, 405), address
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith(("/sign-in/", "/hits/")), address


def test_looking_changes_nothing(client, worker):
    hit = make_hit()
    submitted = submit_hit(make_hit(), worker)
    earlier = snapshot()
    for address in addresses():
        for identifier in (hit.hit_type.group_id, submitted.public_id):
            client.get(address.replace("3NOBODYSIDNOBODYSID", identifier))
    assert snapshot() == earlier
    assert client.get("/hits/").status_code == 200


def snapshot() -> list:
    return [list(model.objects.order_by("pk").values()) for model in (HIT, Assignment, Message)]


def test_pages_have_no_inline_script_or_style(client, worker):
    submitted = submit_hit(make_hit(), worker)
    for address in ("/hits/", "/account/earnings/", "/account/password/", f"/tasks/{submitted.public_id}/"):
        page = client.get(address).content.decode()
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page), address


@pytest.mark.parametrize(
    ("origin", "sources"),
    [
        ("https://Lab.Example:8443/a", "https://lab.example:8443 'self'"),
        ("http://localhost:9/x", "http://localhost:9 'self'"),
        ("https://user:pw@lab.example/a", "https://lab.example 'self'"),
        ("https://a;script-src*/", "'self'"),
        ("https://a 'unsafe-inline'/", "'self'"),
        ("https://[::1]:9/", "'self'"),
    ],
)
def test_the_frame_may_show_the_origin_of_the_hit_alone(client, origin, sources):
    hit = make_hit()
    HIT.objects.filter(pk=hit.pk).update(question=hit.question.replace("https://lab.example/grid", origin))
    assert directives(client.get(f"/groups/{hit.hit_type.group_id}/"))["frame-src"] == sources


def test_further_origins_of_frames_are_a_setting(client, settings):
    settings.FRAME_ORIGINS = ["https://tasks.example"]
    page = client.get(f"/groups/{make_hit().hit_type.group_id}/")
    assert directives(page)["frame-src"] == "https://lab.example 'self' https://tasks.example"


def test_under_another_name_of_the_machine_pages_lead_to_their_origin():
    answer = stranger(HTTP_HOST="localhost:8100").get("/hits/?q=a")
    assert answer.headers["Location"] == f"http://{HOST}/hits/?q=a"
    assert stranger(HTTP_HOST="localhost:8100").get("/livez").content == b"ok\n"


def test_a_browser_at_the_endpoint_is_sent_to_the_hits(client):
    assert client.get("/").headers["Location"] == "/hits/"
    answer = stranger(enforce_csrf_checks=True).post("/", b"{}", content_type="application/x-amz-json-1.1")
    assert json.loads(answer.content)["__type"] == "UnknownOperationException"
    assert client.put("/").status_code == 405


def queries_of(client, method: str, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        getattr(client, method)(address)
    return len(queries)


def test_accepting_and_opening_a_task_asks_as_little_as_it_can(client, worker):
    """Workers do both again and again: neither counts the HITs of the group or the worker's queue and messages."""
    kind = make_hit_type(make_requester())
    for _ in range(4):
        make_hit(kind)
    address = f"/groups/{kind.group_id}/accept/"
    client.post(address)
    assert queries_of(client, "post", address) <= MOST_QUERIES_OF_ACCEPTING
    task = worker.assignments.latest("pk")
    assert queries_of(client, "get", f"/tasks/{task.public_id}/") <= MOST_QUERIES_OF_A_TASK
