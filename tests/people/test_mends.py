"""Each mend can still be taken out by its words; with SOAK=1 it is, and the people who need it are misunderstood."""

import ast
import os
import subprocess
import sys

import pytest

from launcher.places import ROOT
from launcher.suites import SITE
from tests.people.mends import MENDS, Mend
from tests.security.removal import SECONDS, Copy, environment_of, scratch_copy

SOAK = bool(os.environ.get("SOAK"))
long_form = pytest.mark.skipif(not SOAK, reason="takes half a minute for each mend: ./test --soak")
FAST = {"PATIENCE_MS": "8000"}


@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: mend.name)
def test_a_mend_can_be_taken_out_and_somebody_needs_it(mend: Mend):
    without = mend.patch.removed_from((ROOT / mend.file).read_text(encoding="utf-8"))
    if mend.file.endswith(".py"):
        ast.parse(without)
    assert mend.people and not mend.unknown_people()


@pytest.fixture(scope="module")
def copy():
    with scratch_copy() as scratch:
        yield scratch


@long_form
@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: mend.name)
def test_without_a_mend_somebody_is_misunderstood(copy: Copy, mend: Mend):
    understood = [test for test, passes in outcomes(copy, mend).items() if not passes]
    assert not understood, f"{understood} fail with everything in its place"
    with copy.without(mend.patch):
        noticed = outcomes(copy, mend)
    assert not [test for test, passes in noticed.items() if passes]


def outcomes(copy: Copy, mend: Mend) -> dict[str, bool]:
    """Run the people of a mend in the copy; return whether each is understood."""
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=line", "-rpfE", *mend.tests]
    environment = environment_of(copy.state, SITE) | FAST
    done = subprocess.run(words, cwd=copy.root, env=environment, capture_output=True, text=True, timeout=SECONDS)
    lines = done.stdout.splitlines()
    passed = {test for test in mend.tests if any(line.startswith(f"PASSED {test}") for line in lines)}
    failed = {
        test for test in mend.tests if any(line.startswith((f"FAILED {test}", f"ERROR {test}")) for line in lines)
    }
    assert passed | failed == set(mend.tests), done.stdout[-4000:]
    return {test: test in passed for test in mend.tests}
