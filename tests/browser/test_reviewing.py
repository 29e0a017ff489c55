"""Experts at the page of a class, in a real browser: what is stored is what they pressed, in order, for the item that
was marked when they pressed it.
"""

import random
import re
from collections import defaultdict

import pytest
from playwright.sync_api import expect

from access.models import Role
from review_task.actions import open_review
from review_task.models import FurtherLabel, ProblemMark, Verdict
from review_task.reads import page_content
from tests.browser.looking import fits, wait_until
from tests.factories import client_of, make_dataset, make_images, make_member

VERDICTS = {"c": "correct", "x": "wrong", "u": "unclear", "d": "dontknow"}
NARROW = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
CURRENT = "document.querySelector('[aria-current=true]')?.dataset.item"


class Expert:
    """A reviewer with a browser, at the class 0 of a review of images that models say every label of."""

    def __init__(self, site, open_page, *, n_images, n_labels=4, **options):
        self.site, self.dataset = site, make_dataset(n_labels=n_labels)
        images = make_images(self.dataset, n_images) + make_images(self.dataset, 1, label=1)
        said = [(image.name, label, 1 + label) for image in images for label in range(n_labels)]
        self.review = open_review(dataset=self.dataset, title="all", predictions=said)
        self.first, self.second = self.review.pages.order_by("number")
        self.user = make_member(self.dataset, Role.REVIEWER)
        self.page = open_page(**options)
        self.sign_in()
        self.items = [item.public_id for item in page_content(self.first, self.user).items]
        self.intent: dict[str, str] = {}
        self.presses: dict[str, list[str]] = defaultdict(list)
        self.open()

    @property
    def address(self):
        return f"{self.site}/review/class/{self.first.pk}/"

    def sign_in(self):
        session = client_of(self.user).cookies["session"].value
        self.page.context.add_cookies([{"name": "session", "value": session, "url": self.site}])

    def open(self, page=None):
        (page or self.page).goto(self.address)
        wait_until(page or self.page, "() => document.querySelector('[data-scripts]') !== null")

    def press(self, key, page=None):
        """Press a key of a verdict, and note it for the item that is marked."""
        page = page or self.page
        item = page.evaluate(CURRENT)
        page.keyboard.press(key)
        self.note(item, VERDICTS[key])

    def note(self, item, verdict):
        self.intent[item] = verdict
        self.presses[item].append(verdict)

    def stored(self):
        """Return the verdicts of each item in the order of their rows, and those that count."""
        rows, counted = defaultdict(list), {}
        for row in Verdict.objects.filter(item__page__review=self.review).select_related("item").order_by("pk"):
            rows[row.item.public_id].append(row.verdict)
            if row.counted:
                counted[row.item.public_id] = row.verdict
        return rows, counted

    def wait_until_stored(self, page=None):
        expect((page or self.page).locator("[data-saving]")).to_have_text("All stored")

    def assert_stored(self):
        rows, counted = self.stored()
        assert rows == self.presses
        assert counted == self.intent


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def test_two_hundred_predictions_by_keyboard_alone_are_stored_as_pressed(site, open_page, media):
    expert = Expert(site, open_page, n_images=50)
    page, chance = expert.page, random.Random(7)
    assert page.evaluate(CURRENT) == expert.items[0]
    keys = [chance.choice("cxud") for _ in expert.items]
    # Faster than any person: all keys at once, while the first are on their way.
    page.keyboard.type("".join(keys[:190]))
    for item, key in zip(expert.items, keys[:190], strict=False):
        expert.note(item, VERDICTS[key])
    # Undo goes back to the item, and a key that is held down is one press; with Control it belongs to the browser.
    page.keyboard.press("z")
    expert.note(expert.items[189], "unreviewed")
    assert page.evaluate(CURRENT) == expert.items[189]
    page.keyboard.down("c")
    page.keyboard.down("c")
    page.keyboard.up("c")
    expert.note(expert.items[189], "correct")
    page.keyboard.press("Control+x")
    # Back with the arrows, another verdict, and on with the next open one.
    page.keyboard.press("ArrowUp")
    expert.press("u")
    assert page.evaluate(CURRENT) == expert.items[190]
    for key in keys[190:]:
        expert.press(key)
    expect(page.get_by_text("All labels of this class are reviewed.").first).to_be_visible()
    # One key too many hits nothing.
    page.keyboard.press("c")
    expert.wait_until_stored()
    expert.assert_stored()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="thing 1")).to_be_visible()


def test_verdicts_outlive_loss_of_network_faults_reloads_and_a_second_tab(site, open_page, media):
    expert = Expert(site, open_page, n_images=6)
    page = expert.page
    presses = re.compile(r"/presses/$")

    def lose_the_answer(route):
        route.fetch()
        route.abort()

    # The network is lost: the verdicts are shown, marked as not stored, and kept over a reload.
    page.route(presses, lambda route: route.abort())
    for key in "cxu":
        expert.press(key)
    expect(page.locator("[data-saving=silent]")).to_contain_text("3 verdicts are not stored yet")
    expect(page.locator("[data-waiting]")).to_have_count(3)
    page.once("dialog", lambda dialog: dialog.accept())
    expert.open()
    expect(page.locator("[data-verdict=correct]")).to_have_count(1)
    assert page.evaluate(CURRENT) == expert.items[3]
    # An answer is lost on its way, and then the site has a fault.
    page.unroute(presses)
    page.route(presses, lose_the_answer, times=1)
    expert.press("d")
    expert.press("c")
    page.route(presses, lambda route: route.fulfill(status=503, body="<h1>Busy</h1>"), times=2)
    expert.press("x")
    expert.wait_until_stored()
    expert.assert_stored()
    # The page's token is void, as after a new sign-in; then the person is signed out, and signs in again.
    page.context.clear_cookies(name="csrf")
    page.keyboard.press("z")
    expert.note(expert.items[5], "unreviewed")
    expert.wait_until_stored()
    page.context.clear_cookies(name="session")
    expert.press("x")
    expect(page.locator("[data-saving=signedOut]")).to_contain_text("1 not stored yet")
    expert.sign_in()
    expert.wait_until_stored()
    expert.assert_stored()
    # A second tab shows what the first one does, and the last press of both stands.
    other = page.context.new_page()
    expert.open(other)
    assert other.evaluate(CURRENT) == expert.items[6]
    expert.press("c", other)
    expert.press("c", other)
    row = page.locator(f"[data-item='{expert.items[6]}']")
    expect(row).to_have_attribute("data-verdict", "correct")
    row.get_by_role("radio", name="Wrong").click()
    expert.note(expert.items[6], "wrong")
    expect(other.locator(f"[data-item='{expert.items[6]}']")).to_have_attribute("data-verdict", "wrong")
    # Away and back: the page says what is stored.
    expert.wait_until_stored()
    page.goto(f"{site}/review/{expert.review.pk}/")
    page.go_back()
    expect(page.locator(f"[data-item='{expert.items[6]}']")).to_have_attribute("data-verdict", "wrong")
    wait_until(page, "() => document.querySelector('[data-scripts]') !== null")
    expect(page.locator("input[value=wrong]:checked")).to_have_count(3)
    expert.wait_until_stored()
    expert.assert_stored()
    # The failed requests are reported by the browser, not by us.
    open_page.problems[:] = [problem for problem in open_page.problems if "Failed to load resource" not in problem]


def test_problems_and_further_labels_by_key_on_a_narrow_dark_screen(site, open_page, media):
    expert = Expert(site, open_page, n_images=2, **NARROW)
    page = expert.page
    assert fits(page)
    page.keyboard.press("p")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("2")
    # Letters in a field are letters.
    page.keyboard.press("l")
    page.keyboard.type("a cat with xenon")
    page.keyboard.press("Enter")
    page.keyboard.press("l")
    page.keyboard.type("thing 2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("a cat with xenon")).to_be_visible()
    # A class among those that fit is chosen by the arrow keys; what is typed alone chooses none.
    page.keyboard.press("l")
    assert page.get_by_role("dialog").get_by_role("link", name="thing").count() == 0, "what was typed before is gone"
    page.keyboard.type("thing")
    expect(page.get_by_role("dialog").get_by_role("link", name="thing 3")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="thing 0")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expert.wait_until_stored()
    expert.press("c")
    expert.wait_until_stored()
    expert.assert_stored()
    assert ProblemMark.objects.get().reason == "drawing"
    assert {(row.label and row.label.index, row.words) for row in FurtherLabel.objects.all()} == {
        (None, "a cat with xenon"),
        (2, ""),
        (3, ""),
    }
    for _ in range(3):
        page.keyboard.press("z")
    expert.wait_until_stored()
    assert FurtherLabel.objects.filter(counted=True, is_set=True).count() == 1
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert fits(page)
