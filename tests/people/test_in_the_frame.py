"""People who work in the marketplace's frame: the votes of the export are what they meant.

Those whose way differs in a frame work in every run; all others with `./test --soak`.
"""

import pytest

from tests.people.checks import check_work
from tests.people.every_run import cases
from tests.people.person import FRAME

WITH_MARKETPLACE = True


@pytest.mark.parametrize(("person", "task"), cases(FRAME))
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, FRAME)
