"""People who came by a study link: the votes of the export are what they meant.

Who does not work in the frame works at one of the two tasks in every run. All do all with `./test --soak`.
"""

import pytest

from tests.people.checks import check_work
from tests.people.every_run import cases
from tests.people.person import LINK


@pytest.mark.parametrize(("person", "task"), cases(LINK))
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, LINK)
