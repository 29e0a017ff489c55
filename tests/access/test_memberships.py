"""Roles in a study: giving, changing and removing them, invitations, and the record of all of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from access.memberships.actions import (
    NoInvitation,
    NotAllowed,
    accept_invitation,
    give_role,
    invite,
    join_with_new_account,
    remove_role,
    revoke_invitation,
)
from access.memberships.reads import changes_of, invitation_of, members_of, open_invitations, owners_of
from access.models import Invitation, MembershipChange, Role
from access.permissions.reads import OF_A_STUDY, May, permissions_in, permissions_on_site, role_in, studies_with
from catalog import reads as catalog_reads
from catalog.errors import UserError
from tests.factories import make_account, make_administrator, make_dataset, make_member
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def owner(dataset):
    return make_member(dataset, Role.OWNER)


def record_of(dataset) -> list[tuple[str, str, str, str, str]]:
    """The record, the latest last: event, author, person, before, after."""
    rows = reversed(changes_of(dataset))
    return [(row.event, str(row.by or ""), str(row.person or ""), row.before, row.after) for row in rows]


def test_a_role_holds_in_its_study_alone_and_its_end_too(dataset, owner):
    other = make_dataset()
    give_role(dataset=other, user=owner, role=Role.READER, by=None)
    assert permissions_in(owner, dataset) == OF_A_STUDY
    assert May.EDIT_STUDY not in permissions_in(owner, other)
    remove_role(dataset=dataset, user=owner, by=None)
    assert permissions_in(owner, dataset) == frozenset()
    assert May.SEE_RESULTS in permissions_in(owner, other)
    assert [*studies_with(owner, May.SEE_STUDY)] == [other] and not studies_with(owner, May.EDIT_STUDY)


def test_an_inactive_account_may_nothing(dataset, owner):
    administrator = make_administrator()
    User.objects.update(is_active=False)
    for person in (owner, administrator):
        person.refresh_from_db()
        assert permissions_in(person, dataset) == permissions_on_site(person) == frozenset()


def test_every_change_leaves_a_line_and_no_line_goes(dataset, owner):
    person = make_account()
    give_role(dataset=dataset, user=person, role=Role.READER, by=owner)
    give_role(dataset=dataset, user=person, role=Role.READER, by=owner)
    give_role(dataset=dataset, user=person, role=Role.RESEARCHER, by=owner)
    remove_role(dataset=dataset, user=person, by=owner)
    invitation, _ = invite(dataset=dataset, role=Role.LABELER, by=owner)
    revoke_invitation(invitation=invitation, by=owner)
    revoke_invitation(invitation=invitation, by=owner)
    _, secret = invite(dataset=dataset, role=Role.REVIEWER, by=owner)
    accept_invitation(secret=secret, user=person)
    assert record_of(dataset) == [
        ("given", "", str(owner), "", "owner"),
        ("given", str(owner), str(person), "", "reader"),
        ("changed", str(owner), str(person), "reader", "researcher"),
        ("removed", str(owner), str(person), "researcher", ""),
        ("invited", str(owner), "", "", "labeler"),
        ("revoked", str(owner), "", "labeler", ""),
        ("invited", str(owner), "", "", "reviewer"),
        ("joined", str(owner), str(person), "", "reviewer"),
    ]
    for write in (lambda rows: rows.update(after="reader"), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            write(MembershipChange.objects.filter(event="given"))


@pytest.mark.django_db(transaction=True)
def test_the_record_is_not_emptied_either(dataset, owner):
    n_entries = len(record_of(dataset))
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE access_membershipchange")
    assert len(record_of(dataset)) == n_entries > 0


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OWNER])
def test_only_owners_give_and_take_roles(dataset, owner, role):
    member, person = make_member(dataset, role), make_account()
    for refused in (
        lambda: give_role(dataset=dataset, user=person, role=Role.READER, by=member),
        lambda: give_role(dataset=dataset, user=member, role=Role.OWNER, by=member),
        lambda: remove_role(dataset=dataset, user=owner, by=member),
        lambda: invite(dataset=dataset, role=Role.READER, by=member),
        lambda: give_role(dataset=make_dataset(), user=person, role=Role.READER, by=owner),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert members_of(dataset).count() == 2


def test_the_last_owner_stays_until_there_is_another_or_the_administrator_decides(dataset, owner):
    closed = make_member(dataset, Role.OWNER)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    for refused in (
        lambda: remove_role(dataset=dataset, user=owner, by=owner),
        lambda: give_role(dataset=dataset, user=owner, role=Role.RESEARCHER, by=owner),
    ):
        with pytest.raises(NotAllowed, match="only owner"):
            refused()
    second = make_member(dataset, Role.OWNER)
    give_role(dataset=dataset, user=owner, role=Role.READER, by=owner)
    assert [*owners_of(dataset)] == [second]
    remove_role(dataset=dataset, user=second, by=make_administrator())
    assert not owners_of(dataset)


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_the_same_time_do_not_both_leave():
    dataset = make_dataset()
    owners = [make_member(dataset, Role.OWNER) for _ in range(2)]

    def leave(number: int) -> bool:
        try:
            remove_role(dataset=dataset, user=owners[number], by=owners[number])
        except NotAllowed:
            return False
        return True

    assert sorted(in_threads(2, leave)) == [False, True]
    assert owners_of(dataset).count() == 1


def test_removing_somebody_without_a_role_says_so(dataset, owner):
    with pytest.raises(UserError, match="has no role"):
        remove_role(dataset=dataset, user=make_account(), by=owner)


# Invitations


def test_an_invitation_works_once(dataset, owner):
    _, secret = invite(dataset=dataset, role=Role.RESEARCHER, by=owner)
    person = make_account()
    accept_invitation(secret=secret, user=person)
    assert role_in(person, dataset) == Role.RESEARCHER
    with pytest.raises(NoInvitation):
        accept_invitation(secret=secret, user=make_account())
    with pytest.raises(NoInvitation):
        join_with_new_account(secret=secret, username="late", password=PASSWORD)
    assert not User.objects.filter(username="late").exists()


@pytest.mark.django_db(transaction=True)
def test_an_invitation_used_by_two_people_at_the_same_time_works_once():
    dataset = make_dataset()
    _, secret = invite(dataset=dataset, role=Role.READER, by=make_administrator())
    people = [make_account() for _ in range(2)]

    def accept(number: int) -> bool:
        try:
            accept_invitation(secret=secret, user=people[number])
        except NoInvitation:
            return False
        return True

    assert sorted(in_threads(2, accept)) == [False, True]
    assert members_of(dataset).count() == 1


def test_only_a_hash_of_the_secret_is_stored(dataset, owner):
    _, secret = invite(dataset=dataset, role=Role.READER, by=owner)
    assert secret not in str(Invitation.objects.values().get())
    assert invitation_of(Invitation.objects.get().digest) is None


def test_an_invitation_ends_by_time_by_revocation_and_with_its_authors_role(dataset, owner, monkeypatch):
    revoked, secret = invite(dataset=dataset, role=Role.READER, by=owner)
    assert invitation_of(secret) == revoked
    revoke_invitation(invitation=revoked, by=owner)
    assert invitation_of(secret) is None
    invitation, secret = invite(dataset=dataset, role=Role.READER, by=owner)
    assert [*open_invitations(dataset)] == [invitation]
    monkeypatch.setattr(catalog_reads, "fixed_now", invitation.expires_at - timedelta(seconds=1))
    assert invitation_of(secret) == invitation
    give_role(dataset=dataset, user=owner, role=Role.RESEARCHER, by=None)
    assert invitation_of(secret) is None, "its author may not give any role now"
    give_role(dataset=dataset, user=owner, role=Role.OWNER, by=None)
    assert invitation_of(secret) == invitation
    monkeypatch.setattr(catalog_reads, "fixed_now", invitation.expires_at)
    assert invitation_of(secret) is None
    assert not open_invitations(dataset)


def test_an_invitation_changes_no_role_that_somebody_has(dataset, owner):
    member = make_member(dataset, Role.READER)
    _, secret = invite(dataset=dataset, role=Role.OWNER, by=owner)
    with pytest.raises(NotAllowed, match="already have a role"):
        accept_invitation(secret=secret, user=member)
    assert role_in(member, dataset) == Role.READER
    assert invitation_of(secret), "and it can still be used by somebody else"


def test_a_new_account_has_the_role_and_is_no_administrator(dataset, owner):
    _, secret = invite(dataset=dataset, role=Role.LABELER, by=owner)
    join_with_new_account(secret=secret, username="rosa", password=PASSWORD)
    rosa = User.objects.get(username="rosa")
    assert (rosa.is_staff, rosa.is_superuser, rosa.check_password(PASSWORD)) == (False, False, True)
    assert role_in(rosa, dataset) == Role.LABELER


# Commands


def test_commands_give_and_remove_roles(dataset, capsys):
    person = make_account()
    call_command("give_role", person.username, dataset.name, "owner")
    assert role_in(person, dataset) == Role.OWNER
    call_command("remove_role", person.username, dataset.name)
    assert role_in(person, dataset) is None, "the operator may remove the last owner"
    assert person.username in capsys.readouterr().out
    assert [line[:2] for line in record_of(dataset)] == [("given", ""), ("removed", "")]


@pytest.mark.parametrize("arguments", [("nobody", "{dataset}", "owner"), ("{person}", "nothing", "owner")])
def test_a_command_says_whom_or_what_it_does_not_know(dataset, arguments):
    names = {"dataset": dataset.name, "person": make_account().username}
    with pytest.raises(CommandError, match="There is no"):
        call_command("give_role", *(argument.format(**names) for argument in arguments))
