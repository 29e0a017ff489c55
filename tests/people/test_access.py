"""Worker pages for everybody: keyboard, zoom, contrast, names for screen readers, and the language of each part."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.looking import SCHEMES, recolour, wait_until
from tests.chance import SOAK
from tests.people.acts import Acts
from tests.people.audits import (
    LOW_CONTRAST,
    MOVES,
    SMALL_TARGETS,
    WIDTH,
    WITHOUT_LANGUAGE,
    focus_stops,
)
from tests.people.person import FORM, GRID, LINK, N_PHOTOGRAPHS, Person
from tests.people.stage import Stage
from tests.people.surroundings import TASK

# The window, and what is left of 1,280 x 1,024 pixels by a zoom of 200 % and of 400 %.
DESK, PHONE, TWICE, FOUR_TIMES = (1280, 720), (390, 844), (640, 512), (320, 256)
# Pages and states of pages: the kind of task, and what a person does to get there.
STATES = {
    "start": (GRID, "open"),
    "grid": (GRID, "start"),
    "grid with a question": (GRID, "start; see all; submit; asked"),
    "grid with a report": (GRID, "start; report"),
    "form": (FORM, "start"),
    "form with a choice": (FORM, "start; select 0 1"),
    "form refused": (FORM, "start; submit; refused"),
    "done": (FORM, "start; see all; select 0; submit; arrive"),
}
SPOKEN = """(element) => {
  const ids = ["aria-labelledby", "aria-describedby"].map((name) => element.getAttribute(name) ?? "");
  const places = ids.join(" ").split(" ").map((id) => document.getElementById(id));
  const texts = [element, ...(element.labels ?? []), ...places].map((place) => place?.textContent);
  return [element.getAttribute("aria-label"), ...texts].join(" ");
}"""


@pytest.fixture
def someone(stage: Stage):
    """Return a function that brings a person into a state; errors of a page fail the test."""
    people: list[Acts] = []

    def bring(state: str, **device: Any) -> Acts:
        task, acts = STATES[state]
        viewport = {"width": DESK[0], "height": DESK[1]}
        person = Person("someone", device={"viewport": viewport} | device)
        people.append(Acts(stage, stage.study(task, LINK, "introduced"), person, LINK))
        people[-1].run(acts)
        return people[-1]

    yield bring
    for person in people:
        person.leave()
        assert not person.problems


@pytest.mark.parametrize("state", STATES)
def test_a_page_is_to_be_used_by_keyboard_at_every_size_and_read_in_every_light(someone, state):
    person = someone(state)
    walk_at_every_size(person, list(STATES).index(state))
    look_in_every_light(person)


def walk_at_every_size(person: Acts, place: int) -> None:
    """A control with the focus is never covered, and nothing is too wide."""
    for number, (width, height) in enumerate((DESK, PHONE, TWICE, FOUR_TIMES)):
        person.resize(width, height)
        # In every run the keyboard goes through half of the sizes, the next state's through the others.
        if SOAK or number % 2 == place % 2:
            assert focus_stops(person.page, person.page) == [], width
            assert focus_stops(person.page, person.page, key="Shift+Tab") == [], width
        assert person.page.evaluate(WIDTH) == 0, width
        assert person.page.evaluate(SMALL_TARGETS) == [], width


def look_in_every_light(person: Acts) -> None:
    """Text stands out, and nothing moves for those who want that."""
    person.resize(*DESK)
    person.page.emulate_media(reduced_motion="reduce")
    wait_until(person.page, "matchMedia('(prefers-reduced-motion: reduce)').matches")
    for scheme in SCHEMES:
        recolour(person.page, scheme)
        assert person.page.evaluate(LOW_CONTRAST) == [], scheme
        assert person.page.evaluate(MOVES) == [], scheme


@pytest.mark.parametrize("state", ["form refused", "grid with a question"])
@pytest.mark.parametrize("has_scripts", [True, False])
def test_after_a_refusal_the_focus_is_where_it_can_be_mended(someone, state, has_scripts):
    task, acts = STATES[state]
    person = someone(state, java_script_enabled=has_scripts)
    focused = person.page.locator(":focus")
    expect(focused).to_have_count(1)
    assert focused.evaluate("element => !!element.closest('form[data-answer]')")
    spoken = spoken_of(focused)
    assert re.search("Select at least one|None of|No photograph|no photograph", spoken), spoken


def spoken_of(place: Locator) -> str:
    """Return what is announced of a place: its texts, its name, and what describes it."""
    return place.evaluate(SPOKEN)


def test_a_screen_reader_names_each_photograph_its_state_and_the_group(someone):
    person = someone("grid")
    group = person.page.get_by_role("group", name=re.compile("Photographs that show: .*thing 0"))
    tree = group.aria_snapshot()
    numbers = re.findall(r'checkbox "photograph (\d+)', tree)
    assert [int(number) for number in numbers] == list(range(1, N_PHOTOGRAPHS + 1)), tree
    assert "[checked]" not in tree
    # A picture that is announced beside its checkbox would be heard twice.
    person.select("3")
    tree = group.aria_snapshot()
    assert re.search(r'checkbox "photograph 3[^"]*" \[checked\]', tree), tree
    assert tree.count("[checked]") == 1
    expect(person.page.locator("[data-note]")).to_contain_text(f"1 of {N_PHOTOGRAPHS}")


def test_a_screen_reader_names_each_label_its_meaning_and_both_groups(someone):
    person = someone("form with a choice")
    labels = person.page.get_by_role("group", name="Labels")
    tree = labels.aria_snapshot()
    assert sorted(re.findall(r'checkbox "(thing \d)', tree)) == ["thing 0", "thing 1", "thing 2"], tree
    assert tree.count("[checked]") == 2
    for index in range(3):
        box = labels.get_by_role("checkbox", name=f"thing {index}")
        expect(box).to_have_accessible_description(f"a thing numbered {index}")
    mains = person.page.get_by_role("group", name="Main object", exact=True)
    tree = mains.aria_snapshot()
    assert sorted(re.findall(r'radio "(thing \d)', tree)) == ["thing 0", "thing 1"], tree
    assert "[checked]" not in tree
    expect(person.page.get_by_role("img", name="The photograph in question").first).to_be_visible()


@pytest.mark.parametrize(("state", "place"), [("grid", ".tile >> nth=2"), ("form", "label.pick >> nth=1")])
def test_with_forced_colours_a_selection_and_the_focus_are_to_be_seen(someone, state, place):
    person = someone(state, forced_colors="active")
    tile = person.page.locator(f"{TASK} {place}")
    box = tile.locator("input").first
    plain = tile.screenshot(animations="disabled")
    box.focus()
    person.page.keyboard.press("Shift")
    focused = tile.screenshot(animations="disabled")
    person.page.keyboard.press("Space")
    expect(box).to_be_checked()
    box.blur()
    selected = tile.screenshot(animations="disabled")
    assert len({plain, focused, selected}) == 3


LANGUAGES = ("de", "es")
READ = [(state, language) for state in ("start", "grid", "form", "form with a choice") for language in LANGUAGES]


# In every run, each state in one of the languages.
@pytest.mark.parametrize(("state", "language"), READ if SOAK else [READ[0], READ[3], READ[5], READ[6]])
def test_a_page_is_in_the_readers_language_and_foreign_words_say_theirs(someone, state, language):
    person = someone(state, locale=language)
    assert person.page.locator("html").get_attribute("lang") == language
    for words in ("thing 0", "a thing numbered 0"):
        assert person.page.evaluate(WITHOUT_LANGUAGE, words) == []
    titles = {"de": r"Studie|Fotos|Foto", "es": r"estudio|fotos|foto"}
    assert re.search(titles[language], person.page.title()), person.page.title()
