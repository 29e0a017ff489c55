"""The page People of a study, and the page that an invitation leads to."""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection

from access.memberships.actions import give_role, invite, remove_role
from access.memberships.reads import invitation_of, members_of
from access.models import Invitation, Membership, Role
from access.permissions.reads import role_in
from accounts import hashing
from tests.factories import (
    client_of,
    make_account,
    make_administrator,
    make_dataset,
    make_images,
    make_member,
    member_client,
    staff_client,
)
from tests.required import require
from tests.threads import PATIENCE_SECONDS, started, waits, while_another_has_done

pytestmark = pytest.mark.django_db
ACCOUNT = {"username": "rosa", "password1": "a long pass phrase", "password2": "a long pass phrase"}


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def owner(dataset):
    return make_member(dataset, Role.OWNER)


@pytest.fixture
def client(owner):
    return client_of(owner)


def text(response) -> str:
    return html.unescape(response.content.decode())


def page(client, dataset) -> str:
    return text(client.get(f"/setup/people/{dataset.name}/"))


def secret_of(words: str) -> str:
    return require(re.search(r"/invitations/([\w-]+)/", words))[1]


def member_of(dataset, person) -> Membership:
    return Membership.objects.get(dataset=dataset, user=person)


def test_the_page_lists_people_with_their_roles_and_the_record(client, dataset, owner):
    reader = make_member(dataset, Role.READER)
    foreigner = make_member(make_dataset(), Role.OWNER)
    words = page(client, dataset)
    assert owner.username in words and reader.username in words
    assert foreigner.username not in words
    assert "got the role reader" in words and 'aria-current="page">People' in words


def test_a_role_is_changed_and_removed_with_effect_on_the_next_request(client, dataset):
    person = make_member(dataset, Role.READER)
    theirs = client_of(person)
    address = f"/setup/settings/{dataset.name}/"
    assert theirs.get(address).status_code == 403
    member = member_of(dataset, person)
    assert client.post(f"/setup/member/{member.pk}/role/", {"role": "researcher"}).status_code == 302
    assert theirs.get(address).status_code == 200
    assert f"{person.username} is now researcher." in page(client, dataset)
    client.post(f"/setup/member/{member.pk}/remove/")
    assert theirs.get(address).status_code == 403
    assert "has no role in any study" in text(theirs.get(address))
    assert "lost the role researcher" in page(client, dataset)


@pytest.mark.parametrize("fields", [{}, {"role": "emperor"}, {"role": ""}])
def test_an_unknown_role_changes_nothing(client, dataset, fields):
    member = member_of(dataset, make_member(dataset, Role.READER))
    client.post(f"/setup/member/{member.pk}/role/", fields)
    assert "Choose one of the roles." in page(client, dataset)
    assert members_of(dataset).get(pk=member.pk).role == Role.READER
    assert client.post(f"/setup/people/{dataset.name}/", fields).status_code == 422
    assert not Invitation.objects.exists()


def test_the_last_owner_stays_but_for_the_administrator(client, dataset, owner):
    member = member_of(dataset, owner)
    client.post(f"/setup/member/{member.pk}/remove/")
    client.post(f"/setup/member/{member.pk}/role/", {"role": "reader"})
    assert page(client, dataset).count("is the only owner of this study") == 2
    assert role_in(owner, dataset) == Role.OWNER
    administrator = staff_client()
    administrator.post(f"/setup/member/{member.pk}/remove/")
    assert role_in(owner, dataset) is None
    assert "Invite an owner first" in page(administrator, dataset)


def test_an_invitations_link_is_shown_once(client, dataset):
    answer = client.post(f"/setup/people/{dataset.name}/", {"role": "reviewer"})
    secret = secret_of(text(answer))
    assert "no-store" in answer.headers["Cache-Control"]
    words = page(client, dataset)
    assert secret not in words and "/invitations/" not in words
    assert "reviewer, invited by" in words
    invitation = Invitation.objects.get()
    client.post(f"/setup/invitation/{invitation.pk}/revoke/")
    assert "reviewer, invited by" not in page(client, dataset)
    answer = client.get(f"/invitations/{secret}/")
    assert answer.status_code == 404 and "used, revoked or has expired" in text(answer)


def test_somebody_without_an_account_makes_one_and_signs_in(client, dataset):
    secret = secret_of(text(client.post(f"/setup/people/{dataset.name}/", {"role": "reader"})))
    visitor = staff_client(signed_in=False)
    shown = text(visitor.get(f"/invitations/{secret}/"))
    assert dataset.name in shown and "reader" in shown and "Sign in and accept" in shown
    answer = visitor.post(f"/invitations/{secret}/", ACCOUNT)
    assert answer.headers["Location"] == f"/login/?next=/datasets/{dataset.name}/"
    assert "Your account is created" in text(visitor.get(answer.headers["Location"]))
    assert "_auth_user_id" not in visitor.session, "a sign-in may ask for more than a password"
    fields = {"username": "rosa", "password": ACCOUNT["password1"], "next": f"/datasets/{dataset.name}/"}
    assert visitor.post("/login/", fields, follow=True).status_code == 200
    assert role_in(User.objects.get(username="rosa"), dataset) == Role.READER


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "password1234", "password2": "password1234"}, "too common"),
        ({"password1": "83572904518372", "password2": "83572904518372"}, "entirely numeric"),
        ({"password2": "another pass phrase"}, "didn’t match"),
        ({"username": "a b<c"}, "valid username"),
        ({"username": ""}, "required"),
        ({"username": "OWNER"}, "This name is taken"),
    ],
)
def test_a_bad_name_or_password_makes_no_account(dataset, changed, words):
    make_account()
    User.objects.create_user("owner")
    _, secret = invite(dataset=dataset, role=Role.OWNER, by=make_administrator())
    n_accounts = User.objects.count()
    answer = staff_client(signed_in=False).post(f"/invitations/{secret}/", ACCOUNT | changed)
    assert answer.status_code == 422 and words in text(answer)
    assert User.objects.count() == n_accounts and invitation_of(secret)


@pytest.mark.django_db(transaction=True)
def test_a_name_that_was_taken_meanwhile_is_an_error_of_the_form():
    _, secret = invite(dataset=make_dataset(), role=Role.READER, by=make_administrator())
    visitor = staff_client(signed_in=False)
    with (
        while_another_has_done(lambda: User.objects.create_user("rosa")) as other,
        started(lambda: visitor.post(f"/invitations/{secret}/", ACCOUNT)) as post,
    ):
        assert waits(post)
        other.end(commit=True)
    assert post.result().status_code == 422 and "This name is taken" in text(post.result())
    assert invitation_of(secret) and User.objects.filter(username="rosa").count() == 1


def hold_the_lock_of_hashes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [hashing.HASHING_LOCK])


@pytest.mark.django_db(transaction=True)
def test_a_new_account_waits_for_other_hashes_and_the_members_do_not_wait_for_it(monkeypatch):
    monkeypatch.setattr(hashing, "LONGEST_WAIT", f"{PATIENCE_SECONDS}s")
    dataset = make_dataset()
    _, secret = invite(dataset=dataset, role=Role.READER, by=make_administrator())
    visitor = staff_client(signed_in=False)
    with (
        while_another_has_done(hold_the_lock_of_hashes) as other,
        started(lambda: visitor.post(f"/invitations/{secret}/", ACCOUNT)) as post,
    ):
        assert waits(post)
        make_member(dataset, Role.OWNER)
        assert not post.done()
        other.end(commit=True)
    assert post.result().status_code == 302
    assert User.objects.get(username="rosa").check_password(ACCOUNT["password1"])


@pytest.mark.django_db(transaction=True)
def test_where_too_many_passwords_are_checked_an_invitation_can_be_tried_again(monkeypatch):
    monkeypatch.setattr(hashing, "LONGEST_WAIT", "10ms")
    _, secret = invite(dataset=make_dataset(), role=Role.READER, by=make_administrator())
    with while_another_has_done(hold_the_lock_of_hashes):
        answer = staff_client(signed_in=False).post(f"/invitations/{secret}/", ACCOUNT)
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "5"
    assert "Try again in a few seconds" in text(answer) and invitation_of(secret)


def test_fields_of_a_browser_make_no_administrator(dataset):
    _, secret = invite(dataset=dataset, role=Role.READER, by=make_administrator())
    further = {"is_staff": "on", "is_superuser": "on", "role": "owner", "dataset": "1"}
    staff_client(signed_in=False).post(f"/invitations/{secret}/", ACCOUNT | further)
    rosa = User.objects.get(username="rosa")
    assert (rosa.is_staff, rosa.is_superuser, role_in(rosa, dataset)) == (False, False, Role.READER)


def test_somebody_with_an_account_just_accepts_even_without_any_role_before(dataset):
    _, secret = invite(dataset=dataset, role=Role.RESEARCHER, by=make_administrator())
    person = make_account()
    theirs = client_of(person)
    assert f"Accept as {person.username}" in text(theirs.get(f"/invitations/{secret}/"))
    answer = theirs.post(f"/invitations/{secret}/", ACCOUNT, follow=True)
    assert "You are now researcher of this study." in text(answer)
    assert role_in(person, dataset) == Role.RESEARCHER and not User.objects.filter(username="rosa").exists()


def test_an_old_link_changes_no_role(dataset, client, owner):
    _, secret = invite(dataset=dataset, role=Role.READER, by=make_administrator())
    answer = client.post(f"/invitations/{secret}/")
    assert answer.status_code == 422 and "You already have a role in this study: owner." in text(answer)
    assert role_in(owner, dataset) == Role.OWNER


def test_an_invitation_is_dead_once_its_author_is_no_owner(dataset, owner):
    _, secret = invite(dataset=dataset, role=Role.OWNER, by=owner)
    give_role(dataset=dataset, user=owner, role=Role.READER, by=None)
    visitor = staff_client(signed_in=False)
    assert visitor.post(f"/invitations/{secret}/", ACCOUNT).status_code == 404
    assert not User.objects.filter(username="rosa").exists()


def test_a_forgotten_session_gives_nobody_a_role(dataset, owner):
    """Somebody at the owner's open browser could otherwise invite themselves, and confirm with a password of theirs."""
    member = member_of(dataset, make_member(dataset, Role.READER))
    stale = staff_client(signed_in=False)
    stale.force_login(owner)
    for address, fields in (
        (f"/setup/people/{dataset.name}/", {"role": "owner"}),
        (f"/setup/member/{member.pk}/role/", {"role": "owner"}),
        (f"/setup/member/{member.pk}/remove/", {}),
    ):
        answer = stale.post(address, fields)
        assert answer.status_code == 403 and "Confirm that it is you" in text(answer)
    assert not Invitation.objects.exists() and member_of(dataset, member.user).role == Role.READER


# What people of other roles see


def test_people_see_only_their_own_studies_and_what_their_role_may_do(dataset):
    other, absent = make_dataset(), make_dataset()
    make_images(dataset, 1)
    reader = make_member(dataset, Role.READER)
    give_role(dataset=other, user=reader, role=Role.LABELER, by=None)
    client = client_of(reader)
    listed = text(client.get("/"))
    assert dataset.name in listed and other.name in listed and absent.name not in listed
    assert "your role: reader" in listed and "your role: labeler" in listed
    assert "Create dataset" not in listed and "/setup/images/" not in listed and 'href="/tokens/"' not in listed
    results = text(client.get(f"/datasets/{dataset.name}/"))
    tabs = re.findall(r'<li><a href="/([^"]+)/"', results.partition("</nav>")[2].partition("</nav>")[0])
    pages = ("labels/search", "datasets", "agreement/study", "mistakes/study", "guide/entries", "setup/files")
    assert tabs == [f"{page}/{dataset.name}" for page in pages]
    assert "Reported problems" not in results
    files = text(client.get(f"/setup/files/{dataset.name}/"))
    assert "/setup/rows/annotations/" in files and "_votes/" not in files and "/setup/rows/grids/" not in files
    front = text(client.get(f"/datasets/{other.name}/"))
    assert "Your role in this study is <strong>labeler</strong>" in front and "Annotated" not in front


def test_a_foreign_dataset_is_unknown_and_the_page_names_ones_own_alone(dataset):
    other = make_dataset()
    words = text(member_client(other, Role.OWNER).get(f"/datasets/{dataset.name}/"))
    assert f"There is no dataset named “{dataset.name}”." in words and f">{other.name}</a>" in words
    assert words.count(dataset.name) == 1


def test_who_lacks_a_permission_reads_who_has_it_and_whom_to_ask(dataset, owner):
    closed = make_member(dataset, Role.OWNER)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    words = text(member_client(dataset, Role.READER).get(f"/setup/settings/{dataset.name}/"))
    assert "<strong>reader</strong>" in words and "owner, researcher." in words
    assert owner.username in words and closed.username not in words
    remove_role(dataset=dataset, user=owner, by=None)
    words = text(member_client(dataset, Role.READER).get(f"/setup/people/{dataset.name}/"))
    assert "ask the site administrator" in words
