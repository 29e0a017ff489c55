"""Two labelers write the guide in a real browser: an entry without scripts, an edit at once, and the differences."""

import re
from io import BytesIO

from PIL import Image as Pillow
from playwright.sync_api import expect

from access.models import Role
from tests.browser.looking import fits
from tests.factories import make_dataset, make_member

PASSWORD = "a long pass phrase"
DARK_AND_NARROW = {"viewport": {"width": 360, "height": 800}, "color_scheme": "dark"}


def signed_in(page, site: str, dataset, role: Role):
    """Return the page of a person of this role, at the guide."""
    person = make_member(dataset, role)
    person.set_password(PASSWORD)
    person.save()
    page.goto(f"{site}/guide/entries/{dataset.name}/")
    page.get_by_label("Name", exact=True).fill(person.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Labelling guide")).to_be_visible()
    return page


def lawn() -> dict[str, object]:
    file = BytesIO()
    Pillow.new("RGB", (300, 200), "green").save(file, "JPEG")
    return {"name": "lawn.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def test_two_people_write_at_once_and_nothing_is_lost(site, open_page, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    dataset = make_dataset()
    first = signed_in(open_page(java_script_enabled=False), site, dataset, Role.LABELER)
    first.get_by_role("link", name="Write an entry").click()
    first.get_by_label("Title").fill("Norfolk or Norwich terrier")
    first.get_by_label("Classes, one per line").fill("0\nthing 1")
    first.get_by_label("Text", exact=True).fill(
        "The **ears** tell them apart.\n\n- folded: Norfolk\n- pointed: Norwich"
    )
    first.get_by_role("button", name="Make the table").click()
    first.get_by_label("Trait", exact=True).first.fill("ears")
    first.get_by_label("thing 0").first.fill("folded")
    first.get_by_label("thing 1").first.fill("pointed")
    first.get_by_label("Add a picture").set_input_files(lawn())
    first.get_by_role("button", name="Preview").click()
    expect(first.get_by_role("heading", name=re.compile("Preview: Norfolk"))).to_be_visible()
    first.get_by_label("Caption of picture 1").fill("A Norfolk terrier's lawn.")
    assert fits(first)
    first.get_by_role("button", name="Save entry").click()
    expect(first.get_by_text("Version 1 saved.")).to_be_visible()
    assert fits(first)

    second = signed_in(open_page(**DARK_AND_NARROW), site, dataset, Role.REVIEWER)
    assert fits(second)
    second.get_by_role("link", name="Norfolk or Norwich terrier").click()
    assert fits(second)
    second.get_by_role("link", name="Edit entry").click()
    assert fits(second)
    first.get_by_role("link", name="Edit entry").click()
    first.get_by_label("Text", exact=True).fill("The **ears** and the tail tell them apart.")
    first.get_by_role("button", name="Save entry").click()
    expect(first.get_by_text("Version 2 saved.")).to_be_visible()

    second.get_by_label("Text", exact=True).fill("The **ears** alone tell them apart, said the breeder.")
    second.get_by_role("button", name="Save entry").click()
    expect(second.get_by_role("heading", name="Somebody else saved this entry")).to_be_visible()
    expect(second.get_by_label("Text", exact=True)).to_have_value(re.compile("said the breeder"))
    expect(second.locator("del").first).to_be_visible()
    assert fits(second)
    # The browser itself reports the answer 409.
    open_page.problems[:] = [problem for problem in open_page.problems if "409" not in problem]
    second.get_by_label("Text", exact=True).fill("The **ears** and the tail tell them apart, said the breeder.")
    second.get_by_role("button", name="Save entry").click()
    expect(second.get_by_text("Version 3 saved.")).to_be_visible()
    second.get_by_role("link", name="Versions and differences").click()
    assert fits(second)
    second.get_by_role("button", name="Show differences").click()
    expect(second.locator("ins").first).to_have_text(re.compile("said the breeder"))
    assert fits(second)
