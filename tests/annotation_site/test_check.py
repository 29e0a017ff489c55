"""Checks of `./test` before any test, and their completeness."""

import re

import pytest
import yaml

from launcher.check import QUICK_CHECKS, SLOW_CHECKS, step
from launcher.places import ROOT
from tests.processes import LONGEST

IGNORED = re.compile(r"# type: " + r"ignore(?P<code>\[[a-z-]+\])?(?P<reason>.*)")
CONFIGURATIONS = ("pyproject.toml", "marketplace/mypy.ini")
MOST_IGNORED = 17


def our_lines() -> list[tuple[str, str]]:
    rooms = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith((".", "var"))]
    files = [file for room in rooms for file in room.rglob("*.py")]
    return [(str(file.relative_to(ROOT)), line) for file in files for line in file.read_text().splitlines()]


def test_a_check_that_fails_is_named_and_its_status_is_that_of_the_run(capfd):
    with pytest.raises(SystemExit) as ended:
        step("types", ["-c", "raise SystemExit(3)"])
    assert ended.value.code == 3
    assert capfd.readouterr().err == "-- types: failed; no test was run\n"


def test_a_check_that_passes_says_nothing_of_its_own(capfd):
    step("types", ["-c", "pass"])
    assert capfd.readouterr().err == ""


def test_the_longest_files_are_there():
    assert [file for file in LONGEST if not (ROOT / file).exists()] == []


def test_a_commit_is_checked_by_the_same_commands():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    commands = {name: " ".join([".venv/bin/python", *words]) for name, words in (QUICK_CHECKS | SLOW_CHECKS).items()}
    # They need a database.
    del commands["migrations"]
    assert {hook["name"]: hook["entry"] for hook in hooks} == commands


def test_no_module_is_taken_out_of_the_checked_types():
    for file in CONFIGURATIONS:
        text = (ROOT / file).read_text()
        assert "ignore_errors" not in text and "disable_error_code" not in text
    taken_out = [file for file, line in our_lines() if re.match(r"\s*# mypy: ", line)]
    assert taken_out == []


def test_each_line_that_is_taken_out_says_which_error_and_why_and_there_are_few():
    ignored = [(file, match) for file, line in our_lines() if (match := IGNORED.search(line))]
    assert [file for file, match in ignored if not match["code"] or len(match["reason"].split()) < 4] == []
    assert len(ignored) <= MOST_IGNORED
