"""Single sign-on against a small provider: the code flow, whose accounts it opens, and answers that are refused."""

import time
from collections.abc import Iterator
from html import unescape

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from accounts.single_sign_on import provider as provider_module
from annotation_site import staff_sign_in
from audit.models import AuditEntry
from tests.accounts.oidc_provider import CLIENT, SECRET, OpenIdProvider, new_key, settings_for
from tests.accounts.people import HERE, browser_at, code_of, give_app, is_signed_in, make_account
from tests.required import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings, monkeypatch) -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider(callback=f"{settings.STAFF_ORIGIN}/login/sso/callback/")
    settings.SOCIALACCOUNT_PROVIDERS = settings_for(provider, monkeypatch)
    monkeypatch.setattr(provider_module, "_descriptions", {})
    yield provider
    provider.stop()


@pytest.fixture
def rosa() -> User:
    user = make_account()
    user.email = "Rosa@example.org"
    user.save()
    return user


def come_back(provider: OpenIdProvider, client: Client, **fields: str) -> Page:
    """Go to the provider, agree there, and follow the way back."""
    return client.get(provider.agree(way_to_provider(client, **fields)))


def way_to_provider(client: Client, query: str = "", **fields: str) -> str:
    """The address to which the button leads."""
    page = client.post(f"/login/sso/{query}", fields).content.decode()
    assert '<meta http-equiv="refresh"' in page, page
    return unescape(page.split('class="button" href="')[1].split('"')[0])


def refused(page: Page, client: Client) -> bool:
    return page.status_code == 403 and "Not signed in" in page.content.decode() and not is_signed_in(client)


def test_an_account_with_the_verified_address_is_bound_and_opened(provider, rosa):
    client = browser_at(HERE)
    assert "Sign in with the lab’s login" in client.get("/login/").content.decode()
    page = come_back(provider, client, next="/account/")
    assert (page.status_code, page["Location"]) == (302, "/account/")
    assert is_signed_in(client) and client.session["_auth_user_id"] == str(rosa.pk)
    bound = SocialAccount.objects.get()
    assert bound.user == rosa and "person-1" not in bound.uid, "the subject is stored as a digest"
    assert "rosa" not in str(bound.extra_data)
    come_back(provider, browser_at(HERE))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("account.bind", f"account {rosa}"), "once, not at each sign-in"
    assert bound.uid not in str(vars(entry)) and "person-1" not in str(vars(entry))


def test_a_bound_subject_opens_its_account_whatever_its_address_has_become(provider, rosa):
    come_back(provider, browser_at(HERE))
    provider.claims = {"email": "another@example.org", "email_verified": False}
    client = browser_at(HERE)
    come_back(provider, client)
    assert client.session["_auth_user_id"] == str(rosa.pk)
    assert SocialAccount.objects.count() == 1


def test_nobody_is_given_an_account(provider):
    client = browser_at(HERE)
    page = come_back(provider, client)
    assert refused(page, client) and "no account for you" in page.content.decode()
    assert not User.objects.exists() and not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email": None},
        {"email": "rosa@example.com"},
        {"email": ["rosa@example.org"]},
    ],
)
def test_an_address_that_is_not_verified_or_not_the_same_opens_nothing(provider, rosa, claims):
    provider.claims = claims
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)
    assert not SocialAccount.objects.exists()


def test_an_address_handed_on_to_another_person_opens_nothing(provider, rosa):
    come_back(provider, browser_at(HERE))
    provider.claims = {"sub": "person-2"}
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)
    assert SocialAccount.objects.count() == 1


def test_an_address_of_two_accounts_or_of_a_closed_one_opens_nothing(provider, rosa):
    other = make_account()
    other.email = rosa.email
    other.save()
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)
    other.delete()
    rosa.is_active = False
    rosa.save()
    assert refused(come_back(provider, client), client)


def test_a_closed_account_that_is_bound_stays_closed(provider, rosa):
    come_back(provider, browser_at(HERE))
    rosa.is_active = False
    rosa.save()
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)


def test_the_second_factor_is_asked_here_too(provider, rosa):
    secret = give_app(rosa)
    client = browser_at(HERE)
    assert come_back(provider, client)["Location"] == "/login/code/"
    assert not is_signed_in(client)
    assert client.post("/login/code/", {"code": code_of(secret)}).status_code == 302
    assert is_signed_in(client)


def test_the_address_may_come_from_the_person_instead_of_the_token(provider, rosa):
    provider.claims = {"email": None, "email_verified": None}
    provider.person = {"sub": "person-1", "email": "rosa@example.org", "email_verified": True}
    client = browser_at(HERE)
    assert come_back(provider, client).status_code == 302 and is_signed_in(client)
    SocialAccount.objects.all().delete()
    provider.person["sub"] = "person-2"
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)


# Seconds from now, of claims that are times.
TIMES = {"exp", "iat", "nbf"}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": -3600},
        {"exp": None},
        {"iat": 3600},
        {"nbf": 3600},
        {"sub": None},
        {"nonce": "of another request"},
        {"nonce": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_the_providers_for_us_and_for_this_request_is_refused(provider, rosa, claims):
    now = int(time.time())
    provider.claims = {
        name: now + value if name in TIMES and value is not None else value for name, value in claims.items()
    }
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)
    assert not SocialAccount.objects.exists()


def unsigned(provider: OpenIdProvider) -> None:
    provider.algorithm, provider.signing_key = "none", None


def signed_with_the_secret(provider: OpenIdProvider) -> None:
    provider.algorithm, provider.signing_key = "HS256", SECRET * 2


def signed_by_another(provider: OpenIdProvider) -> None:
    provider.signing_key = new_key()


def signed_with_an_unknown_key(provider: OpenIdProvider) -> None:
    provider.header = {"kid": "key-9"}


def signed_without_name_by_another(provider: OpenIdProvider) -> None:
    provider.header, provider.signing_key = {}, new_key()


@pytest.mark.parametrize(
    "spoil",
    [
        unsigned,
        signed_with_the_secret,
        signed_by_another,
        signed_with_an_unknown_key,
        signed_without_name_by_another,
    ],
)
def test_a_token_without_the_providers_signature_is_refused(provider, rosa, spoil):
    spoil(provider)
    client = browser_at(HERE)
    assert refused(come_back(provider, client), client)
    assert not SocialAccount.objects.exists()


def test_a_provider_that_calls_itself_something_else_is_refused(provider, rosa):
    provider.issuer = "https://evil.example"
    client = browser_at(HERE)
    assert refused(client.post("/login/sso/"), client)


def test_the_same_subject_of_another_issuer_is_another_person(provider, rosa, settings, monkeypatch):
    come_back(provider, browser_at(HERE))
    second = OpenIdProvider(callback=provider.callback, claims={"email": "somebody@example.org"})
    settings.SOCIALACCOUNT_PROVIDERS = settings_for(second, monkeypatch)
    client = browser_at(HERE)
    assert refused(come_back(second, client), client)
    second.stop()


def test_an_answer_serves_once_and_in_the_browser_that_asked(provider, rosa):
    client = browser_at(HERE)
    way_back = provider.agree(way_to_provider(client))
    stranger = browser_at(HERE)
    assert refused(stranger.get(way_back), stranger), "another browser has no such state"
    assert client.get(way_back).status_code == 302
    client.post("/logout/")
    assert refused(client.get(way_back), client)
    for query in ("", "?code=1", "?state=1", "?error=access_denied", "?code=1&state=1"):
        assert refused(client.get(f"/login/sso/callback/{query}"), client)


def test_who_cancels_at_the_provider_is_led_back(provider, rosa):
    client = browser_at(HERE)
    client.post("/login/sso/")
    query = provider.agree(way_to_provider(client)).partition("?")[2]
    state = query.partition("state=")[2]
    assert refused(client.get(f"/login/sso/callback/?error=access_denied&state={state}"), client)


def test_the_address_of_our_page_changes_nothing_of_what_is_asked(provider, rosa):
    client = browser_at(HERE)
    query = "?auth_params=prompt%3Dnone%26nonce%3Dmine&scope=admin&process=connect&action=x"
    provider.agree(way_to_provider(client, query))
    assert "prompt" not in provider.asked[0] and provider.asked[0]["nonce"] != "mine"


def test_a_link_of_another_site_starts_nothing(provider):
    assert browser_at(HERE).get("/login/sso/").status_code == 405


def test_a_provider_that_is_away_is_said_and_few_threads_wait_for_one(provider, rosa):
    provider.stop()
    client = browser_at(HERE)
    assert refused(client.post("/login/sso/"), client)
    assert provider_module.PLACES.acquire(blocking=False) and provider_module.PLACES.acquire(blocking=False)
    try:
        page = client.post("/login/sso/")
        assert page.status_code == 429 and page.headers["Retry-After"]
    finally:
        provider_module.PLACES.release()
        provider_module.PLACES.release()


def test_without_the_settings_there_is_none(settings):
    assert not settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    client = browser_at(HERE)
    assert "Sign in with" not in client.get("/login/").content.decode()
    assert client.post("/login/sso/").status_code == client.get("/login/sso/callback/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OIDC_CLIENT_SECRET": ""}, "Set all three"),
        ({"OIDC_ISSUER": "http://login.example.org"}, "https"),
        ({"OIDC_ISSUER": "login.example.org"}, "not the address of an issuer"),
        ({"OIDC_ISSUER": "https://login.example.org/?a=b"}, "not the address of an issuer"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(monkeypatch, changes, words):
    values = {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"}
    for name, value in (values | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=words):
        staff_sign_in.single_sign_on()


def test_the_provider_of_these_tests_signs_tokens_that_others_can_check(provider):
    provider.codes["c"] = {"code_challenge": "", "redirect_uri": "x", "nonce": "n"}
    assert provider.token({"code": "c"})[0] == 400
    keys = jwt.PyJWKSet.from_dict(provider.get("/keys", "")[1])
    assert keys["key-1"].algorithm_name == "RS256"
