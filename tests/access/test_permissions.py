"""Tests of the one list of permissions: its promises, its table in the documents, and its names in templates."""

import re

from access.models import Role
from access.permissions.reads import OF_A_STUDY, OF_THE_SITE, PERMISSIONS, May, may_give
from tests.test_boundaries import ROOT

TEMPLATES = {path: path.read_text() for path in (ROOT / "templates").rglob("*.html")}
GUIDE = (ROOT / "docs/guide.md").read_text()


def test_every_role_has_its_line_and_sees_its_study():
    assert PERMISSIONS.keys() == set(Role)
    assert all(May.SEE_STUDY in permissions <= OF_A_STUDY for permissions in PERMISSIONS.values())


def test_people_are_the_business_of_owners_and_nobody_gives_a_role_above_their_own():
    assert [role for role in Role if May.MANAGE_MEMBERS in PERMISSIONS[role]] == [Role.OWNER]
    assert all(may_give(PERMISSIONS[Role.OWNER], role) for role in Role)
    lesser = PERMISSIONS[Role.RESEARCHER] | {May.MANAGE_MEMBERS}
    assert may_give(lesser, Role.READER)
    assert not may_give(lesser - {May.PUBLISH}, Role.OWNER)
    assert not any(may_give(PERMISSIONS[Role.RESEARCHER], role) for role in Role)


def test_reviewers_and_labelers_see_no_results():
    for role in (Role.REVIEWER, Role.LABELER):
        assert PERMISSIONS[role] & {May.SEE_RESULTS, May.READ_ANNOTATIONS, May.READ_VOTES, May.SEE_WORKERS} == set()


def test_the_guide_shows_the_list():
    head, *rows = re.findall(r"^\|(.+)\|$", GUIDE[GUIDE.index("| permission |") :].split("\n\n")[0], re.MULTILINE)
    roles = [cell.strip() for cell in head.split("|")][2:]
    assert roles == [*Role.values]
    shown = {}
    for row in rows[1:]:
        name, _, *cells = (cell.strip() for cell in row.split("|"))
        shown[name.strip("`")] = {role for role, cell in zip(roles, cells, strict=True) if cell == "yes"}
    assert shown == {may.value: {role.value for role in Role if may in PERMISSIONS[role]} for may in OF_A_STUDY}


def test_templates_ask_for_permissions_that_exist():
    asked = {
        (str(path.relative_to(ROOT)), name)
        for path, text in TEMPLATES.items()
        for name in re.findall(r'"(\w+)" (?:not )?in (?:request|row|item)\.may', text)
    }
    assert len(asked) > 15
    assert {name for _, name in asked} <= {may.value for may in OF_A_STUDY | OF_THE_SITE}, asked
