"""List of what each role in a study may do, and reads of what a person may do there."""

from enum import StrEnum
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from access.models import Membership, Role
from catalog.models import Dataset

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Visitor = AbstractBaseUser | AnonymousUser


class May(StrEnum):
    """Permissions. All but the last two hold in a study."""

    SEE_STUDY = "see_study"
    SEE_RESULTS = "see_results"
    READ_ANNOTATIONS = "read_annotations"
    READ_VOTES = "read_votes"
    SEE_WORKERS = "see_workers"
    EXCLUDE_WORKERS = "exclude_workers"
    EDIT_STUDY = "edit_study"
    RUN_CLASSIFIERS = "run_classifiers"
    OPEN_BATCHES = "open_batches"
    PUBLISH = "publish"
    DECIDE_PAYMENTS = "decide_payments"
    REVIEW = "review"
    LABEL = "label"
    WRITE_GUIDE = "write_guide"
    CREATE_TOKENS = "create_tokens"
    MANAGE_MEMBERS = "manage_members"
    # Of people with a role in any study, and of site administrators.
    LIST_STUDIES = "list_studies"
    ADMINISTER = "administer"


OF_THE_SITE = frozenset({May.LIST_STUDIES, May.ADMINISTER})
OF_A_STUDY = frozenset(May) - OF_THE_SITE
PERMISSIONS: dict[Role, frozenset[May]] = {
    Role.OWNER: OF_A_STUDY,
    Role.RESEARCHER: OF_A_STUDY - {May.MANAGE_MEMBERS},
    Role.REVIEWER: frozenset({May.SEE_STUDY, May.REVIEW, May.WRITE_GUIDE}),
    Role.LABELER: frozenset({May.SEE_STUDY, May.LABEL, May.WRITE_GUIDE}),
    Role.READER: frozenset({May.SEE_STUDY, May.SEE_RESULTS, May.READ_ANNOTATIONS}),
}


def is_administrator(user: Visitor) -> bool:
    """Return whether the account may do everything in every study."""
    return isinstance(user, User) and user.is_active and user.is_staff


def permissions_in(user: Visitor, dataset: Dataset) -> frozenset[May]:
    """Return what a person may do in a study, as of now: empty for whom the study does not exist."""
    if is_administrator(user):
        return OF_A_STUDY
    role = role_in(user, dataset)
    return PERMISSIONS[role] if role else frozenset()


def roles_by_study(user: Visitor) -> dict[int, Role]:
    """Return a person's roles by the ids of studies. Site administrators need none and have none here."""
    if is_administrator(user):
        return {}
    return {row.dataset_id: Role(row.role) for row in _memberships_of(user)}


def permissions_on_site(user: Visitor) -> frozenset[May]:
    """Return what a person may do outside studies."""
    if is_administrator(user):
        return OF_THE_SITE
    return frozenset({May.LIST_STUDIES}) if _memberships_of(user).exists() else frozenset()


def role_in(user: Visitor, dataset: Dataset) -> Role | None:
    """Return a person's role in a study. Site administrators need none."""
    membership = _memberships_of(user).filter(dataset=dataset).first()
    return Role(membership.role) if membership else None


def studies_with(user: Visitor, permission: May) -> QuerySet[Dataset]:
    """Return the studies in which a person has a permission."""
    if is_administrator(user):
        return Dataset.objects.all()
    roles = roles_with(permission)
    return Dataset.objects.filter(pk__in=_memberships_of(user).filter(role__in=roles).values("dataset"))


def roles_with(permission: May) -> list[Role]:
    """Return the roles that have a permission, the most powerful first."""
    return [role for role in Role if permission in PERMISSIONS[role]]


def role_names(roles: list[Role]) -> "list[StrOrPromise]":
    """Return the roles' names for people."""
    return [role.label for role in roles]


def may_give(permissions: frozenset[May], role: Role) -> bool:
    """Return whether someone with these permissions may give or take a role: never one above their own."""
    return May.MANAGE_MEMBERS in permissions and PERMISSIONS[role] <= permissions


def _memberships_of(user: Visitor) -> QuerySet[Membership]:
    if not isinstance(user, User) or not user.is_active:
        return Membership.objects.none()
    return Membership.objects.filter(user=user)
