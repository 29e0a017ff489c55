"""Enter in a field of a page of work submits nothing; on the submit button it submits, with and without scripts."""

import pytest
from playwright.sync_api import expect

from classify_task.models import ClassifyVote
from contains_task.models import ContainsVote
from tests.browser.looking import look
from tests.browser.test_study import box_of, start_work, study, worker_address  # noqa: F401
from tests.factories import make_form
from workforce.models import Report, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.parametrize("with_script", [True, False])]


def test_enter_in_a_grid_submits_only_on_the_button(with_script, study, settings, open_page):  # noqa: F811
    _, image, batch = study
    page = open_page(java_script_enabled=with_script)
    start_work(page, worker_address(batch, settings))
    box = page.locator(box_of(image))
    for field in page.get_by_role("checkbox").all():
        field.press("Enter")
    page.locator("#report > summary").click()
    page.get_by_role("radio", name="The question is unclear").press("Enter")
    box.press("Space")
    look(page)
    page.get_by_role("button", name="Submit").press("Enter")
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert ContainsVote.objects.get(selected=True).image == image
    assert (Submission.objects.count(), Report.objects.count()) == (1, 0)


def test_enter_in_a_form_submits_only_on_the_button(with_script, site, settings, open_page):
    form = make_form(labels=(0, 1, 2))
    page = open_page(java_script_enabled=with_script)
    start_work(page, worker_address(form.hit.batch, settings))
    page.get_by_role("checkbox", name="thing 0").press("Space")
    page.get_by_role("checkbox", name="thing 0").press("Enter")
    page.get_by_role("checkbox", name="thing 2").press("Space")
    page.get_by_role("radio", name="thing 2").press("Space")
    page.get_by_role("radio", name="thing 2").press("Enter")
    page.get_by_role("checkbox", name="thing 1").press("Space")
    look(page)
    page.get_by_role("button", name="Submit").press("Enter")
    expect(page.get_by_role("heading", name="Thank you, you are done")).to_be_visible()
    assert (ClassifyVote.objects.get().selected, ClassifyVote.objects.get().main) == ([0, 1, 2], 2)
