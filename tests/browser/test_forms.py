"""People at a form, each in their own way: the stored answer is what they meant."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from classify_task.models import ClassifyVote, Form
from tests.browser.looking import NO_RETRIES, ONCE_SHOWN, fits, look, resize, think, wait_until
from tests.chance import seeds
from tests.factories import make_form
from workforce.models import Submission

pytestmark = pytest.mark.django_db(transaction=True)
N_LABELS = 4


@dataclass
class Meaning:
    """The answer in a person's mind: the labels selected, and the one chosen as the main object."""

    selected: set[int] = field(default_factory=set)
    chosen: int | None = None

    def toggle(self, label: int) -> None:
        self.selected ^= {label}
        if self.chosen not in self.selected:
            self.chosen = None

    @property
    def main(self) -> int | None:
        return next(iter(self.selected)) if len(self.selected) == 1 else self.chosen

    @property
    def offered(self) -> list[int]:
        """Return the labels to choose the main object from."""
        return sorted(self.selected) if len(self.selected) > 1 else []


class FormPage:
    """A form's page in a browser; a label is known by its class index."""

    def __init__(self, page: Page, settings: Any, form: Form, loads: bool = True) -> None:
        self.page, self.form = page, form
        page.goto(f"{settings.WORKER_ORIGIN}/join/{form.hit.batch.public_id}?worker=ann")
        page.get_by_role("button", name="Start").click()
        expect(self.submit).to_be_visible()
        page.wait_for_load_state("load")
        if loads:
            look(page)

    @property
    def submit(self) -> Locator:
        return self.page.get_by_role("button", name="Submit", exact=True)

    @property
    def main_group(self) -> Locator:
        return self.page.get_by_role("group", name="Main object")

    def box(self, label: int) -> Locator:
        return self.page.get_by_role("checkbox", name=f"thing {label}")

    def mark(self, label: int) -> Locator:
        return self.main_group.get_by_role("radio", name=f"thing {label}")

    def state(self) -> tuple[list[int], int | None, list[int]]:
        """Return the selected labels, the main object as the page would send it, and those offered for it."""
        selected, main, offered = self.page.evaluate(
            """() => {
                const all = (css) => [...document.querySelectorAll(css)];
                const marks = all("[name=main]").filter((mark) => mark.checkVisibility());
                const sent = new FormData(document.querySelector("[data-answer]"));
                return [sent.getAll("selected"), sent.get("main"), marks.map((mark) => mark.value)];
            }"""
        )
        return sorted(map(int, selected)), None if main is None else int(main), sorted(map(int, offered))

    def expect_thanks(self) -> None:
        expect(self.page.get_by_role("heading", name="Thank you, you are done")).to_be_visible()


def vote() -> tuple[list[int], int]:
    stored = ClassifyVote.objects.get()
    return stored.selected, stored.main


def shown_order(form_page: FormPage) -> list[int]:
    values = form_page.page.locator("[name=selected]").evaluate_all("boxes => boxes.map((box) => box.value)")
    return [int(value) for value in values]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, place: Locator) -> None:
    for _ in range(30):
        if place.evaluate("control => control === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("no way there by Tab")


def test_arrows_move_within_the_main_group_and_change_nothing_else(site, settings, open_page):
    people = FormPage(open_page(), settings, make_form(labels=(0, 1, 2)))
    page, order = people.page, shown_order(people)
    first, second, third = order
    tab_to(page, people.box(first))
    press(page, "Space", "ArrowDown", "ArrowUp", "Tab", "Space")
    assert people.state() == (sorted([first, second]), None, sorted([first, second]))
    tab_to(page, people.mark(first))
    assert people.state()[1] is None, "focus alone chooses nothing"
    press(page, "ArrowDown")
    assert people.state() == (sorted([first, second]), second, sorted([first, second]))
    press(page, "ArrowDown")
    expect(people.mark(first)).to_be_checked()
    press(page, "ArrowUp")
    expect(people.mark(second)).to_be_checked()
    expect(people.box(third)).not_to_be_checked()
    tab_to(page, people.submit)
    press(page, "Enter")
    people.expect_thanks()
    assert vote() == (sorted([first, second]), second)


def test_a_single_label_needs_no_choice(site, settings, open_page):
    people = FormPage(open_page(), settings, make_form(labels=(0, 1, 2)))
    people.box(1).check()
    expect(people.main_group).to_contain_text("You selected one label, so it is the main object.")
    assert people.state() == ([1], None, [])
    people.submit.click()
    people.expect_thanks()
    assert vote() == ([1], 1)


def test_the_label_selected_first_never_becomes_the_main_object_by_itself(site, settings, open_page):
    people = FormPage(open_page(), settings, make_form(labels=(0, 1, 2)))
    people.box(0).check()
    people.box(1).check()
    people.submit.click()
    expect(people.main_group.get_by_role("alert")).to_have_text("2 selected. Which one is the main object?")
    expect(people.main_group).to_be_focused()
    assert not Submission.objects.exists()
    people.mark(1).check()
    people.box(1).uncheck()
    people.box(2).check()
    assert people.state() == ([0, 2], None, [0, 2]), "the mark went with its label, to no other"
    people.mark(0).check()
    people.box(2).uncheck()
    people.box(1).check()
    people.submit.click()
    people.expect_thanks()
    assert vote() == ([0, 1], 0)


@pytest.mark.parametrize("seed", seeds(6))
def test_whatever_the_order_of_steps_the_answer_is_what_was_meant(seed, site, settings, open_page):
    rng, meaning = random.Random(seed), Meaning()
    people = FormPage(open_page(), settings, make_form(labels=tuple(range(N_LABELS))))
    for _ in range(40):
        if meaning.offered and rng.random() < 0.4:
            meaning.chosen = rng.choice(meaning.offered)
            mark_in_one_way(people, meaning.chosen, rng)
        else:
            label = rng.randrange(N_LABELS)
            meaning.toggle(label)
            people.box(label).press("Space") if rng.random() < 0.5 else people.box(label).click()
        main = None if len(meaning.selected) == 1 else meaning.main
        assert people.state() == (sorted(meaning.selected), main, meaning.offered)
    if not meaning.selected:
        meaning.toggle(0)
        people.box(0).check()
    if meaning.main is None:
        people.submit.click()
        expect(people.main_group).to_be_focused()
        meaning.chosen = meaning.offered[-1]
        people.mark(meaning.chosen).check()
    people.submit.click()
    people.expect_thanks()
    assert vote() == (sorted(meaning.selected), meaning.main)


def mark_in_one_way(people: FormPage, label: int, rng: random.Random) -> None:
    """Mark the main object by a click, by Space, or by arrows from another mark."""
    if rng.random() < 0.4:
        people.mark(label).click()
    elif rng.random() < 0.5:
        people.mark(label).press("Space")
    else:
        others = people.main_group.get_by_role("radio")
        others.first.focus()
        for _ in range(N_LABELS):
            press(people.page, "ArrowDown")
            if people.state()[1] == label:
                return


@pytest.mark.parametrize("with_script", [True, False])
def test_enter_submits_on_the_button_alone(with_script, site, settings, open_page):
    people = FormPage(open_page(java_script_enabled=with_script), settings, make_form(labels=(0, 1)))
    people.box(0).check()
    people.box(1).check()
    people.mark(1).check()
    for place in (people.box(0), people.mark(1)):
        place.press("Enter")
        people.page.wait_for_timeout(50)
    assert not Submission.objects.exists()
    expect(people.mark(1)).to_be_checked()
    people.submit.press("Enter")
    people.expect_thanks()
    assert vote() == ([0, 1], 1)


def test_without_scripts_the_site_asks_again_at_the_group_and_nothing_is_lost(site, settings, open_page):
    open_page.expect()  # the browser reports the refusals, 422, as errors
    people = FormPage(open_page(java_script_enabled=False), settings, make_form(labels=(0, 1, 2)))
    expect(people.main_group.get_by_role("radio")).to_have_count(3)
    people.submit.click()
    expect(people.page.get_by_role("group", name="Labels")).to_be_focused()
    people.box(0).check()
    people.box(2).check()
    people.submit.click()
    expect(people.main_group.get_by_role("alert")).to_contain_text("Choose which of the selected labels")
    expect(people.main_group).to_be_focused()
    expect(people.box(0)).to_be_checked()
    people.mark(1).check()
    people.submit.click()
    expect(people.main_group.get_by_role("alert")).to_contain_text("must be a selected label")
    expect(people.mark(1)).to_be_checked()
    people.mark(2).check()
    people.submit.click()
    people.expect_thanks()
    assert vote() == ([0, 2], 2)


# Width and height, and whether the photograph stands beside the labels.
SCREENS = {
    "desktop": (1280, 800, True),
    "desktop at 200 %": (640, 400, True),
    "desktop at 400 %": (320, 256, False),
    "phone": (390, 844, False),
    "lying phone": (844, 390, True),
    "small phone": (320, 568, False),
    "tablet": (768, 1024, False),
}
# The share of the photograph in view, its place, whether it is large enough, and whether a focused control is on top.
IN_VIEW = """control => {
    const photograph = document.querySelector(".subject img").getBoundingClientRect();
    const box = control.getBoundingClientRect();
    const bar = document.querySelector(".bar").getBoundingClientRect();
    const bottom = getComputedStyle(document.querySelector(".bar")).position === "sticky" ? bar.top : innerHeight;
    const seen = Math.min(photograph.bottom, bottom) - Math.max(photograph.top, 0);
    const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const isBeside = photograph.right <= box.left;
    return [seen / photograph.height, isBeside, photograph.width >= 90 && photograph.height >= 60, top === control];
}"""
# Give the focus to each label and each main object, there and back; return what IN_VIEW says of each.
WALK = f"""async () => {{
    const inView = {IN_VIEW};
    const controls = [...document.querySelectorAll("[name=selected]"), ...document.querySelectorAll("[name=main]")];
    const shown = [];
    document.activeElement.blur();
    for (const control of [...controls, ...controls.toReversed()]) {{
        control.focus();
        await ({ONCE_SHOWN})();
        shown.push(inView(control));
    }}
    return shown;
}}"""


def test_a_mended_problem_stays_with_a_tick_and_nothing_moves(site, settings, open_page):
    people = FormPage(open_page(), settings, make_form(labels=(0, 1)))
    problem = people.page.locator("[data-problem]")
    people.submit.click()
    expect(problem).to_have_text("Select at least one label.")
    place = people.box(0).bounding_box()
    people.box(0).check()
    expect(problem).to_contain_class("mended")
    assert people.box(0).bounding_box() == place
    people.box(0).uncheck()
    expect(problem).to_have_class("problem")
    assert people.box(0).bounding_box() == place


def test_the_photograph_stays_beside_or_above_every_label_on_every_screen(site, settings, open_page):
    form = make_form(labels=tuple(range(N_LABELS)))
    form.image.dataset.label_set.labels.update(gloss="a thing with a long description, " * 8)
    people = FormPage(open_page(), settings, form)
    page = people.page
    press(page, "Tab")
    boxes = page.locator("[name=selected]").all()
    for box in boxes:
        box.check()
    for screen, (width, height, is_beside) in SCREENS.items():
        resize(page, width, height)
        # Also back: a control under the photograph counts as in view for a browser that does not know better.
        covered = [shown for shown in page.evaluate(WALK) if shown != [1, is_beside, True, True]]
        assert covered == [], screen
        assert fits(page), screen


def test_the_photograph_is_enlarged_and_back_closes_it(site, settings, open_page):
    people = FormPage(open_page(), settings, make_form(labels=(0, 1)))
    page, address = people.page, people.page.url
    people.box(0).check()
    dialog = page.get_by_role("dialog", name="Enlarged photograph")
    for close in (page.go_back, lambda: press(page, "Escape"), dialog.get_by_role("button", name="Close").click):
        page.get_by_role("link", name="Enlarge the photograph").click()
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Zoom in").click()
        wait_until(
            page,
            "() => { const image = document.querySelector('dialog[open] img');"
            " return image.clientWidth > image.parentElement.clientWidth; }",
        )
        close()
        expect(dialog).to_be_hidden()
        wait_until(page, "!history.state?.large")
        assert page.url == address
    expect(people.box(0)).to_be_checked()


def test_a_photograph_that_does_not_load_is_said_before_the_answer_goes_without_a_vote(site, settings, open_page):
    open_page.expect()  # the browser reports the missing photograph as an error
    page = open_page()
    page.route("**/i/**", lambda route: route.abort())
    people = FormPage(page, settings, make_form(labels=(0, 1)), loads=False)
    people.box(1).check()
    people.submit.click()
    expect(page.get_by_text("The photograph did not load, so your answer will not count as a vote.")).to_be_visible()
    assert not Submission.objects.exists()
    think(page.get_by_role("button", name="Submit anyway")).click()
    people.expect_thanks()
    assert (Submission.objects.get().answer["selected"], ClassifyVote.objects.exists()) == ([1], False)


def test_a_photograph_that_loads_at_last_makes_a_vote(site, settings, open_page):
    open_page.expect()
    page = open_page()
    page.add_init_script(NO_RETRIES)
    page.route("**/i/**", lambda route: route.abort())
    people = FormPage(page, settings, make_form(labels=(0, 1)), loads=False)
    expect(page.get_by_role("button", name="Did not load")).to_be_visible()
    page.unroute("**/i/**")
    page.get_by_role("button", name="Did not load").click()
    people.box(1).check()
    look(page)
    people.submit.click()
    people.expect_thanks()
    assert vote() == ([1], 1)


def test_without_scripts_a_mark_says_that_the_photograph_did_not_load(site, settings, open_page):
    open_page.expect()
    page = open_page(java_script_enabled=False)
    page.route("**/i/**", lambda route: route.abort())
    people = FormPage(page, settings, make_form(labels=(0, 1)), loads=False)
    people.box(1).check()
    page.get_by_role("checkbox", name="The photograph did not load").check()
    people.submit.click()
    people.expect_thanks()
    assert (Submission.objects.get().answer["selected"], ClassifyVote.objects.exists()) == ([1], False)
