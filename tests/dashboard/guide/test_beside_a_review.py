"""The guide beside the class that an expert reviews, on its page and where a script asks about another label."""

import pytest

from access.models import Role
from catalog.guide.reads import Content, Trait
from studies.guide.actions import write_entry
from tests.dashboard.review.test_review_pages import Reviewing
from tests.factories import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Reviewing:
    """Return a review whose guide has an entry about its class, and one about another label."""
    here = Reviewing()
    traits = (Trait("neck", {0: "long", 1: "short"}),)
    for content in (
        Content("Cranes or herons", (0, 1), "Look at the **neck**.", traits=traits),
        Content("Storks", (2,), "White."),
    ):
        write_entry(dataset=here.dataset, content=content, by=make_account(), entry=None, based_on=0)
    return here


def test_the_class_page_shows_the_entries_of_its_class(here):
    words = here.client.get(here.address).content.decode()
    assert "Cranes or herons" in words and "<td>long</td><td>short</td>" in words
    assert "Storks" not in words


def test_another_label_brings_its_own_entries(here):
    address = f"/review/{here.review.pk}/label/2/"
    words = here.client.get(address).content.decode()
    assert "Storks" in words and "Cranes" not in words


def test_a_reviewer_is_led_to_write_about_a_class_without_an_entry(here):
    words = here.client.get(f"/review/{here.review.pk}/label/3/").content.decode()
    assert f"/guide/new/{here.dataset.name}/?class=3" in words


def test_an_entry_leads_back_to_the_whole_guide(here):
    entry = here.dataset.guide_use.guide.entries.get(labels=[2])
    page = here.client.get(f"/guide/entry/{entry.pk}/{here.dataset.name}/")
    assert page.status_code == 200 and "All entries" in page.content.decode()
    reader = here.person(Role.READER)
    assert reader.memberships.count() == 1
