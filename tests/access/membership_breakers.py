"""Each constraint of memberships and tokens broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable
from datetime import timedelta

from access.memberships.actions import invite
from access.models import Invitation, Membership, MembershipChange, Role
from api.actions import create_token
from api.models import ApiToken
from catalog.reads import now
from tests.factories import make_administrator, make_dataset, make_member, unique

BREAKERS: dict[str, Callable[[], object]] = {}


def breaks(name: str) -> Callable:
    def register(breaker: Callable[[], object]) -> Callable[[], object]:
        BREAKERS[name] = breaker
        return breaker

    return register


def change(**changed: object) -> MembershipChange:
    dataset = make_dataset()
    member = make_member(dataset, Role.READER)
    fields = {"dataset": dataset, "event": "changed", "person": member, "before": "reader", "after": "owner"}
    return MembershipChange.objects.create(**{"happened_at": now()} | fields | changed)


def invitation(**changed: object) -> None:
    row, _ = invite(dataset=make_dataset(), role=Role.READER, by=make_administrator())
    Invitation.objects.filter(pk=row.pk).update(**changed)


@breaks("one_role_per_study_and_person")
def _() -> None:
    dataset = make_dataset()
    member = make_member(dataset, Role.READER)
    Membership.objects.create(dataset=dataset, user=member, role=Role.OWNER, given_at=now())


@breaks("membership_has_a_role")
def _() -> None:
    member = make_member(make_dataset(), Role.READER)
    Membership.objects.filter(user=member).update(role="emperor")


@breaks("invitation_has_a_role")
def _() -> None:
    invitation(role="emperor")


@breaks("used_invitation_has_a_user_and_a_time")
def _() -> None:
    invitation(used_at=now())


@breaks("invitation_is_used_or_revoked_never_both")
def _() -> None:
    invitation(used_at=now(), used_by=make_administrator(), revoked_at=now())


@breaks("invitation_expires_after_its_creation")
def _() -> None:
    invitation(expires_at=now() - timedelta(days=1))


@breaks("membership_change_is_between_roles")
def _() -> None:
    change(after="emperor")


@breaks("membership_change_names_its_person")
def _() -> None:
    change(person=None)


@breaks("membership_change_changes_something")
def _() -> None:
    change(after="reader")


@breaks("token_name_once_per_study")
def _() -> None:
    token, _ = create_token(name=unique("token"), dataset=make_dataset())
    ApiToken.objects.create(name=token.name, dataset=token.dataset, prefix="ann_", digest=unique("digest"))


@breaks("token_name_once_for_all_studies")
def _() -> None:
    token, _ = create_token(name=unique("token"))
    ApiToken.objects.create(name=token.name, prefix="ann_", digest=unique("digest"))


@breaks("token_reads_something")
def _() -> None:
    create_token(name=unique("token"), scopes=[])


@breaks("token_of_a_page_expires")
def _() -> None:
    create_token(name=unique("token"), created_by=make_administrator())
