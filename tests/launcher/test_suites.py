"""Tests of which suites `./test` runs for its arguments, on how many processes, and of their sum."""

from collections import Counter

import pytest

from launcher import suites
from launcher.check import keep_bytecode
from launcher.places import ROOT
from launcher.suites import MARKETPLACE, SITE, Result, Suite, run_suites, suites_of


@pytest.fixture
def four_processors(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(suites.os, "sched_getaffinity", lambda _: {0, 1, 4, 5})


def words_of(arguments: list[str]) -> dict[str, list[str]]:
    return {suite.name: suite.words for suite in suites_of(arguments)}


def test_without_arguments_both_suites_run_whole():
    words = words_of([])
    assert list(words) == [MARKETPLACE, SITE]
    assert words[SITE] == ["tests", "numerics"]
    assert words[MARKETPLACE][0] == "tests/marketplace" and "marketplace/prices.py" in words[MARKETPLACE]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["tests/marketplace/test_hits.py::test_x"], {MARKETPLACE: ["tests/marketplace/test_hits.py::test_x"]}),
        (["tests/mturk"], {SITE: ["tests/mturk"]}),
        (["tests/marketplaces.py"], {SITE: ["tests/marketplaces.py"]}),
        (["./tests/marketplace/"], {MARKETPLACE: ["./tests/marketplace/"]}),
        (["marketplace/prices.py"], {MARKETPLACE: ["marketplace/prices.py"]}),
        (["tests"], {MARKETPLACE: ["tests/marketplace"], SITE: ["tests"]}),
        (["tests/mturk", "tests/marketplace"], {MARKETPLACE: ["tests/marketplace"], SITE: ["tests/mturk"]}),
    ],
)
def test_a_path_runs_in_the_suite_that_it_belongs_to(paths, expected):
    assert words_of(paths) == expected


def test_options_go_to_both_suites_with_their_values():
    words = words_of(["-x", "-k", "tests", "--maxfail=2"])
    assert (
        all(suite_words[:4] == ["-x", "-k", "tests", "--maxfail=2"] for suite_words in words.values())
        and len(words) == 2
    )


@pytest.mark.parametrize(
    "options",
    [["--tb", "short"], ["--durations", "20"], ["-n", "4"], ["--color", "yes"], ["-k", "mturk"], ["-m", "tests"]],
)
@pytest.mark.parametrize("is_last", [True, False])
def test_the_value_of_an_option_is_no_path(options, is_last):
    path = ["tests/mturk/test_sync.py"]
    assert words_of([*path, *options] if is_last else [*options, *path]) == {SITE: [*options, *path]}


def test_a_path_may_follow_an_option_without_a_value():
    assert words_of(["-x", "tests/mturk"]) == {SITE: ["-x", "tests/mturk"]}


@pytest.mark.parametrize(
    ("arguments", "n_processes"),
    [
        ([], {8}),
        (["tests/mturk/test_sync.py"], {1}),
        (["tests/mturk/test_sync.py::test_x", "tests/mturk/test_sync.py::test_y"], {1}),
        (["tests/mturk/test_sync.py", "tests/mturk/test_doubt.py"], {2}),
        (["--pdb"], {1}),
    ],
)
def test_there_are_twice_as_many_processes_as_processors_and_no_more_than_files(
    four_processors, arguments, n_processes
):
    assert {suite.n_processes for suite in suites_of(arguments)} == n_processes


def test_processes_that_would_share_a_server_of_somebody_elses_are_one(four_processors, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    assert {suite.n_processes for suite in suites_of([])} == {1}


@pytest.mark.parametrize(
    ("statuses", "status"),
    [((0, 0), 0), ((1, 0), 1), ((0, 1), 1), ((5, 0), 0), ((0, 5), 0), ((5, 5), 5), ((5, 4), 4)],
)
def test_the_run_fails_if_one_suite_does_and_a_suite_without_tests_is_no_failure(
    monkeypatch, capsys, tmp_path, statuses, status
):
    results = iter([Result(number, Counter(passed=3)) for number in statuses])
    monkeypatch.setattr(suites, "run_suite", lambda *_: next(results))
    both = [Suite(name, [], 1) for name in (MARKETPLACE, SITE)]
    assert run_suites(both, tmp_path, []) == status
    assert capsys.readouterr().out.splitlines()[-1].startswith("6 passed in 0.0")


def test_after_ctrl_c_the_other_suite_does_not_begin(monkeypatch, tmp_path):
    monkeypatch.setattr(suites, "run_suite", lambda suite, *_: Result(2, Counter()) if suite.name == "a" else None)
    assert run_suites([Suite("a", [], 1), Suite("b", [], 1)], tmp_path, []) == 2


def test_compiled_modules_are_kept_and_never_in_a_checkout_that_is_to_hold_none():
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    keep_bytecode(environment)
    assert environment == {"PYTHONPYCACHEPREFIX": str(ROOT / "var" / "bytecode")}
    keep_bytecode(usual := {"LANG": "C"})
    assert usual == {"LANG": "C"}
