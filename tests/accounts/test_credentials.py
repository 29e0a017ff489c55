"""Credentials that the operator gives to accounts at the shell: passwords, single sign-on, and no second factor."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User

from access.memberships.actions import give_role
from access.models import Role
from audit.models import AuditEntry
from tests.accounts.people import HERE, RIGHT, browser_at, give_app, is_signed_in, make_account, try_password
from tests.commands import refusal, said
from tests.factories import make_dataset, sign_in

pytestmark = pytest.mark.django_db
ADDRESS = "rosa@example.org"


@pytest.fixture
def member() -> User:
    """A person with a role in a study, a password and an authenticator app."""
    person = make_account(is_staff=False)
    give_role(dataset=make_dataset(), user=person, role=Role.RESEARCHER, by=None)
    give_app(person)
    return person


def rights_of(person: User) -> tuple[bool, bool, bool, list[str]]:
    person.refresh_from_db()
    roles = [membership.role for membership in person.memberships.all()]
    return person.is_staff, person.is_superuser, person.is_active, roles


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--email", ADDRESS),
        ("--forget-second-factors",),
        ("--password-file", "{file}"),
        ("--email", ADDRESS, "--forget-second-factors", "--password-file", "{file}"),
    ],
)
def test_other_credentials_change_no_rights_and_end_the_sessions(member, words, tmp_path):
    client = browser_at(HERE)
    sign_in(client, member)
    assert is_signed_in(client)
    said("reset_account", member.username, *(word.format(file=tmp_path / "password") for word in words))
    assert rights_of(member) == (False, False, True, ["researcher"])
    assert not is_signed_in(client)
    assert not member.check_password(RIGHT)
    assert member.has_usable_password() == ("--email" not in words or "--password-file" in words)
    assert Authenticator.objects.filter(user=member).exists() == ("--forget-second-factors" not in words)
    assert member.email == (ADDRESS if "--email" in words else "")


def test_the_password_that_is_printed_opens_the_account(member):
    name, _, password = said("reset_account", member.username, "--forget-second-factors")[0].strip().partition(" / ")
    assert name == member.username and try_password(member, password).status_code == 302


@pytest.mark.parametrize("command", ["create_staff", "reset_account"])
def test_with_an_address_the_provider_alone_opens_an_account(command):
    make_account(name="rosa")
    out, err = said(command, "rosa", "--email", ADDRESS)
    assert out == "rosa signs in by single sign-on, without a password.\n" and "no provider" in err
    assert not User.objects.get().has_usable_password()
    out, _ = said(command, "rosa", "--forget-second-factors")
    assert "without a password" in out and not User.objects.get().has_usable_password()
    said(command, "rosa")
    assert User.objects.get().has_usable_password() and User.objects.get().email == ADDRESS


def test_no_warning_where_the_site_has_a_provider(settings):
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [{"name": "the lab's login"}]}}
    assert said("create_staff", "ada", "--email", ADDRESS)[1] == ""
    ada = User.objects.get()
    assert (ada.is_staff, ada.email, ada.has_usable_password()) == (True, ADDRESS, False)


def test_a_closed_account_stays_closed(member):
    said("remove_staff", member.username)
    for words in ((), ("--email", ADDRESS), ("--forget-second-factors",)):
        assert "is closed" in refusal("reset_account", member.username, *words)
    assert not rights_of(member)[2] and not member.has_usable_password() and not member.email


def test_reset_account_creates_nobody_and_says_what_is_wrong(member, tmp_path):
    make_account(name="ada")
    said("create_staff", "ada", "--email", ADDRESS)
    (tmp_path / "password").write_text("short")
    for words, reason in (
        (("nobody",), "no account “nobody”"),
        (("nobody", "--email", "nobody@example.org"), "no account “nobody”"),
        ((member.username, "--email", ADDRESS.upper()), "Another account"),
        ((member.username, "--email", "rosa"), "valid email"),
        ((member.username, "--password-file", tmp_path / "password"), "too short"),
    ):
        assert reason in refusal("reset_account", *words)
    member.refresh_from_db()
    assert member.check_password(RIGHT) and User.objects.count() == 2


def test_the_record_says_what_was_changed_and_no_secret(member):
    said("reset_account", member.username, "--email", ADDRESS)
    said("create_staff", member.username, "--administrator")
    reset, promoted = AuditEntry.objects.filter(action__startswith="account.").order_by("pk")
    assert (reset.action, reset.after) == ("account.reset", {"password": False, "email": True})
    assert promoted.action == "account.administrate"
    assert promoted.before == {"administrator": False, "open": True}
    assert promoted.after == {"administrator": True, "open": True}
    assert ADDRESS not in str(vars(reset)) + str(vars(promoted))
