"""Tables of who gets in."""

from access.models.memberships import Invitation as Invitation
from access.models.memberships import Membership as Membership
from access.models.memberships import MembershipChange as MembershipChange
from access.models.memberships import Role as Role
