"""A researcher publishes a batch in a browser, watches it being worked on and paid, and gives a bonus."""

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from mturk.models import LedgerEntry, Terms
from tests.browser.looking import fits
from tests.browser.researchers import open_as_researcher
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.mturk_study import ask, grids_to_publish, hits_of, published, send_until_quiet, settle, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


@pytest.mark.parametrize(("with_script", "width"), [(True, 1280), (False, 390)])
def test_from_two_presses_of_a_button_to_paid_work_and_a_bonus(
    with_script,
    width,
    site,
    marketplace,  # noqa: F811
    open_page,
):
    batch = grids_to_publish(2, n_slots=1)
    page = open_page(java_script_enabled=with_script, viewport={"width": width, "height": 800})
    open_as_researcher(page, f"{site}/setup/marketplace/{batch.dataset.name}/")
    expect(page.get_by_role("region", name="Account")).to_contain_text("$10,000.00")
    assert fits(page)
    page.get_by_role("link", name=f"Publish batch {batch.pk}").click()
    expect(page.get_by_role("table", name="Cost")).to_contain_text("2 assignments in 2 HITs")
    assert fits(page)
    assert not Terms.objects.exists()
    page.get_by_role("button", name="Publish for $").click()
    expect(page.get_by_role("status")).to_contain_text(f"Batch {batch.pk} is being published")
    send_until_quiet()
    terms = Terms.objects.get()
    work(marketplace, hits_of(terms)[0])
    settle()
    ask()

    if not with_script:
        page.reload()
    spent = sum(entry.amount for entry in LedgerEntry.objects.all())
    expect(page.get_by_role("region", name="Money")).to_contain_text(f"Spent${spent}")
    expect(page.get_by_role("region", name="Batch")).to_contain_text("1 approved")
    assert fits(page)
    table = page.get_by_role("region", name="Assignments", exact=True).last
    assert table.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing is to be scrolled to"
    page.get_by_role("link", name=re.compile("^Pay bonus")).click()
    assert fits(page)
    page.get_by_label("Bonus in dollars").fill("0.05")
    page.get_by_label("Reason").fill("For your care.")
    page.get_by_role("button", name="Pay bonus").click()
    expect(page.get_by_role("status")).to_contain_text("A bonus of $0.05")
    send_until_quiet()
    page.get_by_role("link", name="Compare ledgers").click()
    expect(page.get_by_role("status")).to_contain_text("Both ledgers agree")
    assert fits(page)


def test_what_cannot_be_is_marked_and_the_cost_follows_the_terms(site, marketplace, open_page):  # noqa: F811
    open_page.expect()  # the browser reports the refusals' status as an error
    batch = grids_to_publish(1, n_slots=10)
    page = open_page()
    open_as_researcher(page, f"{site}/setup/publish/{batch.pk}/")
    reward = page.get_by_label("Reward in dollars")
    reward.fill("0.001")
    page.get_by_role("button", name="Compute cost").click()
    expect(reward).to_have_attribute("aria-invalid", "true")
    page.get_by_role("alert").get_by_role("link", name="Reward in dollars").click()
    expect(reward).to_be_focused()
    reward.fill("5.00")
    page.get_by_role("button", name="Compute cost").click()
    expect(page.get_by_role("alert")).to_contain_text("Confirm it or correct it.")
    page.get_by_label("Yes, I mean $5.00").check()
    page.get_by_role("button", name="Compute cost").click()
    expect(page.get_by_role("button", name="Publish for $60.00")).to_be_visible()
    reward.fill("0.50")
    page.get_by_role("button", name="Compute cost").click()
    expect(page.get_by_role("button", name="Publish for $6.00")).to_be_visible()
    expect(page.get_by_text("would be $2.00")).to_be_visible()
    reward.fill("0.60")
    page.get_by_role("button", name="Publish for $6.00").click()
    expect(page.get_by_role("alert")).to_contain_text("The cost has changed since you agreed to it")
    assert not Terms.objects.exists()


def test_workers_are_written_to_and_the_batch_is_closed_without_a_script_on_a_phone(
    site,
    marketplace,  # noqa: F811
    open_page,
):
    batch = grids_to_publish(2, n_slots=1)
    [marketplace_hit, _] = published(batch, cap="5")
    work(marketplace, marketplace_hit)
    settle()
    ask()
    page = open_page(java_script_enabled=False, viewport={"width": 390, "height": 800}, color_scheme="dark")
    open_as_researcher(page, f"{site}/setup/published/{batch.pk}/")
    page.get_by_role("link", name="Message workers").click()
    assert fits(page)
    page.get_by_label("Subject").fill("Thank you")
    page.get_by_label("Text").fill("The study goes on.")
    page.get_by_role("button", name="Send message").click()
    expect(page.get_by_role("status")).to_contain_text("The message is being sent to 1 worker")
    expect(page.get_by_role("region", name="Messages")).to_contain_text("Thank you pending")
    page.get_by_role("link", name="Close batch").click()
    assert fits(page)
    page.get_by_role("button", name="Close batch").click()
    expect(page.get_by_role("region", name="Batch")).to_contain_text("closed")
    send_until_quiet()
    page.reload()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("Thank you sent")
    assert fits(page)
