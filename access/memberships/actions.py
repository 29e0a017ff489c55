"""Writes of roles and invitations. Each leaves a line in the record of the study's people."""

import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from access.memberships.reads import digest_of, invitation_of, is_last_owner
from access.models import Invitation, Membership, MembershipChange, Role
from access.permissions.reads import may_give, permissions_in
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import LockName, now, wait_for_lock

INVITATION_DAYS = 7
Event = MembershipChange.Event


class NotAllowed(UserError):
    """An error: a person may not make this change."""


class NoInvitation(UserError):
    """An error: the link is used, revoked or expired, or its author may no longer give the role."""


class NameTaken(UserError):
    """An error: an account of this name exists, or another one that differs by case alone."""

    def __init__(self) -> None:
        super().__init__(gettext("This name is taken. Choose another name."))


@transaction.atomic
def give_role(*, dataset: Dataset, user: User, role: Role, by: User | None) -> Membership:
    """Give a person a role in a study, or another one. `by` is None for the site administrator at the shell.

    Raises NotAllowed for a role above that of `by`, and for the last owner of the study.
    """
    wait_for_lock(LockName.MEMBERS, dataset)
    membership = Membership.objects.filter(dataset=dataset, user=user).first()
    _check(dataset, by, role, membership)
    event = Event.CHANGED if membership else Event.GIVEN
    return _store(dataset, user, role, by, event, membership)


@transaction.atomic
def remove_role(*, dataset: Dataset, user: User, by: User | None) -> None:
    """End a person's role in a study. Raises NotAllowed as `give_role` does, and UserError if there is none."""
    wait_for_lock(LockName.MEMBERS, dataset)
    membership = Membership.objects.filter(dataset=dataset, user=user).first()
    if membership is None:
        raise UserError(gettext("%(name)s has no role in this study.") % {"name": user.get_username()})
    _check(dataset, by, None, membership)
    membership.delete()
    _record(dataset, Event.REMOVED, by, user, before=membership.role)


@transaction.atomic
def invite(*, dataset: Dataset, role: Role, by: User) -> tuple[Invitation, str]:
    """Create an invitation. Returns it with its secret, which is not stored. Raises NotAllowed as `give_role` does."""
    wait_for_lock(LockName.MEMBERS, dataset)
    _check(dataset, by, role, None)
    secret, moment = secrets.token_urlsafe(32), now()
    invitation = Invitation.objects.create(
        dataset=dataset,
        role=role,
        digest=digest_of(secret),
        created_by=by,
        created_at=moment,
        expires_at=moment + timedelta(days=INVITATION_DAYS),
    )
    _record(dataset, Event.INVITED, by, after=role)
    return invitation, secret


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> None:
    """End an invitation that nobody has used."""
    wait_for_lock(LockName.MEMBERS, invitation.dataset)
    role = Role(invitation.role)
    _check(invitation.dataset, by, role, None)
    if Invitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None).update(revoked_at=now()):
        _record(invitation.dataset, Event.REVOKED, by, before=role)


@transaction.atomic
def accept_invitation(*, secret: str, user: User) -> Membership:
    """Give a person the role of an invitation. Raises NoInvitation, and NotAllowed for a role that is none higher."""
    invitation = _locked(secret)
    membership = Membership.objects.filter(dataset=invitation.dataset, user=user).first()
    if membership is not None:
        words = gettext("You already have a role in this study: %(role)s. An owner can change it.")
        raise NotAllowed(words % {"role": membership.role_name})
    return _use(invitation, user)


@transaction.atomic
def join_with_new_account(*, secret: str, username: str, password_hash: str) -> Membership:
    """Create an account, and give it the role of an invitation. Raises NoInvitation and NameTaken.

    Forms check name and password, and hash it: a hash takes long, and here others wait for the lock of the members.
    """
    return _use(_locked(secret), _new_account(username, password_hash))


def _new_account(username: str, password_hash: str) -> User:
    """Create an account. The form has compared the names, but two forms may be sent at once."""
    wait_for_lock(LockName.ACCOUNTS)
    if User.objects.filter(username__iexact=username).exists():
        raise NameTaken
    try:
        with transaction.atomic():
            return User.objects.create(username=username, password=password_hash)
    except IntegrityError:
        # The operator creates accounts at the shell without this lock.
        raise NameTaken from None


def _locked(secret: str) -> Invitation:
    """Return the invitation, which nobody else can use or revoke until the end of the transaction."""
    invitation = invitation_of(secret)
    if invitation is not None:
        wait_for_lock(LockName.MEMBERS, invitation.dataset)
        invitation = invitation_of(secret)
    if invitation is None:
        raise NoInvitation(
            gettext("This invitation is no longer valid. It was used, revoked or has expired. Ask for a new link.")
        )
    return invitation


def _use(invitation: Invitation, user: User) -> Membership:
    Invitation.objects.filter(pk=invitation.pk).update(used_by=user, used_at=now())
    role = Role(invitation.role)
    return _store(invitation.dataset, user, role, invitation.created_by, Event.JOINED, None)


def _check(dataset: Dataset, by: User | None, role: Role | None, membership: Membership | None) -> None:
    """Refuse a role above that of `by`, whether given or taken, and a study without owners."""
    if by is None:
        return
    permissions = permissions_in(by, dataset)
    roles = [role] if role else []
    roles += [Role(membership.role)] if membership else []
    for touched in roles:
        if not may_give(permissions, touched):
            words = gettext("You cannot give or remove the role “%(role)s”.")
            raise NotAllowed(words % {"role": touched.label})
    if membership and role != Role.OWNER and not by.is_staff and is_last_owner(membership):
        raise NotAllowed(
            gettext(
                "%(name)s is the only owner of this study. Make another member owner first, or ask the site "
                "administrator."
            )
            % {"name": membership.user.get_username()}
        )


def _store(
    dataset: Dataset, user: User, role: Role, by: User | None, event: Event, membership: Membership | None
) -> Membership:
    if membership is None:
        membership = Membership(dataset=dataset, user=user)
    before = membership.role
    if before == role:
        return membership
    membership.role, membership.given_by, membership.given_at = role, by, now()
    membership.save()
    _record(dataset, event, by, user, before=before, after=role)
    return membership


def _record(
    dataset: Dataset, event: Event, by: User | None, person: User | None = None, *, before: str = "", after: str = ""
) -> None:
    MembershipChange.objects.create(
        dataset=dataset, event=event, by=by, person=person, before=before, after=after, happened_at=now()
    )
    subject = f"{person.get_username() if person else 'invitation'} in {dataset}"
    record(
        area=Area.PERMISSION,
        action=f"role.{event}",
        subject=subject,
        before={"role": before},
        after={"role": after, "by": by},
    )
