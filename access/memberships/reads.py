"""The people of a study, invitations, and the record of changes."""

import hashlib

from django.contrib.auth.models import User
from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext

from access.models import Invitation, Membership, MembershipChange, Role
from access.permissions.reads import may_give, permissions_in
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import now

CHANGES_SHOWN = 100
BY_POWER = Case(*(When(role=role, then=Value(n)) for n, role in enumerate(Role)))


def digest_of(secret: str) -> str:
    # A secret has 256 random bits: trying out secrets for a plain hash is hopeless.
    return hashlib.sha256(secret.encode()).hexdigest()


def members_of(dataset: Dataset) -> QuerySet[Membership]:
    """Return the members of a study, the most powerful first."""
    return dataset.memberships.select_related("user", "given_by").order_by(BY_POWER, "user__username")


def owners_of(dataset: Dataset) -> QuerySet[User]:
    """Return the owners of a study who can still sign in."""
    rows = dataset.memberships.filter(role=Role.OWNER).values("user")
    return User.objects.filter(pk__in=rows, is_active=True).order_by("username")


def is_last_owner(membership: Membership) -> bool:
    """Return whether the study would be left without an owner."""
    if membership.role != Role.OWNER:
        return False
    return not owners_of(membership.dataset).exclude(pk=membership.user_id).exists()


def open_invitations(dataset: Dataset) -> QuerySet[Invitation]:
    """Return the invitations that can still be used, the latest first."""
    unused = dataset.invitations.filter(used_at=None, revoked_at=None, expires_at__gt=now())
    return unused.select_related("created_by").order_by("-pk")


def invitation_of(secret: str) -> Invitation | None:
    """Return the invitation with this secret; None if it is used, revoked, expired, or its author may not give it."""
    invitations = Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=now())
    invitation = invitations.select_related("dataset", "created_by").filter(digest=digest_of(secret)).first()
    if invitation is None:
        return None
    author = permissions_in(invitation.created_by, invitation.dataset)
    return invitation if may_give(author, Role(invitation.role)) else None


def changes_of(dataset: Dataset) -> QuerySet[MembershipChange]:
    """Return the latest changes of a study's people, the latest first."""
    return dataset.membership_changes.select_related("by", "person").order_by("-pk")[:CHANGES_SHOWN]


def account_named(name: str) -> User:
    """Return the account with this name. Raises UserError if there is none."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise UserError(gettext("There is no account named “%(name)s”.") % {"name": name})
    return user
