"""Second factors: set up, asked at the sign-in, required by a setting, kept secret, and removed."""

import json

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.shortcuts import render
from django.test import Client

from accounts.adapters import SecondFactorAdapter
from annotation_site import staff_urls
from audit.models import AuditEntry
from tests.accounts.people import (
    HERE,
    RIGHT,
    browser_at,
    code_of,
    give_app,
    is_signed_in,
    make_account,
    recovery_codes_of,
)
from tests.annotation_site.address_study import addresses
from tests.factories import sign_in, staff_client, worker_client

pytestmark = pytest.mark.django_db


def signed_in(user, network: str = HERE) -> Client:
    client = browser_at(network)
    sign_in(client, user)
    return client


def secret_on(client: Client) -> str:
    page = client.post("/account/authenticator/").content.decode()
    return page.split('<code class="secret">')[1].split("</code>")[0].replace(" ", "")


def test_an_app_is_set_up_with_its_first_code_and_asked_from_then_on():
    user = make_account()
    client = signed_in(user)
    secret = secret_on(client)
    wrong = client.post("/account/authenticator/", {"code": "1"})
    assert wrong.status_code == 422 and "was not accepted" in wrong.content.decode()
    assert secret in wrong.content.decode().replace(" ", ""), "the app need not scan again"
    code = code_of(secret)
    assert client.post("/account/authenticator/", {"code": code})["Location"] == "/account/recovery-codes/"
    shown = client.get("/account/recovery-codes/").content.decode()
    assert all(code in shown for code in recovery_codes_of(user)) and len(recovery_codes_of(user)) == 10
    browser = browser_at(HERE)
    fields = {"username": user.username, "password": RIGHT, "next": "/setup/new/"}
    assert browser.post("/login/", fields)["Location"] == "/login/code/"
    assert not is_signed_in(browser)
    assert browser.post("/login/code/", {"code": code}).status_code == 200, "used when it was set up"
    assert browser.post("/login/code/", {"code": code_of(secret, 1)})["Location"] == "/setup/new/"
    assert is_signed_in(browser)


def test_without_the_password_the_second_step_leads_back():
    assert browser_at(HERE).get("/login/code/")["Location"] == "/login/"
    user = make_account()
    secret = give_app(user)
    assert browser_at(HERE).post("/login/code/", {"code": code_of(secret)})["Location"] == "/login/"


@pytest.mark.parametrize("change", ["closed", "another password"])
def test_between_the_two_steps_a_closed_account_or_a_changed_password_ends_the_sign_in(change):
    user = make_account()
    secret = give_app(user)
    browser = browser_at(HERE)
    browser.post("/login/", {"username": user.username, "password": RIGHT})
    if change == "closed":
        user.is_active = False
    else:
        user.set_password("quite another one")
    user.save()
    assert browser.post("/login/code/", {"code": code_of(secret)})["Location"] == "/login/"
    assert not is_signed_in(browser)


SPOILT = ["{}", "[]", "1", "null", '"x"', "{", '{"id": 1, "response": {}}', '{"type": "public-key"}']
SPOILT += ["[" * 50_000, "1" * 10_000, "x" * 100_000]


@pytest.mark.parametrize("sent", SPOILT, ids=lambda text: text[:20])
def test_a_malformed_passkey_is_refused(settings, sent):
    settings.STAFF_ORIGIN = "http://staff.localhost:8000"
    settings.ALLOWED_HOSTS = ["staff.localhost"]
    user = make_account()
    give_app(user)
    browser = browser_at(HERE)
    browser.post("/login/", {"username": user.username, "password": RIGHT})
    assert browser.post("/login/code/", {"credential": sent}).status_code == 200
    assert browser.post("/login/code/", {"credential": sent}).status_code == 200
    assert not is_signed_in(browser)
    client = staff_client()
    client.post("/account/passkey/")
    assert client.post("/account/passkey/", {"credential": sent, "name": "x"}).status_code == 422
    assert Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).count() == 0


def test_secrets_are_stored_encrypted_and_outlive_a_new_key_of_the_site(settings):
    user = make_account()
    secret = give_app(user)
    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored and not any(code in stored for code in recovery_codes_of(user))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the site " * 3
    app = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    assert SecondFactorAdapter().decrypt(app.data["secret"]) == secret


def test_where_the_site_requires_one_an_account_without_it_is_led_to_set_it_up(settings):
    settings.STAFF_SECOND_FACTOR_REQUIRED = True
    user = make_account()
    client = signed_in(user)
    for path in ("/", "/setup/new/", "/datasets/any/"):
        assert client.get(path)["Location"] == "/account/"
    assert client.post("/setup/new/", {"name": "birds"})["Location"] == "/account/"
    assert "requires a second factor" in client.get("/account/").content.decode()
    secret = secret_on(client)
    client.post("/account/authenticator/", {"code": code_of(secret)})
    assert client.get("/setup/new/").status_code == 200


def test_the_last_one_stays_where_the_site_requires_one(settings):
    user = make_account()
    give_app(user)
    client = signed_in(user)
    path = f"/account/factors/{Authenticator.objects.get(type='totp').pk}/remove/"
    settings.STAFF_SECOND_FACTOR_REQUIRED = True
    assert "Set up another one" in client.post(path, follow=True).content.decode()
    assert Authenticator.objects.filter(user=user).count() == 2
    settings.STAFF_SECOND_FACTOR_REQUIRED = False
    client.post(path)
    assert not Authenticator.objects.filter(user=user).exists(), "recovery codes go with the last one"


def test_nobody_removes_the_factor_of_another_account():
    user, other = make_account(), make_account()
    give_app(user)
    give_app(other)
    client = signed_in(other)
    client.post(f"/account/factors/{Authenticator.objects.get(user=user, type='totp').pk}/remove/")
    assert Authenticator.objects.filter(user=user).count() == 2


def test_recovery_codes_are_replaced():
    user = make_account()
    give_app(user)
    old = set(recovery_codes_of(user))
    signed_in(user).post("/account/recovery-codes/")
    assert len(recovery_codes_of(user)) == 10 and not old & set(recovery_codes_of(user))


def test_each_change_of_a_factor_is_recorded_without_its_secrets():
    user = make_account()
    client = signed_in(user)
    secret = secret_on(client)
    client.post("/account/authenticator/", {"code": "1"})
    client.post("/account/authenticator/", {"code": code_of(secret)})
    client.post("/account/recovery-codes/")
    codes = recovery_codes_of(user)
    signed_in(make_account()).post(f"/account/factors/{Authenticator.objects.get(type='totp').pk}/remove/")
    client.post(f"/account/factors/{Authenticator.objects.get(type='totp').pk}/remove/")
    entries = list(AuditEntry.objects.order_by("pk"))
    changes = ["account.add_factor", "account.renew_recovery_codes", "account.remove_factor"]
    assert [entry.action for entry in entries] == changes
    assert {(entry.actor, entry.account, entry.subject) for entry in entries} == {
        (user.username, user.pk, f"account {user}")
    }
    assert (entries[0].after, entries[2].before) == ({"factor": "totp"}, {"factor": "totp"})
    assert not any(word in str(vars(entry)) for entry in entries for word in (secret, *codes))


def test_passkeys_are_offered_where_the_host_is_a_name_and_elsewhere_the_page_says_why_not(settings):
    client = staff_client()
    assert settings.STAFF_ORIGIN.startswith("http://127.0.0.1")
    page = client.get("/account/").content.decode()
    assert "Add passkey" not in page and "only on a site with a host name" in page
    assert client.post("/account/passkey/").status_code == 404
    settings.STAFF_ORIGIN, settings.ALLOWED_HOSTS = "http://staff.localhost", ["staff.localhost"]
    client = staff_client()
    assert "Add passkey" in client.get("/account/").content.decode()
    assert '"id": "staff.localhost"' in client.post("/account/passkey/").content.decode()


# Nothing else of allauth


def test_there_is_no_sign_up_and_no_other_address_of_allauth():
    names = {address.name for address in addresses(staff_urls.urlpatterns)}
    assert {name for name in names if name.startswith(("account_", "socialaccount", "openid", "mfa"))} == {
        "mfa_authenticate"
    }
    for path in ("signup", "password/reset", "email", "confirm-email", "login/code/confirm", "2fa", "social/signup"):
        for before in ("", "accounts/", "account/"):
            assert staff_client(signed_in=False).get(f"/{before}{path}/").status_code == 404


def test_allauth_meets_requests_of_researchers_and_none_of_workers(monkeypatch):
    met: list[tuple[str, bool]] = []

    def render_noted(request, *arguments, **options):
        met.append((request.path, hasattr(request, "allauth") or context.request is not None))
        return render(request, *arguments, **options)

    monkeypatch.setattr("annotation_site.views.render", render_noted)
    for client in (worker_client(), staff_client()):
        client.get("/nothing/")
    assert met == [("/nothing/", False), ("/nothing/", True)]
