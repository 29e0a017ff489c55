"""An owner invites a colleague in a real browser, who makes an account, signs in, and works within the role."""

import re

from playwright.sync_api import expect

from access.models import Role
from tests.browser.looking import fits
from tests.browser.researchers import PASSWORD, sign_in
from tests.factories import make_dataset, make_images, make_member

NARROW = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}


def test_a_colleague_joins_by_link_and_the_owner_changes_the_role(site, open_page, settings, tmp_path):
    open_page.expect("403")  # the browser itself reports the refusal.
    settings.MEDIA_ROOT = tmp_path / "media"
    dataset = make_dataset()
    make_images(dataset, 2)
    owner = make_member(dataset, Role.OWNER)
    owner.set_password(PASSWORD)
    owner.save()
    page = open_page()
    page.goto(f"{site}/setup/people/{dataset.name}/")
    sign_in(page, owner.username)
    page.get_by_label("Role", exact=True).select_option("reader")
    page.get_by_role("button", name="Create invitation").click()
    link = page.get_by_label(re.compile("Send this link")).input_value()
    colleague = open_page(**NARROW)
    colleague.goto(link)
    assert fits(colleague)
    colleague.get_by_label("Name", exact=True).fill("rosa")
    colleague.get_by_label("Password", exact=True).fill(PASSWORD)
    colleague.get_by_label("Password again").fill(PASSWORD)
    colleague.get_by_role("button", name="Create account and accept").click()
    expect(colleague.get_by_text("Your account is created. Sign in with it.")).to_be_visible()
    sign_in(colleague, "rosa")
    expect(colleague.get_by_role("heading", name=dataset.name)).to_be_visible()
    expect(colleague.get_by_role("navigation", name="This dataset").get_by_role("link")).to_have_count(6)
    assert fits(colleague)
    page.goto(f"{site}/setup/people/{dataset.name}/")
    page.get_by_label("Role of rosa").select_option("researcher")
    page.get_by_role("button", name="Change role of rosa").click()
    expect(page.get_by_text("rosa is now researcher.")).to_be_visible()
    colleague.goto(f"{site}/setup/tokens/{dataset.name}/")
    colleague.get_by_label("Name", exact=True).fill("notebook")
    colleague.get_by_role("button", name="Create token").click()
    expect(colleague.get_by_label(re.compile("Store this key"))).to_have_value(re.compile("ann_"))
    assert fits(colleague)
    page.get_by_role("button", name="Remove rosa").click()
    expect(page.get_by_text("rosa has no role in this study any more.")).to_be_visible()
    colleague.reload()
    expect(colleague.get_by_text("has no role in any study")).to_be_visible()
