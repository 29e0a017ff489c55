"""Defences taken out one by one, in a copy of the checkout: the tests that name them must fail there.

    .venv/bin/python -m tests.security.remove_defences [WORDS]

removes every defence, or those whose names contain one of the words, and says what each of its tests did.
`./test --soak` does the same. The checkout itself is never touched.
"""

import ast
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launcher.embedded import services
from launcher.migrated import copy_migrated_cluster
from launcher.places import DATABASE, ROOT, SUPERUSER, places_of
from launcher.suites import MARKETPLACE, MARKETPLACE_TESTS, SITE, environment_of_process

SECONDS = 900
LEFT_OUT = {".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "node_modules"}
# Of the run that this one is part of.
NOT_PASSED_ON = ("PYTEST_", "TEST_", "COVERAGE_", "SOAK", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MARKETPLACE_")
SECRET = "kQ3v9-pX7sLm2Zt8RwYb4Nc6Hd1Jf5Gg0Aa_UeIoPqTxVzBnMs"
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) (\S+?)(?:\[.*)?(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Defence:
    """A defence: its words in a file, what stands there without it, and the tests that notice.

    `name` begins with the requirement that it serves. `text` stands in the file once.
    """

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return self.name.split(" ", 1)[0]

    @property
    def is_of_marketplace(self) -> bool:
        return all(test.startswith(f"{MARKETPLACE_TESTS}/") for test in self.tests)

    def removed_from(self, source: str) -> str:
        """Return the source without the defence. Raises ValueError if its words no longer stand there once."""
        n_places = source.count(self.text)
        if n_places != 1:
            raise ValueError(f"{self.name}: its words stand {n_places} times in {self.file}, not once")
        return source.replace(self.text, self.without)


def faults(defence: Defence, root: Path = ROOT) -> Iterator[str]:
    """Yield what keeps a defence from being removed: words that changed, code that would not run, absent tests."""
    try:
        without = defence.removed_from((root / defence.file).read_text(encoding="utf-8"))
        if defence.file.endswith(".py"):
            ast.parse(without)
    except (OSError, ValueError, SyntaxError) as error:
        yield f"{defence.name}: {error}"
    for test in defence.tests:
        path, _, name = test.partition("::")
        if not (root / path).is_file() or not re.search(rf"^def {name}\(", (root / path).read_text(), re.MULTILINE):
            yield f"{defence.name}: there is no {test}"
    if len({test.startswith(f"{MARKETPLACE_TESTS}/") for test in defence.tests}) != 1:
        yield f"{defence.name}: its tests are of no suite, or of two"


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout, with services of its own."""

    root: Path
    state: Path

    def outcomes(self, tests: Iterable[str], suite: str, environment: dict[str, str]) -> dict[str, set[str]]:
        """Run tests; return the outcomes of each, of which a test with parameters may have several."""
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-rpfE", *tests]
        done = subprocess.run(
            words,
            cwd=self.root,
            env=environment_of(self.state, suite) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        outcomes: dict[str, set[str]] = {test: set() for test in tests}
        for outcome, test in OUTCOME.findall(done.stdout):
            outcomes.setdefault(test, set()).add(outcome)
        if done.returncode not in (0, 1) or not all(outcomes.values()):
            raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-4000:]}")
        return outcomes

    @contextlib.contextmanager
    def without(self, defence: Defence) -> Iterator[dict[str, str]]:
        """Take the defence out, and put it back; yield the variables that tests need meanwhile."""
        path = self.root / defence.file
        source = path.read_text(encoding="utf-8")
        try:
            write(path, defence.removed_from(source))
            yield self.fresh_tables() if "migrations" in path.parts else {}
        finally:
            write(path, source)

    def fresh_tables(self) -> dict[str, str]:
        """Return variables with which the tables are made by the migrations of the copy, not taken from a template."""
        sockets = quote(str(places_of(self.state).postgres_sockets), safe="")
        return {"DATABASE_URL": f"postgres://{SUPERUSER}@{sockets}/{DATABASE}", "SECRET_KEY": SECRET}


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # Two versions within one second may have the same size.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def environment_of(state: Path, suite: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    module = "marketplace.settings" if suite == MARKETPLACE else "annotation_site.settings"
    key = {"MARKETPLACE_SECRET_KEY": SECRET} if suite == MARKETPLACE else {}
    return kept | environment_of_process(state, suite) | {"DJANGO_SETTINGS_MODULE": module} | key


@contextlib.contextmanager
def scratch_copy() -> Iterator[Copy]:
    # Not pytest's own temporary folder: Postgres' user must be able to walk to the state.
    folder = Path(tempfile.mkdtemp(prefix="defences-"))
    folder.chmod(0o755)
    root, state = folder / "checkout", folder / "state"
    try:
        shutil.copytree(ROOT, root, ignore=lambda _, names: LEFT_OUT & set(names), symlinks=True)
        copy_migrated_cluster(state)
        with services(state, durable=False):
            yield Copy(root, state)
    finally:
        places = places_of(state)
        for place in (places.outside, places.postgres_sockets, places.valkey_sockets, folder):
            if place:
                shutil.rmtree(place, ignore_errors=True)


def passing(copy: Copy, defences: Sequence[Defence]) -> list[str]:
    """Run the tests of all defences with everything in its place; return those that do not pass."""
    failing = []
    for suite in (SITE, MARKETPLACE):
        chosen = [defence for defence in defences if defence.is_of_marketplace == (suite == MARKETPLACE)]
        tests = sorted({test for defence in chosen for test in defence.tests})
        outcomes = copy.outcomes(tests, suite, {}) if tests else {}
        failing += [test for test in tests if outcomes[test] != {"PASSED"}]
    return failing


def unnoticed(copy: Copy, defence: Defence) -> list[str]:
    """Take a defence out; return those of its tests that do not notice."""
    suite = MARKETPLACE if defence.is_of_marketplace else SITE
    with copy.without(defence) as environment:
        outcomes = copy.outcomes(defence.tests, suite, environment)
    return [test for test in defence.tests if "FAILED" not in outcomes[test]]
