"""Each defence can still be taken out by its words, and has tests; with SOAK=1 it is, and they fail.

The short form is cheap: a defence whose words have changed, or whose test was renamed, is told at once.
"""

import os
import re

import pytest

from launcher.places import ROOT
from tests.security.defences import DEFENCES
from tests.security.removal import Copy, Defence, faults, passing, scratch_copy, unnoticed

SOAK = bool(os.environ.get("SOAK"))
long_form = pytest.mark.skipif(not SOAK, reason="takes some seconds for each defence: ./test --soak")
# Those of the list of docs/security.md, and those that came with roles and links.
REQUIREMENTS = {f"S{number}" for number in range(1, 25)} | {defence.requirement for defence in DEFENCES}


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_a_defence_can_be_taken_out_and_has_tests(defence):
    assert not list(faults(defence))


def test_a_defence_that_is_not_there_any_more_is_told():
    defence = DEFENCES[0]
    for changed in ({"text": "no such words"}, {"tests": ("tests/api/test_rest.py::test_no_such",)}, {"without": "("}):
        assert list(faults(Defence(**vars(defence) | changed)))


def test_no_two_defences_have_a_name_and_each_requirement_has_one():
    names = [defence.name for defence in DEFENCES]
    assert len(names) == len(set(names))
    assert {defence.requirement for defence in DEFENCES} >= REQUIREMENTS


def rows() -> dict[str, str]:
    """Return the rows of the table of docs/security.md by requirement."""
    page = (ROOT / "docs/security.md").read_text()
    return dict(re.findall(r"^\| ([A-Z]\d+) (\|.*)$", page, re.MULTILINE))


def test_the_document_names_a_test_of_every_defence():
    assert rows().keys() == REQUIREMENTS
    unnamed = [
        f"{defence.name}: {test}"
        for defence in DEFENCES
        for test in defence.tests
        if test.partition("::")[2] not in rows()[defence.requirement]
    ]
    assert not unnamed


def test_the_document_names_no_test_that_there_is_not():
    for row in rows().values():
        for file, name in re.findall(r"`(tests/[\w/]+\.py)` `(test_\w+)`", row):
            assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), (file, name)


# The long form


@pytest.fixture(scope="module")
def copy():
    with scratch_copy() as scratch:
        yield scratch


@long_form
def test_with_everything_in_its_place_the_tests_pass(copy: Copy):
    assert not passing(copy, DEFENCES)


@long_form
@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_without_a_defence_its_tests_fail(copy: Copy, defence: Defence):
    assert not unnoticed(copy, defence)
