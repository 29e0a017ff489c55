"""Five simulated experts in a browser: first review, consensus, blind second review, outcome."""

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from access.models import Role
from catalog.actions import add_image
from catalog.photographs.reads import read_photograph
from review_task.actions import open_review
from review_task.models import Review
from studies.demo.photos import demo_photos
from tests.browser.looking import fits
from tests.dashboard.outcomes.annotations import annotate
from tests.factories import client_of, make_dataset, make_member

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {"correct": "c", "wrong": "x", "unclear": "u"}
# Labels that models say of each photograph; people say label 3 of the second one.
SAID = [(0, 1), (0,), (0, 2)]
FIRST = {(0, 1): "wrong", (2, 2): "wrong"}
SECOND = {(0, 1): "wrong", (2, 2): "correct"}


class Study:
    """Three photographs of the demo, a review by five, and a page of a browser for each of them and a researcher."""

    def __init__(self, open_page, address):
        self.dataset, self.address = make_dataset(n_labels=5, name="photographs"), address
        label = self.dataset.label_set.labels.get(index=0)
        self.images = [
            add_image(
                dataset=self.dataset,
                name=photo.path.name,
                dataset_label=label,
                photograph=read_photograph(photo.path.read_bytes()),
            )[0]
            for photo in list(demo_photos())[:3]
        ]
        said = [(self.images[n].name, index, 2) for n, labels in enumerate(SAID) for index in labels]
        self.first = open_review(dataset=self.dataset, title="First", n_reviewers=5, predictions=said)
        self.experts = [self.page_of(open_page, make_member(self.dataset, Role.REVIEWER)) for _ in range(5)]
        self.researcher = self.page_of(open_page, make_member(self.dataset, Role.RESEARCHER))

    def page_of(self, open_page, user: User) -> Page:
        page = open_page(viewport={"width": 1280, "height": 1600})
        cookie = client_of(user).cookies[site_settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.address}])
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(f"{self.address}{path}")

    def judge(self, page: Page, review: Review, verdicts: dict[tuple[int, int], str]) -> None:
        """Go through the next class of a review by keyboard: one key a label."""
        self.go(page, f"/review/{review.pk}/next/")
        rows = page.locator("[data-item]")
        expect(page.locator("[data-item][aria-current]")).to_have_count(1)
        numbers = {image.pk: n for n, image in enumerate(self.images)}
        places = {item.public_id: (numbers[item.image_id], item.label.index) for item in self.items(review)}
        for n in range(rows.count()):
            verdict = verdicts.get(places[rows.nth(n).get_attribute("data-item")], "correct")
            expect(rows.nth(n)).to_have_attribute("aria-current", "true")
            page.keyboard.press(KEYS[verdict])
            expect(rows.nth(n)).to_have_attribute("data-verdict", verdict)
        expect(page.get_by_text("All labels of this class are reviewed.").first).to_be_visible()
        expect(page.locator("[data-saving]")).to_have_text("All stored")

    def items(self, review):
        return [item for page in review.pages.all() for item in page.items.select_related("label")]

    def press(self, page: Page, name: str) -> None:
        page.get_by_role("button", name=name).click()


def test_five_experts_review_settle_and_review_again_blindly(site, open_page):
    study = Study(open_page, site)
    # Two of five take label 1 of the first photograph for wrong.
    for n, expert in enumerate(study.experts):
        study.judge(expert, study.first, FIRST if n < 3 else {(2, 2): "wrong"})

    chair = study.experts[0]
    study.go(chair, f"/consensus/{study.first.pk}/")
    chair.keyboard.press("n")
    expect(chair.get_by_role("heading", name="thing 1", exact=True)).to_be_visible()
    chair.keyboard.press("x")
    expect(chair.get_by_text("No disputes.")).to_be_visible()

    researcher = study.researcher
    study.go(researcher, f"/review/{study.first.pk}/")
    study.press(researcher, "Close review")
    annotate(study.images[1], 3)
    researcher.get_by_role("link", name="Review it a second time").click()
    researcher.get_by_label("Title").fill("Second")
    researcher.get_by_label("Reviewers for each label").fill("5")
    assert fits(researcher)
    study.press(researcher, "Open blind review")
    expect(researcher.get_by_text("Blind review “Second” is open.")).to_be_visible()

    second = Review.objects.get(stage="blind")
    for expert in study.experts:
        study.judge(expert, second, SECOND)
        expect(expert.locator("main")).not_to_contain_text("model")
        expect(expert.locator("main")).not_to_contain_text(".jpg")
    study.go(chair, f"/review/{second.pk}/outcome/")
    expect(chair.get_by_text("once it is closed")).to_be_visible()

    study.go(researcher, f"/review/{second.pk}/outcome/")
    study.press(researcher, "Close review")
    study.go(chair, f"/review/{second.pk}/outcome/")
    for outcome, n in (("unchanged", 1), ("added", 1), ("modified", 1), ("waiting", 0)):
        expect(chair.locator(f"[data-outcome={outcome}] dd a")).to_have_text(str(n))
    expect(chair.get_by_role("row", name="thing 3 not reviewed correct")).to_be_visible()
    expect(chair.get_by_role("row", name="thing 2 wrong correct")).to_be_visible()
    chair.set_viewport_size({"width": 360, "height": 800})
    assert fits(chair)
