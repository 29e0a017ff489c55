"""Roles of people in a study, invitations to them, and the record of every change."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from catalog.models import Dataset

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Role(models.TextChoices):
    """Roles in a study, the most powerful first. access.permissions says what each may."""

    OWNER = "owner", gettext_lazy("owner")
    RESEARCHER = "researcher", gettext_lazy("researcher")
    REVIEWER = "reviewer", gettext_lazy("reviewer")
    LABELER = "labeler", gettext_lazy("labeler")
    READER = "reader", gettext_lazy("reader")


class Membership(models.Model):
    """A person's role in a study. `given_by` is null where the site administrator gave it by a command."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    given_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "user"], name="one_role_per_study_and_person"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_has_a_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.dataset}"

    @property
    def role_name(self) -> "StrOrPromise":
        return Role(self.role).label


class Invitation(models.Model):
    """A link to a role in a study, for a single use. Only the hash of its secret is stored.

    It is worth what its author may give when it is used: after the author's role ends, nothing.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_has_a_role"),
            models.CheckConstraint(
                condition=Q(used_by=None, used_at=None) | Q(used_by__isnull=False, used_at__isnull=False),
                name="used_invitation_has_a_user_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(revoked_at=None), name="invitation_is_used_or_revoked_never_both"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="invitation_expires_after_its_creation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.dataset}, by {self.created_by}"

    @property
    def role_name(self) -> "StrOrPromise":
        return Role(self.role).label


class MembershipChange(models.Model):
    """A line of the record of a study's people, which only grows: the database refuses changes and deletions.

    `by` is null for the site administrator at the shell. `person` is null for an invitation that nobody has used.
    `before` and `after` are roles, empty for none.
    """

    class Event(models.TextChoices):
        GIVEN = "given"
        CHANGED = "changed"
        REMOVED = "removed"
        INVITED = "invited"
        JOINED = "joined"
        REVOKED = "revoked"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="membership_changes")
    event = models.CharField(max_length=10, choices=Event)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    before = models.CharField(max_length=10, choices=Role, blank=True)
    after = models.CharField(max_length=10, choices=Role, blank=True)
    happened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(before__in=["", *Role.values], after__in=["", *Role.values]),
                name="membership_change_is_between_roles",
            ),
            models.CheckConstraint(
                condition=Q(event__in=["invited", "revoked"], person=None)
                | Q(event__in=["given", "changed", "removed", "joined"], person__isnull=False),
                name="membership_change_names_its_person",
            ),
            models.CheckConstraint(condition=~Q(before=F("after")), name="membership_change_changes_something"),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.person} {self.before} → {self.after}"

    @property
    def role_before(self) -> "StrOrPromise":
        return Role(self.before).label if self.before else ""

    @property
    def role_after(self) -> "StrOrPromise":
        return Role(self.after).label if self.after else ""
