"""Researchers who sign in."""

from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from tests.factories import unique

PASSWORD = "a long pass phrase"


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the page that asks who it is, and wait until it has gone: the next one may ask for a name too."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    button = page.get_by_role("button", name="Sign in", exact=True)
    button.click()
    expect(button).to_have_count(0)


def open_as_researcher(page: Page, address: str) -> None:
    """Open a page of the staff side as somebody new, who may do everything."""
    name = unique("rosa")
    get_user_model().objects.create_user(name, password=PASSWORD, is_staff=True)
    page.goto(address)
    sign_in(page, name)
