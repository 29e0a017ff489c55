"""The whole way in a browser: grids and a form are answered, and the researcher sees the annotation appear."""

from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect

from aggregation.tasks import aggregate_new_submissions
from catalog.models import Dataset, Image
from classify_task.actions import classify_batch
from classify_task.models import ClassifyVote
from contains_task.models import ContainsVote
from tests.browser.looking import Scheme, fits, look, recolour, resize, submit, submit_none
from tests.browser.researchers import open_as_researcher
from tests.chance import SOAK
from tests.factories import make_batch, make_dataset, make_form, make_grid, make_images, make_lease
from workforce.actions import close_batch
from workforce.models import Batch, Lease, Submission
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db(transaction=True)
# Of a page that renews itself.
LONGEST_PAUSE_MS = 30_000
SCREENS: tuple[tuple[int, Scheme], ...] = ((360, "dark"), (1280, "light"))
WIDTH = 16  # of the photographs that the factories make


@pytest.fixture
def study(site) -> tuple[Dataset, Image, Batch]:
    """Two photographs, two labels asked of both, and one person's answer enough for everything."""
    dataset = make_dataset(name="browser study", contains_answers=1, classify_answers=1, min_shown=1)
    images = make_images(dataset, 2)
    batch = make_batch(dataset, completion_code="C0DE7")
    for label in (0, 1):
        make_grid(batch=batch, images=images, label=label)
    return dataset, images[0], batch


def worker_address(batch: Batch, settings, name: str = "ann") -> str:
    return f"{settings.WORKER_ORIGIN}/join/{batch.public_id}?worker={name}"


def start_work(page: Page, address: str) -> None:
    """Open the study link and press Start, which leads to the first task, and wait until its scripts ran."""
    page.goto(address)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    page.wait_for_load_state("load")


def box_of(image: Image) -> str:
    """The checkbox of the image on the page that was handed out last."""
    lease = Lease.objects.filter(state=Lease.State.ACTIVE).latest("pk")
    return f'[name=selected][value="{image_handle(lease, image.public_id)}"]'


def answer_both_grids(page: Page, image: Image) -> None:
    for number in (0, 1):
        expect(page.get_by_role("heading", name=f"that shows: thing {number}")).to_be_visible()
        # The photograph itself is the thing to click on.
        page.locator(f"label:has({box_of(image)}) img").click()
        submit(page)
    expect(page.get_by_text("C0DE7")).to_be_visible()


def sign_in(page: Page, site: str) -> None:
    open_as_researcher(page, f"{site}/datasets/browser study/")


# Without scripts: tests/browser/test_forms.py, test_grid.py and tests/people, where nobody looks at the results.
@pytest.mark.parametrize("with_script", [True, False] if SOAK else [True])
def test_both_tasks_are_done_and_the_researcher_sees_the_annotation(with_script, study, site, settings, open_page):
    dataset, image, batch = study
    worker = open_page(java_script_enabled=with_script)
    researcher = open_page()
    researcher.clock.install()
    sign_in(researcher, site)
    card = researcher.locator("li.result", has_text=image.name)
    expect(card).to_contain_text("CONTAINS: 0 of 2 answers")

    start_work(worker, worker_address(batch, settings))
    answer_both_grids(worker, image)
    aggregate_new_submissions()
    # Nobody touches the researcher's page: it renews itself.
    researcher.clock.run_for(LONGEST_PAUSE_MS)
    expect(card).to_contain_text("CLASSIFY: 0 of 1 answers")

    start_work(worker, worker_address(classify_batch(dataset=dataset), settings))
    expect(worker.get_by_role("heading", name="What is in this photograph?")).to_be_visible()
    worker.get_by_role("checkbox", name="thing 0").check()
    worker.get_by_role("checkbox", name="thing 1").check()
    worker.get_by_role("radio", name="thing 1").check()
    submit(worker)
    expect(worker.get_by_role("heading", name="Thank you, you are done")).to_be_visible()
    aggregate_new_submissions()

    researcher.clock.run_for(LONGEST_PAUSE_MS)
    expect(card).to_contain_text("1 annotator")
    expect(card).to_contain_text("main label thing 1")
    assert ClassifyVote.objects.get().selected == [0, 1]
    assert worker.context.cookies() == [], "worker pages set no cookie"


@pytest.mark.parametrize("with_script", [True, False])
def test_a_double_click_stores_one_answer(with_script, study, settings, open_page):
    _, _, batch = study
    page = open_page(java_script_enabled=with_script)
    start_work(page, worker_address(batch, settings))
    page.get_by_role("checkbox").first.check()
    look(page)
    page.get_by_role("button", name="Submit", exact=True).dblclick()
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert Submission.objects.count() == 1
    assert ContainsVote.objects.count() == 2


def test_a_grid_is_answered_by_keyboard_alone(study, settings, open_page):
    _, image, batch = study
    page = open_page()
    start_work(page, worker_address(batch, settings))
    first = page.locator(box_of(image))
    for _ in range(20):
        if first.evaluate("box => box === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_have_text("1 of 2 selected")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    look(page)
    page.get_by_role("button", name="Submit").press("Enter")
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert ContainsVote.objects.get(selected=True).image == image


def test_an_answer_survives_a_broken_connection_and_is_stored_once(study, settings, open_page):
    open_page.expect()  # the browser itself reports the lost connection as an error
    _, _, batch = study
    page = open_page()
    start_work(page, worker_address(batch, settings))
    look(page)
    page.context.set_offline(True)
    submit_none(page)
    expect(page.locator("[data-note]")).to_contain_text("Your answer is kept on this page")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert Submission.objects.count() == 1


def test_the_same_answer_is_sent_again_when_its_receipt_is_lost(study, settings, open_page):
    open_page.expect()
    _, _, batch = study
    page = open_page()
    start_work(page, worker_address(batch, settings))
    lost: list[Any] = []

    def lose_the_first_receipt(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            return route.abort()
        return route.continue_()

    page.route("**/contains/**", lose_the_first_receipt)
    submit_none(page)
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert lost == [200]
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("with_script", [True, False])
def test_an_incomplete_form_says_what_is_missing_and_loses_nothing(with_script, site, settings, open_page):
    open_page.expect()  # the browser reports the refusal, 422, as an error
    form = make_form(labels=(0, 1, 2))
    page = open_page(java_script_enabled=with_script)
    start_work(page, worker_address(form.hit.batch, settings))
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("Select at least one label")
    page.get_by_role("checkbox", name="thing 1").check()
    submit(page)
    expect(page.get_by_role("heading", name="Thank you, you are done")).to_be_visible()
    assert ClassifyVote.objects.get().main == 1


def test_ticks_outlive_a_reload_of_the_grid_and_are_forgotten_with_the_answer(study, settings, open_page):
    _, image, batch = study
    page = open_page()
    start_work(page, worker_address(batch, settings))
    box = page.locator(box_of(image))
    box.check()
    page.reload()
    expect(box).to_be_checked()
    expect(page.get_by_role("status")).to_have_text("1 of 2 selected")
    submit(page)
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    expect(page.locator(box_of(image))).not_to_be_checked()
    assert page.evaluate("sessionStorage.length") == 0
    assert ContainsVote.objects.get(selected=True).image == image


def test_ticks_and_main_mark_outlive_a_reload_of_the_form_also_when_the_site_is_out_of_reach(site, settings, open_page):
    open_page.expect()  # the browser reports the lost connection as an error
    form = make_form(labels=(0, 1, 2))
    page = open_page()
    start_work(page, worker_address(form.hit.batch, settings))
    address = page.url
    page.get_by_role("checkbox", name="thing 0").check()
    page.get_by_role("checkbox", name="thing 1").check()
    page.get_by_role("radio", name="thing 1").check()
    page.context.set_offline(True)
    with pytest.raises(PlaywrightError):
        page.reload()
    page.context.set_offline(False)
    page.goto(address)
    expect(page.get_by_role("checkbox", name="thing 0")).to_be_checked()
    expect(page.get_by_role("checkbox", name="thing 1")).to_be_checked()
    expect(page.get_by_role("checkbox", name="thing 2")).not_to_be_checked()
    expect(page.get_by_role("radio", name="thing 1")).to_be_checked()
    expect(page.get_by_role("status")).to_have_text("2 selected, main object chosen.")


def test_a_browser_that_keeps_nothing_is_no_hindrance(study, settings, open_page):
    _, image, batch = study
    page = open_page()
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    start_work(page, worker_address(batch, settings))
    answer_both_grids(page, image)
    assert Submission.objects.count() == 2


def test_an_address_is_copied_and_the_unfolded_stays_so_while_the_page_renews_itself(study, site, settings, open_page):
    dataset, image, batch = study
    closed = close_batch(batch=make_batch(dataset))
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.clock.install()
    sign_in(page, site)
    page.get_by_role("link", name="Batches and their links").click()
    page.get_by_text("1 closed or replayed batch").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{settings.WORKER_ORIGIN}/join/{batch.public_id}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&")
    make_lease(batch)
    page.clock.run_for(LONGEST_PAUSE_MS)
    expect(page.get_by_text("1 in progress")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Batch {closed.pk}: CONTAINS")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_be_focused()


HOSTILE = " ".join(
    [
        "<script>document.title='taken'</script>",
        "<img src=x onerror=\"document.title='taken'\">",
        "'\"><svg onload=\"document.title='taken'\">",
        "</title></textarea><iframe src=javascript:document.title='taken'>",
        "{{ 7|add:7 }}{% now 'Y' %}",
    ]
)


def test_hostile_words_stay_words_and_photographs_are_shown_on_both_origins(study, site, settings, open_page):
    dataset, image, batch = study
    dataset.label_set.labels.update(words=HOSTILE, gloss=HOSTILE)
    Image.objects.filter(pk=image.pk).update(name=HOSTILE)
    page = open_page()
    start_work(page, worker_address(batch, settings))
    expect(page.locator(".question h1")).to_contain_text(HOSTILE)
    expect(page.locator("main img").first).to_have_js_property("naturalWidth", WIDTH)
    sign_in(page, site)
    expect(page.get_by_role("link", name=HOSTILE).first).to_be_visible()
    assert page.title() == "browser study"
    expect(page.locator("main img").first).to_have_js_property("naturalWidth", WIDTH)


@pytest.mark.parametrize("with_script", [True, False])
def test_who_is_done_is_led_back_to_where_they_came_from(with_script, site, open_page, settings):
    batch = make_batch(completion_url="https://marketplace.example.org/complete?cc=C1&n=2")
    make_grid(batch=batch)
    page = open_page(java_script_enabled=with_script)
    page.route(
        "https://marketplace.example.org/**",
        lambda route: route.fulfill(body="<h1>Back again</h1>", content_type="text/html"),
    )
    start_work(page, worker_address(batch, settings))
    page.get_by_role("checkbox").first.check()
    submit(page)
    expect(page.get_by_role("heading", name="Back again")).to_be_visible()
    assert page.url == batch.completion_url


def test_no_page_is_wider_than_the_screen(study, site, settings, open_page):
    dataset, image, batch = study
    form = make_form(image=image)
    page = open_page()
    sign_in(page, site)
    worker_pages = [worker_address(batch, settings), worker_address(form.hit.batch, settings), settings.WORKER_ORIGIN]
    for address in [*worker_pages, site, f"{site}/datasets/{dataset.name}/", f"{site}/images/{image.public_id}/"]:
        page.goto(address)
        expect_to_fit(page)
        if address in worker_pages[:2]:
            start_work(page, address)
            expect_to_fit(page)


def expect_to_fit(page: Page) -> None:
    for width, scheme in SCREENS:
        resize(page, width, 700)
        recolour(page, scheme)
        assert fits(page), (width, scheme)
