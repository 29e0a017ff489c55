"""Second factors in a real browser: an authenticator app, and passkeys on a staff host that is a name."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.accounts.oidc_provider import OpenIdProvider, settings_for
from tests.accounts.people import RIGHT, code_of, make_account
from tests.live_server import running_site

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def site(transactional_db, settings) -> Iterator[str]:
    """The address of the staff side, at a name of this machine."""
    with running_site() as server:
        port = urlsplit(server.url).port
        settings.WORKER_ORIGIN, settings.STAFF_ORIGIN = f"http://localhost:{port}", f"http://staff.localhost:{port}"
        settings.CSRF_TRUSTED_ORIGINS = [settings.STAFF_ORIGIN]
        settings.ALLOWED_HOSTS = ["localhost", "staff.localhost"]
        yield settings.STAFF_ORIGIN


@pytest.fixture
def rosa(site) -> User:
    return make_account()


@pytest.fixture
def page(open_page) -> Page:
    opened: Page = open_page()
    return opened


def with_passkeys(page: Page) -> None:
    """Give the browser an authenticator that agrees to everything."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def enter_password(page: Page, site: str, user: User) -> None:
    page.goto(f"{site}/account/")
    page.get_by_label("Name").fill(user.username)
    page.get_by_label("Password").fill(RIGHT)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_passkey_is_added_opens_the_account_and_confirms(site, open_page, page, rosa, settings):
    open_page.expect("403")  # the status of the page that asks: nothing was done
    with_passkeys(page)
    enter_password(page, site, rosa)
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_label("Name of the passkey").fill("laptop")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.goto(f"{site}/account/")
    expect(page.get_by_text("Passkey “laptop”")).to_be_visible()
    sign_out(page)
    enter_password(page, site, rosa)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("heading", name=f"Account {rosa.username}")).to_be_visible()
    # A confirmation, in the middle of a form.
    settings.STAFF_CONFIRMED_MINUTES = 0
    page.goto(f"{site}/account/password/")
    new = "quite another pass phrase"
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password, again").fill(new)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_text("Your password was changed")).to_be_visible()
    rosa.refresh_from_db()
    assert rosa.check_password(new)


def test_an_app_is_set_up_and_opens_the_account_without_scripts(site, open_page, rosa):
    page = open_page(java_script_enabled=False)
    enter_password(page, site, rosa)
    page.get_by_role("button", name="Set up authenticator app").click()
    expect(page.get_by_role("img", name="QR code with the secret")).to_be_visible()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    page.get_by_label("Code that the app shows now").fill(code_of(secret))
    page.get_by_role("button", name="Set up authenticator app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    code = page.locator(".recovery-codes li").first.inner_text()
    sign_out(page)
    enter_password(page, site, rosa)
    page.get_by_label("Code of your authenticator app, or a recovery code").fill(code)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name=f"Account {rosa.username}")).to_be_visible()


def test_single_sign_on_leads_to_the_provider_and_back(site, page, rosa, settings, monkeypatch):
    provider = OpenIdProvider(callback=f"{site}/login/sso/callback/")
    settings.SOCIALACCOUNT_PROVIDERS = settings_for(provider, monkeypatch)
    rosa.email = "rosa@example.org"
    rosa.save()
    page.goto(f"{site}/account/")
    page.get_by_role("button", name="Sign in with the lab’s login").click()
    expect(page.get_by_role("heading", name=f"Account {rosa.username}")).to_be_visible()
    provider.stop()


def test_a_device_without_the_passkey_says_so_and_a_code_still_opens(site, page, open_page, rosa):
    with_passkeys(page)
    enter_password(page, site, rosa)
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("button", name="Create passkey").click()
    code = page.locator(".recovery-codes li").first.inner_text()
    stranger = open_page()
    enter_password(stranger, site, rosa)
    with_passkeys(stranger)
    stranger.get_by_role("button", name="Use passkey").click()
    expect(stranger.get_by_text("The passkey did not answer")).to_be_visible()
    stranger.get_by_label("Recovery code").fill(code)
    stranger.get_by_role("button", name="Continue").click()
    expect(stranger.get_by_role("heading", name=f"Account {rosa.username}")).to_be_visible()
