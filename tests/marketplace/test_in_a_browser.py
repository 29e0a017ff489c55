"""The whole way of a worker in a real Chromium, with the task on another site and cookies of other sites refused."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from marketplace.models import Assignment
from marketplace.qualifications import system
from tests.browser.looking import fits
from tests.browsers import WITHOUT_FOREIGN_COOKIES, contexts_of_a_test, new_context, running_browser
from tests.marketplace.parties import TYPE, make_worker
from tests.marketplace.task_site import running_task_site

PASSWORD = "one good password"
WIDTHS = (390, 1280)


@pytest.fixture
def tasks():
    with running_task_site() as site:
        yield site


@pytest.fixture
def worker(endpoint):
    return make_worker(password=PASSWORD)


@pytest.fixture(scope="module")
def chromium(django_db_setup):
    with running_browser([WITHOUT_FOREIGN_COOKIES]) as running:
        yield running


@pytest.fixture
def open_page(endpoint, chromium):
    """Return a function that opens pages; console errors and exceptions of a page fail the test."""
    problems: list[str] = []

    def opened(**options: Any) -> Page:
        page = new_context(chromium, base_url=endpoint.url, **options).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.extend([message.text] if message.type == "error" else []))
        return page

    setattr(opened, "problems", problems)  # noqa: B010 - the type of a function has no such attribute
    with contexts_of_a_test(chromium):
        yield opened
    assert not problems


def sign_in(page: Page, worker) -> None:
    page.goto("/")
    page.get_by_label("Name or worker id").fill(worker.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="HITs", exact=True)).to_be_visible()


def answer(page: Page, text: str) -> None:
    frame = page.frame_locator("#task")
    frame.get_by_label("Answer").fill(text)
    frame.get_by_role("button", name="Submit").click()


def publish(lab, tasks, n_hits: int = 1, height: int = 0, **values):
    return [lab.publish(Question=tasks.question(height), RequesterAnnotation=str(n), **values) for n in range(n_hits)]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_worker_previews_accepts_answers_goes_on_and_is_paid(lab, tasks, worker, open_page, width):
    hits = publish(lab, tasks, n_hits=2)
    page = open_page(viewport={"width": width, "height": 800})
    sign_in(page, worker)
    assert fits(page)
    expect(page.get_by_text("2 HITs available")).to_be_visible()
    page.get_by_role("link", name="Preview").click()
    expect(page.frame_locator("#task").get_by_text("nobody yet")).to_be_visible()
    assert fits(page)
    page.get_by_label("Automatically accept the next HIT").check()
    page.get_by_role("button", name="Accept and work").click()
    expect(page.frame_locator("#task").get_by_text(worker.public_id)).to_be_visible()
    expect(page.locator("#timer-words")).to_contain_text("of 10:00")
    assert fits(page)
    first = page.url
    answer(page, "a cat")
    page.wait_for_url(lambda url: url.partition("?")[0] != first.partition("?")[0] and "/tasks/" in url)
    expect(page.frame_locator("#task").get_by_text(worker.public_id)).to_be_visible()
    page.get_by_label("Auto-accept").uncheck()
    answer(page, "a dog")
    expect(page.get_by_role("heading", name="Submitted")).to_be_visible()
    expect(page.get_by_text("No HITs are left for you in this group")).to_be_visible()

    listed = [row for hit in hits for row in lab.client.list_assignments_for_hit(HITId=hit.public_id)["Assignments"]]
    assert [row["WorkerId"] for row in listed] == [worker.public_id] * 2
    assert ["a cat" in row["Answer"] for row in listed] == [True, False]
    lab.client.approve_assignment(AssignmentId=listed[0]["AssignmentId"], RequesterFeedback="Thank you")
    lab.client.reject_assignment(AssignmentId=listed[1]["AssignmentId"], RequesterFeedback="It is a cat")
    page.get_by_role("link", name="Earnings").first.click()
    expect(page.get_by_text("Reason: It is a cat")).to_be_visible()
    expect(page.locator(".figures div").first).to_contain_text("$0.10")
    assert fits(page)
    preview, work = tasks.requests[0], tasks.requests[1]
    assert preview["assignmentId"] == "ASSIGNMENT_ID_NOT_AVAILABLE" and "workerId" not in preview
    assert work["image"] == "7" and work["workerId"] == worker.public_id
    assert {row["Cookie"] for row in tasks.requests} == {""}
    assert {row["Referer"] for row in tasks.requests} == {page.url.partition("/account")[0] + "/"}


def test_without_scripts_a_further_click_leads_on(lab, tasks, worker, open_page):
    publish(lab, tasks, n_hits=2)
    page = open_page(java_script_enabled=False)
    sign_in(page, worker)
    page.get_by_role("button", name="Accept and work").click()
    expect(page.locator("#timer-words")).to_contain_text("Submit by")
    answer(page, "a cat")
    page.frame_locator("#task").get_by_role("link", name="Continue").click()
    expect(page.get_by_role("heading", name="Submitted")).to_be_visible()
    page.get_by_role("button", name="Accept the next HIT").click()
    expect(page.frame_locator("#task").get_by_text(worker.public_id)).to_be_visible()


def test_coming_back_to_a_submitted_hit_accepts_nothing(lab, tasks, worker, open_page):
    publish(lab, tasks, n_hits=3)
    page = open_page()
    sign_in(page, worker)
    page.get_by_role("button", name="Accept and work").click()
    page.get_by_label("Auto-accept").check()
    first_url = page.url
    answer(page, "a cat")
    page.wait_for_url(lambda url: url.partition("?")[0] != first_url)
    assert Assignment.objects.filter(status="Pending").count() == 1
    for _ in range(2):
        page.goto(f"{first_url}?auto=1")
        expect(page.get_by_role("heading", name="Submitted")).to_be_visible()
    assert Assignment.objects.filter(status="Pending").count() == 1


def test_a_bad_submit_is_explained_in_the_frame_and_leads_to_the_queue(lab, tasks, worker, open_page):
    publish(lab, tasks)
    page = open_page()
    sign_in(page, worker)
    page.get_by_role("button", name="Accept and work").click()
    answer(page, "")
    frame = page.frame_locator("#task")
    expect(frame.get_by_text("There was a problem submitting this HIT")).to_be_visible()
    assert Assignment.objects.get().status == "Pending"
    frame.get_by_role("link", name="Your queue").click()
    page.get_by_role("link", name="Work on HIT").click()
    answer(page, "a cat")
    expect(page.get_by_role("heading", name="Submitted")).to_be_visible()
    # The browser reports the refused empty form, and nothing else.
    (complaint,) = open_page.problems
    assert "400 (Bad Request)" in complaint
    open_page.problems.clear()


def test_the_timer_warns_after_three_quarters_and_says_when_it_is_over(lab, tasks, worker, open_page):
    publish(lab, tasks, AssignmentDurationInSeconds=400)
    page = open_page()
    page.clock.install()
    sign_in(page, worker)
    page.get_by_role("button", name="Accept and work").click()
    expect(page.locator("#timer-words")).to_contain_text("of 6:40")
    expect(page.locator("#warning")).to_be_hidden()
    page.clock.fast_forward(310_000)
    expect(page.locator("#warning")).to_contain_text("Three quarters of the time has passed. Submit within")
    expect(page.locator("#timer")).to_have_class("timer late")
    page.clock.fast_forward(100_000)
    expect(page.locator("#over")).to_contain_text("Time is up")
    expect(page.locator("#warning")).to_be_hidden()


def test_a_frame_of_a_fixed_height_has_it_and_one_of_none_fills_the_window(lab, tasks, worker, open_page):
    publish(lab, tasks, height=1234, Title="Fixed")
    publish(lab, tasks, Title="Filling")
    page = open_page(viewport={"width": 390, "height": 800})
    sign_in(page, worker)
    for title, least, most in (("Fixed", 1234, 1234), ("Filling", 600, 800)):
        page.goto("/hits/?q=" + title)
        page.get_by_role("button", name="Accept and work").click()
        expect(page.locator("#task")).to_be_visible()
        assert least <= page.locator("#task").bounding_box()["height"] <= most, title


def test_a_worker_returns_a_hit_from_its_page(lab, tasks, worker, open_page):
    publish(lab, tasks)
    page = open_page(viewport={"width": 390, "height": 800})
    sign_in(page, worker)
    page.get_by_role("button", name="Accept and work").click()
    page.get_by_text("More", exact=True).click()
    assert fits(page)
    page.get_by_role("button", name="Return HIT").click()
    expect(page.get_by_text("was returned")).to_be_visible()
    assert Assignment.objects.get().status == "Free"


def test_a_worker_asks_for_a_qualification_and_works_once_it_is_granted(lab, tasks, worker, open_page):
    kind = lab.client.create_qualification_type(
        Name="Trained", Description="Has read the guide", QualificationTypeStatus="Active"
    )["QualificationType"]["QualificationTypeId"]
    needs = [
        {"QualificationTypeId": kind, "Comparator": "Exists", "ActionsGuarded": "Accept"},
        {
            "QualificationTypeId": system.NUMBER_APPROVED,
            "Comparator": "LessThan",
            "IntegerValues": [9],
            "ActionsGuarded": "Accept",
        },
    ]
    publish(lab, tasks, QualificationRequirements=needs)
    page = open_page()
    sign_in(page, worker)
    page.get_by_role("link", name="Preview").click()
    page.get_by_role("button", name="Request qualification").click()
    expect(page.get_by_text("You have requested this qualification")).to_be_visible()
    (request,) = lab.client.list_qualification_requests()["QualificationRequests"]
    lab.client.accept_qualification_request(QualificationRequestId=request["QualificationRequestId"])
    page.reload()
    page.get_by_role("button", name="Accept and work").click()
    expect(page.frame_locator("#task").get_by_text(worker.public_id)).to_be_visible()
    assert TYPE["Title"] in page.title()
