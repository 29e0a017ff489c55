"""A reviewer finds classes in a real browser: by search, on the map of the hierarchy, and in a dialog."""

import re

from django.template.loader import render_to_string
from playwright.sync_api import Page, Route, expect

from access.models import Role
from catalog.actions import create_dataset
from catalog.models import Dataset
from dashboard.label_browser.context import chooser
from tests.browser.looking import fits, wait_until
from tests.browser.test_colleagues import NARROW, PASSWORD, sign_in
from tests.factories import make_member, unique

WIDE = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"}


def opened(site: str, open_page, address: str, **options) -> Page:
    dataset = create_dataset(name=unique("classes"))
    reviewer = make_member(dataset, Role.REVIEWER)
    reviewer.set_password(PASSWORD)
    reviewer.save()
    page = open_page(**options)
    page.goto(f"{site}/labels/{address}/{dataset.name}/")
    sign_in(page, reviewer.username)
    return page


def test_results_come_as_one_types_and_lead_to_the_page_of_a_class(site, open_page):
    page = opened(site, open_page, "search", **WIDE)
    field = page.get_by_role("searchbox")
    field.press_sequentially("golden retreiver")
    expect(page.locator("[data-search-hits] a").first).to_contain_text("golden retriever")
    expect(page.get_by_role("status")).to_have_text("Classes: 1")
    field.fill("zzzzqqqq")
    expect(page.get_by_role("status")).to_contain_text("No class fits")
    field.fill("terrier")
    expect(page.get_by_text("under terrier").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.reload()
    expect(page.locator("[data-search-hits] a").first).to_contain_text("terrier")
    field.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Similar classes")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    assert fits(page)


def active(page: Page) -> str:
    return page.evaluate(
        "() => document.getElementById(document.querySelector('[role=tree]').getAttribute('aria-activedescendant'))"
        "?.getAttribute('aria-label') ?? ''"
    )


def expect_active(page: Page, words: str) -> None:
    wait_until(
        page,
        "() => document.getElementById(document.querySelector('[role=tree]').getAttribute('aria-activedescendant'))"
        f"?.getAttribute('aria-label').startsWith({words!r})",
    )


def test_the_map_is_walked_by_keys_zoomed_and_dragged(site, open_page):
    page = opened(site, open_page, "hierarchy", **WIDE, reduced_motion="reduce")
    view = page.get_by_role("tree")
    expect_active(page, "entity, 1000 classes")
    n_boxes = page.get_by_role("treeitem").count()
    assert 20 < n_boxes < 600, "what is too small to be seen is not drawn"
    view.focus()
    page.keyboard.press("ArrowRight")
    expect_active(page, "abstraction")
    page.keyboard.press("ArrowDown")
    expect_active(page, "physical entity")
    page.keyboard.press("ArrowLeft")
    expect_active(page, "entity")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    view.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    before = active(page)
    page.keyboard.press("Enter")
    assert active(page) == before
    page.keyboard.press("Home")
    expect_active(page, "entity")
    place = view.bounding_box()
    assert place
    page.mouse.move(place["x"] + 300, place["y"] + 200)
    expect(page.locator(".map-box.silent")).not_to_have_count(0)
    for _ in range(8):
        page.mouse.wheel(0, -300)
    # So near that every name can be read.
    expect(page.locator(".map-box.silent")).to_have_count(0)
    box = page.locator(".map-box").last
    moved = box.get_attribute("style")
    page.mouse.down()
    page.mouse.move(place["x"] + 200, place["y"] + 120, steps=4)
    page.mouse.up()
    assert box.get_attribute("style") != moved
    page.get_by_role("button", name="Whole map").click()
    expect_active(page, "entity")


def test_the_map_begins_at_a_class_and_opens_its_page(site, open_page):
    page = opened(site, open_page, "class/207", **NARROW)
    page.get_by_role("link", name="Show in the map").click()
    expect_active(page, "golden retriever, class 207")
    assert fits(page)
    page.get_by_role("button", name="Open the page of this class").click()
    expect(page).to_have_url(re.compile("/labels/class/207/"))


def test_without_scripts_search_and_hierarchy_are_plain_pages(site, open_page):
    page = opened(site, open_page, "search", **NARROW, java_script_enabled=False)
    page.get_by_role("searchbox").fill("poodel")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="toy poodle")).to_be_visible()
    assert fits_unscripted(page)
    page.get_by_role("link", name="Hierarchy", exact=True).click()
    page.get_by_role("link", name="physical entity").first.click()
    page.get_by_role("link", name="object", exact=True).first.click()
    expect(page.get_by_role("link", name="whole")).to_be_visible()


def with_chooser(page: Page, dataset: Dataset) -> None:
    """Give pages of this browser a button to choose a label, and its dialog, as any page may have them."""
    button = '<p id="chosen">nothing</p><a href="/elsewhere/" data-choose-label>Choose a label</a>'
    part = button + render_to_string("dashboard/label_browser/dialog.html", {"dataset": dataset} | chooser(dataset))

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace("</main>", f"{part}</main>"))

    page.route("**/labels/class/1/**", answer)


def test_another_page_lets_people_choose_a_label_in_a_dialog(site, open_page, settings):
    settings.ROOT_URLCONF = "annotation_site.staff_urls"
    page = opened(site, open_page, "class/0", **WIDE)
    dataset = Dataset.objects.get()
    with_chooser(page, dataset)
    page.goto(f"{site}/labels/class/1/{dataset.name}/")
    page.evaluate(
        "() => document.addEventListener('label-chosen', (event) => {"
        " document.getElementById('chosen').textContent = event.detail.index + ' ' + event.detail.words; })"
    )
    button = page.locator("[data-choose-label]")
    button.click()
    dialog = page.get_by_role("dialog", name="Choose a label")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    dialog.get_by_role("searchbox").press_sequentially("golden retreiver")
    expect(dialog.locator("[data-search-hits] a").first).to_contain_text("golden retriever")
    page.keyboard.press("Enter")
    expect(page.locator("#chosen")).to_have_text("207 golden retriever")
    expect(button).to_be_focused()
    button.click()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def fits_unscripted(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))
