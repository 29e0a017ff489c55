"""A researcher finds a bad worker in a real browser, looks at their answers, and excludes them."""

import pytest
from playwright.sync_api import expect

from access.models import Role
from tests.browser.looking import fits
from tests.browser.researchers import PASSWORD, sign_in
from tests.browser.test_colleagues import NARROW
from tests.dashboard.workers.studies_of_workers import SmallStudy
from tests.factories import make_member, make_worker
from workforce.models import Exclusion
from workforce.reads import pseudonym


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_bad_worker_is_found_looked_at_and_excluded(site, open_page, settings, tmp_path, scripts):
    settings.MEDIA_ROOT = tmp_path / "media"
    study = SmallStudy(n_slots=5)
    owner = make_member(study.dataset, Role.OWNER)
    owner.set_password(PASSWORD)
    owner.save()
    people = [make_worker() for _ in range(5)]
    for n, worker in enumerate(people):
        study.answer([0, 1, 2, 3] if n == 0 else [0, 2], worker)
        study.measure(worker, "answers", None, n=1)
        study.measure(worker, "false_alarms", float(n == 0))
        study.measure(worker, "share_selected", 1.0 if n == 0 else 0.5)
    study.aggregate()
    name = pseudonym(study.dataset, people[0].pk)
    page = open_page(**NARROW, java_script_enabled=scripts)
    page.goto(f"{site}/setup/workers/{study.dataset.name}/")
    sign_in(page, owner.username)
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    assert fits(page)
    page.set_viewport_size({"width": 1200, "height": 900})
    page.get_by_role("link", name="False alarms").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text(name)
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.get_by_role("row").last.get_by_role("link").click()
    expect(page.get_by_text("1 of 2 passed")).to_be_visible()
    page.set_viewport_size(NARROW["viewport"])
    assert fits(page)
    page.get_by_role("link", name="Back to the worker").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Exclude all answers…").click()
    expect(page.get_by_text("now 0, afterwards 2")).to_be_visible()
    assert fits(page)
    page.get_by_label("Reason").fill("Selected everything.")
    page.get_by_role("button", name="Exclude worker").click()
    expect(page.get_by_text("1 submission is now excluded.")).to_be_visible()
    assert Exclusion.objects.get().submission.worker == people[0]
