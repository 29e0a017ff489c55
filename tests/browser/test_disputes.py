"""Two reviewers settle what they differ on in a real browser, by keyboard alone, and one of them without scripts."""

import pytest
from playwright.sync_api import Page, expect

from review_task.actions import give_verdict
from review_task.mistakes.actions import open_mistakes
from review_task.models import ConsensusVerdict
from tests.browser.looking import fits
from tests.factories import make_dataset, make_images
from tests.review_task.panels import items_of, make_reviewers, predict

PASSWORD = "a long pass phrase"
NARROW = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "java_script_enabled": False}


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def disputed(site, settings, tmp_path):
    """A mistake queue of three images: both reviewers call them wrong, and differ in what kind of mistake they are."""
    settings.MEDIA_ROOT = tmp_path / "media"
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 3), [1, 1, 1], "ViT-3B")
    review = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=2).review
    reviewers = make_reviewers(dataset, 2)
    for user, severity in zip(reviewers, ("Major", "Minor"), strict=True):
        user.set_password(PASSWORD)
        user.save()
        for item in items_of(review):
            give_verdict(page=item.page, user=user, item=item, verdict="wrong", category="Other", severity=severity)
    return review, reviewers


def test_disputes_are_settled_by_keyboard_and_without_scripts(site, open_page, disputed):
    review, (ann, bob) = disputed
    page = open_page()
    page.goto(f"{site}/consensus/{review.pk}/")
    sign_in(page, ann.username)
    expect(page.get_by_role("heading", name="Disputes")).to_be_visible()
    assert fits(page)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Verdicts")).to_be_visible()
    # A comment: the keys of the page are letters in a field.
    page.keyboard.press("m")
    page.keyboard.type("cuw, see the handle")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("cuw, see the handle")).to_be_visible()
    # Wrong alone does not do: a mistake needs its kind. Then digit, letter, verdict.
    page.keyboard.press("x")
    expect(page.get_by_role("alert")).to_contain_text("A mistake needs a category")
    page.keyboard.press("1")
    page.keyboard.press("b")
    page.keyboard.press("x")
    settled = page.get_by_role("status").filter(has_text="is settled as wrong.")
    expect(settled).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_text("opened it again")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="is settled as correct.")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("status").filter(has_text="is settled as unclear.")).to_be_visible()
    rows = ConsensusVerdict.objects.order_by("pk").values_list("verdict", "category", "severity")
    assert list(rows) == [
        ("wrong", "Fine-grained error", "Borderline"),
        *((verdict, "", "") for verdict in ("unreviewed", "correct", "unclear")),
    ]
    other = open_page(**NARROW)
    other.goto(f"{site}/consensus/{review.pk}/next/")
    sign_in(other, bob.username)
    expect(other.get_by_role("heading", name="Verdicts")).to_be_visible()
    other.get_by_label("Another category").fill("Reflection")
    other.get_by_role("radio", name="Minor").check()
    other.get_by_role("button", name="Settle as wrong").click()
    expect(other.get_by_text("No disputes.")).to_be_visible()
    assert ConsensusVerdict.objects.latest("pk").category == "Reflection"
