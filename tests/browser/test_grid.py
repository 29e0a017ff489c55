"""People at a grid, and the votes that they leave: what they meant, and nothing else."""

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, Route, expect

from contains_task.models import ContainsVote, Grid
from tests.browser.looking import (
    NO_RETRIES,
    RETRIES_AGAIN,
    fits,
    look,
    resize,
    submit,
    submit_none,
    think,
    wait_for_task,
    wait_until,
)
from tests.browser.test_frame import Work, parent  # noqa: F401
from tests.browser.test_study import start_work, worker_address
from tests.factories import make_batch, make_dataset, make_grid
from tests.required import require
from tests.workforce.assignments_by_hand import make_offered_grid
from workforce.models import Lease, Submission
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
BOTH = pytest.mark.parametrize("with_script", [True, False])
PHOTOGRAPHS = "**/i/**"
PRESS_TWICE_WHILE_BUSY = """() => {
  document.querySelector(".bar button[type=submit]").click();
  const end = performance.now() + 1000;
  while (performance.now() < end);
  document.querySelector("[data-question] button").click();
}"""
LONG_GLOSS = (
    "sauce made with unsweetened chocolate or cocoa and sugar and water, sometimes with cream or butter besides"
)


class Person:
    """Somebody at a grid of so many photographs, called by their place on the page."""

    def __init__(self, page: Page, settings, n_images: int, **options) -> None:
        self.page = page
        self.grid: Grid = make_grid(n_images=n_images, **options)
        start_work(page, worker_address(self.grid.hit.batch, settings))
        lease = Lease.objects.get()
        handles = {image_handle(lease, cell.image.public_id): cell.image_id for cell in self.grid.cells.all()}
        self.images = [handles[handle] for handle in sorted(handles)]

    def box(self, place: int):
        return self.page.locator("[name=selected]").nth(place)

    def photograph(self, place: int):
        return self.page.locator(".tile img").nth(place)

    def press_submit(self) -> None:
        self.page.get_by_role("button", name="Submit", exact=True).click()

    def expect_done(self) -> None:
        expect(self.page.get_by_role("heading", name="Thank you")).to_be_visible()

    def votes(self) -> dict[int, bool]:
        """Return the votes by the places of their photographs."""
        votes = dict(ContainsVote.objects.values_list("image", "selected"))
        return {self.images.index(image): selected for image, selected in votes.items()}

    def answers(self) -> list[str]:
        """Return the raw answer of each photograph, in the order of the page."""
        raw = Submission.objects.get().answer
        words = dict.fromkeys(raw["selected"], "yes") | dict.fromkeys(raw.get("maybe", []), "maybe")
        return [words.get(image, "no") for image in raw["shown"]]

    def selected(self) -> set[int]:
        return {place for place, selected in self.votes().items() if selected}


def places(page: Page) -> list[str]:
    """Return where tiles and photographs lie on the page, and how large they are."""
    return page.locator(".tile, .tile img").evaluate_all(
        "all => all.map(it => { const { x, y, width, height } = it.getBoundingClientRect();"
        " return [x + scrollX, y + scrollY, width, height].map(Math.round).join(' ') })"
    )


def begin_without(page: Page, settings, n_images: int, refused: Sequence[int]) -> Person:
    """Begin a grid on which the photographs of these places do not load, however they are asked for."""
    chosen = {""}  # at first all, since who is asked for what is not known yet

    def refuse(route: Route) -> None:
        if any(handle in route.request.url for handle in chosen):
            route.abort()
        else:
            route.continue_()

    page.add_init_script(NO_RETRIES)
    page.route(PHOTOGRAPHS, refuse)
    person = Person(page, settings, n_images)
    handles = {require(page.locator(".tile").nth(number).get_attribute("data-photograph")) for number in refused}
    chosen.clear()
    chosen.update(handles)
    page.reload()
    return person


@BOTH
def test_enter_on_photographs_submits_nothing_and_an_untouched_grid_is_asked_about(
    with_script, site, settings, open_page
):
    open_page.expect()  # the browser reports the question without scripts, 422, as an error
    person = Person(open_page(java_script_enabled=with_script), settings, 3)
    for place in range(3):
        person.box(place).press("Enter")
    assert person.page.locator("[name=selected]").count() == 3
    look(person.page)
    person.page.get_by_role("button", name="Submit", exact=True).press("Enter")
    expect(person.page.get_by_text(re.compile("None of the.* 3 .*thing 0")).first).to_be_visible()
    if with_script:
        # Who keeps pressing Enter has not answered the question.
        think(person.page.get_by_role("button", name="Yes, that is right"))
        person.page.keyboard.press("Enter")
        expect(person.page.locator("[data-question]")).to_be_focused()
    assert not Submission.objects.exists()
    person.photograph(1).click()
    expect(person.box(1)).to_be_checked()
    person.page.get_by_role("button", name="Submit", exact=True).press("Enter")
    person.expect_done()
    assert person.votes() == {0: False, 1: True, 2: False}


def test_impatient_clicks_on_submit_do_not_answer_the_question(site, settings, open_page):
    page = open_page()
    page.clock.install()
    person = Person(page, settings, 3)
    look(page)
    # Impatient by the clock of the page, however slow the machine of the test is.
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
    page.get_by_role("button", name="Submit", exact=True).click(click_count=3)
    yes = person.page.get_by_role("button", name="Yes, that is right")
    expect(yes).to_be_visible()
    page.clock.run_for(200)
    yes.dispatch_event("click")  # at once, wherever the pointer is
    expect(yes).to_be_visible()
    page.clock.resume()
    person.page.keyboard.press("Escape")
    expect(yes).to_be_hidden()
    expect(person.page.get_by_role("button", name="Submit", exact=True)).to_be_focused()
    assert not Submission.objects.exists()
    submit_none(person.page)
    person.expect_done()
    assert person.votes() == dict.fromkeys(range(3), False)


def test_the_question_is_answered_by_keyboard(site, settings, open_page):
    person = Person(open_page(), settings, 2)
    look(person.page)
    # On a slow device the second press of a double click may wait until the question is there.
    person.page.evaluate(PRESS_TWICE_WHILE_BUSY)
    expect(person.page.locator("[data-question]")).to_be_focused()
    yes = think(person.page.get_by_role("button", name="Yes, that is right"))
    assert not Submission.objects.exists()
    person.page.keyboard.press("Tab")
    expect(yes).to_be_focused()
    person.page.keyboard.press("Enter")
    person.expect_done()
    assert person.votes() == {0: False, 1: False}


def test_without_scripts_none_is_a_checkbox_beside_submit(site, settings, open_page):
    open_page.expect()
    person = Person(open_page(java_script_enabled=False), settings, 2)
    person.page.locator("[name=unloaded]").first.check()
    person.press_submit()
    expect(person.page.locator("[name=none]")).to_be_focused()
    assert not Submission.objects.exists()
    expect(person.page.locator("[name=unloaded]").first).to_be_checked()
    person.page.locator("[name=none]").check()
    person.press_submit()
    person.expect_done()
    assert person.votes() == {1: False}, "no vote on what did not load"


def test_arrows_move_by_the_visual_grid_and_space_selects(site, settings, open_page):
    page = open_page(viewport={"width": 1280, "height": 800})
    person = Person(page, settings, 12)
    tops = page.locator(".tile").evaluate_all("all => all.map(tile => tile.offsetTop)")
    columns = tops.count(tops[0])
    assert 1 < columns < 12
    before = places(page)
    person.box(0).focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "Space", "ArrowDown", "Space", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    expect(person.box(0)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # on the link to enlarge
    page.keyboard.press("Tab")
    expect(person.box(1)).to_be_focused()
    assert places(page) == before, "nothing moves"
    submit(page)
    person.expect_done()
    assert person.selected() == {0, 1, 1 + columns}


def test_focus_is_never_behind_the_bar(site, settings, open_page):
    page = open_page()
    person = Person(page, settings, 8)
    for width, height in ((1280, 800), (390, 844), (320, 256)):
        resize(page, width, height)
        for place in range(7):
            # Where the bar lies over both, a browser by itself scrolls no further.
            person.box(place).evaluate(
                "it => { scrollBy(0, it.getBoundingClientRect().bottom - innerHeight + 10);"
                " it.focus({ preventScroll: true }) }"
            )
            page.keyboard.press("Tab")
            bottom, bar = page.evaluate(
                "[document.activeElement.getBoundingClientRect().bottom,"
                " document.querySelector('.bar').getBoundingClientRect().top]"
            )
            assert bottom <= bar + 1, (width, place)
    page.reload()
    look(page)  # all of them can be seen, also in a tenth of the usual room


def test_keys_do_nothing_in_a_text_and_can_be_switched_off(site, settings, open_page):
    page = open_page()
    person = Person(page, settings, 2)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_label("Use single letters and signs").uncheck()
    page.keyboard.press("Escape")
    person.box(0).press("z")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("[data-to-keys]").click()
    page.get_by_label("Use single letters and signs").check()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("#report > summary").click()
    words = page.get_by_label("Details (optional)")
    words.press_sequentially("z? m")
    expect(words).to_have_value("z? m")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_enlarged_view_zooms_steps_and_selects_and_back_closes_it(site, settings, open_page):
    page = open_page()
    person = Person(page, settings, 4)
    address = page.url
    large, picture = page.locator("dialog.large"), page.locator("dialog.large img")
    person.box(1).press("z")
    expect(large).to_be_visible()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "photograph 3")
    for name in ("Zoom in", "Zoom in", "Zoom out"):
        large.get_by_role("button", name=name).click()
    expect(picture).to_have_attribute("style", re.compile("width: 200%"))
    page.locator(".stage").dblclick()
    expect(picture).to_have_attribute("style", re.compile("width: 100%"))
    page.mouse.wheel(0, -300)
    expect(picture).not_to_have_attribute("style", re.compile(r"width: 100%"))
    page.go_back()
    expect(large).to_be_hidden()
    expect(person.box(2)).to_be_focused()
    assert page.url == address
    for way in ("Escape", "z"):
        person.box(3).press("z")
        expect(large).to_be_visible()
        page.keyboard.press(way)
        expect(large).to_be_hidden()
        expect(person.box(3)).to_be_focused()
        wait_until(page, "history.state === null")
    person.box(0).press("z")
    expect(large).to_be_visible()
    page.reload()
    expect(large).to_be_visible()
    large.get_by_role("button", name="Close").click()
    expect(large).to_be_hidden()
    wait_until(page, "history.state === null")
    submit(page)
    person.expect_done()
    assert person.selected() == {1}


def test_the_enlarged_view_never_shows_a_photograph_under_the_name_of_another(site, settings, open_page):
    page = open_page()
    person = Person(page, settings, 3)
    large, picture = page.locator("dialog.large"), page.locator("dialog.large img")
    person.box(1).press("z")
    wait_until(page, "() => document.querySelector('dialog.large[open] img')?.naturalWidth > 0")
    expect(large.get_by_role("status")).to_have_text("photograph 2")
    expect(large.get_by_text("thing 0", exact=True)).to_be_visible()
    page.route("**/i/**", lambda route: None)  # nothing more comes
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "photograph 3")
    assert picture.evaluate("it => it.naturalWidth") == 0
    large.get_by_role("button", name="Previous photograph").click()
    large.get_by_role("button", name="Previous photograph").click()
    expect(large.get_by_label("Select: photograph 1")).to_be_focused()
    page.unroute_all(behavior="ignoreErrors")


def test_arrows_move_an_enlarged_photograph_and_go_on_at_its_border(site, settings, open_page):
    page = open_page()
    person = Person(page, settings, 2)
    person.box(0).press("z")
    picture, stage = page.locator("dialog.large img"), page.locator(".stage")
    wait_until(page, "() => document.querySelector('dialog.large[open] img')?.naturalWidth > 0")
    page.keyboard.press("+")
    before = stage.evaluate("it => it.scrollLeft")
    page.keyboard.press("ArrowRight")
    assert stage.evaluate("it => it.scrollLeft") == before + 80
    expect(picture).to_have_attribute("alt", "photograph 1")
    stage.evaluate("it => it.scrollTo(it.scrollWidth, 0)")
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "photograph 2")


def test_a_double_click_selects_once_and_a_later_click_takes_it_back(site, settings, open_page):
    person = Person(open_page(), settings, 2)
    person.photograph(1).dblclick()
    expect(person.box(1)).to_be_checked()
    person.box(0).dblclick()
    expect(person.box(0)).to_be_checked()
    person.photograph(1).click()
    expect(person.box(1)).not_to_be_checked()


def test_the_enlarged_view_closes_by_back_in_a_marketplaces_frame(open_page, parent, settings):  # noqa: F811
    grid, external_hit_id = make_offered_grid(n_images=2, n_slots=1)
    work = Work(open_page(), parent, settings, grid.hit, external_hit_id)
    work.open()
    work.frame.locator(".enlarge").first.click()
    work.frame.locator("[data-pick]").check()
    large = work.frame.locator("dialog.large")
    work.page.evaluate("history.back()")
    expect(large).to_be_hidden()
    expect(work.frame.locator("[name=selected]").first).to_be_checked()
    work.hand_in()
    assert len(work.expect_arrived()["selected"].split()) == 1


def test_what_did_not_load_is_said_and_gets_no_vote(site, settings, open_page):
    open_page.expect()  # the browser reports each photograph
    page = open_page()
    person = begin_without(page, settings, 4, refused=(0, 2))
    expect(page.get_by_role("button", name="photograph 3: Did not load. Try again")).to_be_visible()
    person.photograph(1).click()
    expect(page.locator(".tile[data-seen]")).to_have_count(2)
    person.press_submit()
    expect(page.get_by_role("alert")).to_have_text("2 photographs did not load.")
    expect(page.locator(".retry").first).to_be_focused()
    assert not Submission.objects.exists()
    think(page.get_by_role("button", name="Submit anyway")).click()
    person.expect_done()
    assert person.votes() == {1: True, 3: False}
    assert len(Submission.objects.get().answer["unseen"]) == 2


def test_photographs_load_at_once_after_a_long_time_offline(site, settings, open_page):
    open_page.expect()  # the browser reports each photograph
    page = open_page(**PHONE)
    page.add_init_script(NO_RETRIES)
    person = Person(page, settings, 36)
    expect(page.locator(".tile").first).to_have_attribute("data-seen", "")
    page.context.set_offline(True)
    page.locator(".tile").last.scroll_into_view_if_needed()
    expect(page.locator(".retry").last).to_be_visible()
    # A browser may say that it is online a moment before its requests get through.
    page.evaluate(RETRIES_AGAIN)
    page.context.set_offline(False)
    submit_none(page)
    person.expect_done()
    assert person.votes() == dict.fromkeys(range(36), False)


def test_a_photograph_that_failed_is_seen_once_it_is_tried_again(site, settings, open_page):
    open_page.expect()
    page = open_page()
    person = begin_without(page, settings, 2, refused=(1,))
    again = page.get_by_role("button", name="photograph 2: Did not load. Try again")
    expect(again).to_be_visible()
    page.unroute(PHOTOGRAPHS)
    again.press("Enter")
    expect(again).to_have_count(0)
    submit_none(page)
    person.expect_done()
    assert person.votes() == {0: False, 1: False}


def test_who_did_not_scroll_is_told_and_submits_deliberately(site, settings, open_page):
    page = open_page(**PHONE)
    person = Person(page, settings, 24)
    person.box(0).check()
    # What is on the first screen has loaded: else the page would say that it did not.
    wait_until(
        page,
        "[...document.querySelectorAll('.tile img')]"
        ".every((image) => image.complete || image.getBoundingClientRect().top > innerHeight)",
    )
    expect(page.locator(".tile").nth(1)).to_have_attribute("data-seen", "")
    person.press_submit()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"You have not seen \d+ photographs"))
    n_asked = int(require(re.search(r"\d+", require(page.get_by_role("alert").text_content())))[0])
    assert page.evaluate("document.activeElement.closest('.tile')") is not None, "led to the first"
    assert page.evaluate("scrollY") > 0
    anyway = think(page.get_by_role("button", name="Submit anyway"))
    assert not Submission.objects.exists()
    # The question shows some.
    wait_until(page, f"document.querySelectorAll('.tile[data-seen]').length > {24 - n_asked}")
    anyway.click()
    person.expect_done()
    votes = person.votes()
    assert (0 in votes, len(votes), 23 in votes) == (True, 24 - n_asked, False)


def test_who_goes_through_all_checkboxes_by_keyboard_has_seen_them(site, settings, open_page):
    page = open_page(viewport={"width": 390, "height": 500})
    person = Person(page, settings, 12)
    wait_until(page, "[...document.images].every(image => image.closest('dialog') || image.complete)")
    person.box(0).focus()
    for _ in range(22):
        page.keyboard.press("Tab")
        # No finger is faster than the screen.
        page.evaluate("new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)))")
    expect(person.box(11)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".tile[data-seen]")).to_have_count(12)
    person.press_submit()
    person.expect_done()
    assert person.votes() == dict.fromkeys(range(11), False) | {11: True}


def test_a_hidden_page_is_not_looked_at(site, settings, open_page):
    page = open_page()
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => !window.isLookedAt })")
    Person(page, settings, 2)
    page.wait_for_timeout(400)
    assert page.locator(".tile[data-seen]").count() == 0
    page.evaluate("window.isLookedAt = true")
    look(page)


def test_the_first_photographs_lie_on_the_first_screen_of_a_phone_and_nothing_moves(site, settings, open_page):
    dataset = make_dataset(images_per_grid=48)
    words = "chocolate sauce, chocolate syrup, a sauce that has a very long second name"
    dataset.label_set.labels.update(words=words, gloss=LONG_GLOSS, wikipedia_url="https://en.wikipedia.org/wiki/Sauce")
    batch = make_batch(dataset)
    for _ in range(2):
        make_grid(n_images=12, batch=batch)
    page = open_page(color_scheme="light", **PHONE)
    start_work(page, worker_address(batch, settings))
    look_at_the_first_screen(page)
    expect(page.locator("details.how")).to_have_attribute("open", "")
    submit(page)
    expect(page.get_by_text("1 task done")).to_be_visible()
    wait_for_task(page)
    page.wait_for_load_state("load")
    page.emulate_media(color_scheme="dark")
    look_at_the_first_screen(page)
    expect(page.locator("details.how")).not_to_have_attribute("open", "")


def look_at_the_first_screen(page: Page) -> None:
    first, bar = page.locator(".tile").first, page.locator(".bar")
    top, height = first.evaluate("it => [it.offsetTop, it.offsetHeight]")
    assert top + height / 2 < 844 - bar.evaluate("it => it.offsetHeight")
    for line in page.locator(".line summary").all():
        assert line.evaluate("it => it.offsetHeight") < 32, "one line"
    page.locator(".line summary").last.click()
    assert page.locator(".line summary").last.evaluate("it => it.offsetHeight") > 32, "the whole of it"
    before = places(page)
    first.locator("img").click()
    assert places(page) == before
    page.mouse.wheel(0, 3000)
    expect(page.locator(".bar-label")).to_be_in_viewport()
    expect(page.locator(".bar-label")).to_have_text("chocolate sauce")
    assert fits(page)


def test_three_answers_by_presses_boxes_and_keys(site, settings, open_page):
    page = open_page(**PHONE)
    person = Person(page, settings, 5, batch=make_batch(answers="three"))
    before = places(page)
    for place, n_presses in enumerate((1, 2, 3)):
        for _ in range(n_presses):
            person.photograph(place).click()
    page.get_by_role("checkbox", name="Photograph 4: maybe").check()
    page.get_by_role("checkbox", name="Photograph 4: yes").check()
    expect(page.get_by_role("checkbox", name="Photograph 4: maybe")).not_to_be_checked()
    person.box(4).press("z")
    page.get_by_role("dialog").get_by_role("checkbox", name="Maybe").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("status")).to_have_text("2 yes, 2 maybe, of 5")
    assert places(page) == before
    submit(page)
    person.expect_done()
    assert person.answers() == (["yes", "maybe", "no", "yes", "maybe"])


def test_three_answers_without_scripts(site, settings, open_page):
    page = open_page(java_script_enabled=False)
    person = Person(page, settings, 3, batch=make_batch(answers="three"))
    page.get_by_role("checkbox", name="Photograph 1: maybe").check()
    page.get_by_role("checkbox", name="Photograph 3: yes").check()
    person.press_submit()
    person.expect_done()
    assert person.answers() == ["maybe", "no", "yes"]
