"""The two suites of `./test`, the marketplace's and the site's: each under its own settings, on all processors."""

import contextlib
import importlib.util
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launcher.command import run
from launcher.places import ROOT, SUPERUSER, places_of

SITE, MARKETPLACE = "site", "marketplace"
SITE_FOLDERS = ["tests", "numerics"]
MARKETPLACE_TESTS = "tests/marketplace"
# Options of pytest whose value is a word of its own: it is no path, even if a file has this name.
OPTIONS_WITH_VALUES = {"-k", "-m", "-p", "-o", "-c", "-W", "-r", "--ds", "--deselect", "--ignore", "--maxfail"}
# A debugger, and output as it comes, need the process that has the terminal.
OPTIONS_OF_ONE_PROCESS = {"--pdb", "--trace", "-s", "--capture=no", "--collect-only", "--co"}
DISTRIBUTION = ["--dist", "loadfile", "--no-loadscope-reorder"]
# Imported by pytest before it reads settings.
PLUGIN = "tests.processes"
SUITE_VARIABLE, COUNTS_VARIABLE = "TEST_SUITE", "TEST_COUNTS"
# Exit statuses of pytest: by Ctrl-C, and where no test was found.
INTERRUPTED, NO_TESTS = 2, 5
# In the order of pytest's summary line.
OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "error")


@dataclass(frozen=True)
class Suite:
    name: str
    words: list[str]
    n_processes: int


@dataclass(frozen=True)
class Result:
    """The exit status of a suite, and how many of its tests ended in which way."""

    status: int
    counts: Counter[str]


def processors() -> int:
    """Return how many processors this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def suites_of(arguments: Sequence[str]) -> list[Suite]:
    """Return the suites that these arguments of pytest ask for, the longer one last."""
    options, paths = split(arguments)
    suites = []
    for name in (MARKETPLACE, SITE):
        suite_paths = paths_of(name, paths)
        if suite_paths:
            suites.append(Suite(name, [*options, *suite_paths], n_processes(options, suite_paths)))
    return suites


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell pytest's options, with their values, from the paths among its arguments."""
    options: list[str] = []
    paths: list[str] = []
    previous = ""
    for word in arguments:
        is_option = word.startswith("-")
        (options if is_option or is_value(word, previous) else paths).append(word)
        previous = word if is_option else ""
    return options, paths


def is_value(word: str, previous: str) -> bool:
    """Return whether a word is the value of the option before it: of one that takes any, or no path that there is."""
    return previous in OPTIONS_WITH_VALUES or (previous.startswith("-") and not (ROOT / relative(word)).exists())


def paths_of(suite: str, paths: list[str]) -> list[str]:
    """Return the paths that belong to a suite; if none is named at all, the folders of that suite."""
    if suite == SITE:
        return [path for path in paths if not is_of_marketplace(path)] if paths else SITE_FOLDERS
    doctests = [str(path.relative_to(ROOT)) for path in sorted((ROOT / MARKETPLACE).rglob("*.py")) if has_example(path)]
    whole = {"": [MARKETPLACE_TESTS, *doctests], MARKETPLACE: doctests}
    whole |= {".": whole[""], "tests": [MARKETPLACE_TESTS]}
    if not paths:
        return whole[""]
    return [
        word
        for path in paths
        if relative(path) in whole or is_of_marketplace(path)
        for word in whole.get(relative(path), [path])
    ]


def relative(path: str) -> str:
    return os.path.relpath(path.split("::")[0], ROOT)


def is_of_marketplace(path: str) -> bool:
    return any(f"{relative(path)}/".startswith(f"{folder}/") for folder in (MARKETPLACE_TESTS, MARKETPLACE))


def has_example(module: Path) -> bool:
    return ">>> " in module.read_text(encoding="utf-8")


def n_processes(options: list[str], paths: list[str]) -> int:
    """Return in how many processes to run these paths: no more than there are files of tests.

    Twice as many as there are processors, since tests wait for servers, browsers and time-outs.
    """
    is_shared = os.environ.get("REDIS_URL") or not OPTIONS_OF_ONE_PROCESS.isdisjoint(options)
    if is_shared or importlib.util.find_spec("xdist") is None:
        return 1
    files: set[Path] = set()
    for path in paths:
        place = ROOT / relative(path)
        files |= set(place.rglob("test_*.py")) if place.is_dir() else {place}
    return max(1, min(processors() * 2, len(files)))


def folders_of(state: Path, n_processes: int) -> list[Path]:
    """Return the state folders of a run's processes, named as pytest-xdist names these."""
    return [state / f"gw{number}" for number in range(n_processes)]


def environment_of_process(own_state: Path, suite: str) -> dict[str, str]:
    """Return the variables by which a process of a run reaches services and files of its own."""
    environment = {"STATE_DIR": str(own_state)}
    if suite == MARKETPLACE and not os.environ.get("MARKETPLACE_DATABASE_URL"):
        sockets = quote(str(places_of(own_state).postgres_sockets), safe="")
        environment["MARKETPLACE_DATABASE_URL"] = f"postgres://{SUPERUSER}@{sockets}/marketplace"
    return environment


def run_suite(suite: Suite, state: Path, python: Sequence[str]) -> Result:
    """Run a suite to its end. Its processes take the state folders that stand in `state`."""
    counts = state / f"{suite.name}.json"
    environment = os.environ | {"PYTEST_PLUGINS": PLUGIN, COUNTS_VARIABLE: str(counts), SUITE_VARIABLE: suite.name}
    if suite.name == MARKETPLACE:
        environment |= {
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "MARKETPLACE_SECRET_KEY": os.environ.get("MARKETPLACE_SECRET_KEY") or secrets.token_urlsafe(50),
        }
    words = [*python, "-m", "pytest"]
    if suite.n_processes > 1:
        words += ["-n", str(suite.n_processes), *DISTRIBUTION]
    else:
        environment |= environment_of_process(folders_of(state, 1)[0], suite.name)
    status = run([*words, *suite.words], environment)
    with contextlib.suppress(OSError, ValueError):
        return Result(status, Counter(json.loads(counts.read_text())))
    return Result(status, Counter())


def run_suites(suites: Sequence[Suite], state: Path, python: Sequence[str]) -> int:
    """Run the suites one after the other, and end with a line that sums them up; return the first bad exit status."""
    begin = time.monotonic()
    results = []
    for suite in suites:
        if len(suites) > 1:
            print(f"-- tests of the {suite.name}", flush=True)
        results.append(run_suite(suite, state, python))
        if results[-1].status == INTERRUPTED:
            break
    if len(results) > 1:
        print(summary_line(results, time.monotonic() - begin), flush=True)
    # With -k, one of the two may hold nothing to run.
    bad = [result.status for result in results if result.status not in (0, NO_TESTS)]
    empty = [result.status for result in results if result.status == NO_TESTS]
    return bad[0] if bad else NO_TESTS if len(empty) == len(results) else 0


def summary_line(results: Sequence[Result], seconds: float) -> str:
    """Return a line of the shape of pytest's own, for all suites together.

    >>> summary_line([Result(0, Counter(passed=2)), Result(1, Counter(failed=1, passed=3))], 61.0)
    '1 failed, 5 passed in 61.00s (0:01:01)'
    """
    counts = sum((result.counts for result in results), Counter())
    parts = [f"{counts[name]} {name}" for name in OUTCOMES if counts[name]]
    minutes, rest = divmod(int(seconds), 60)
    clock = f" ({minutes // 60}:{minutes % 60:02}:{rest:02})" if seconds >= 60 else ""
    return f"{', '.join(parts) or 'no tests ran'} in {seconds:.2f}s{clock}"
