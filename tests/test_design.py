"""Promises of the architecture that hold for every room at once."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db.models import CASCADE, ForeignKey

from annotation_site.celery import app

ROOT = Path(__file__).resolve().parents[1]
# Those with tables, actions or tasks.
ROOMS = (
    "access",
    "accounts",
    "audit",
    "catalog",
    "jobs",
    "workforce",
    "mturk",
    "contains_task",
    "classify_task",
    "aggregation",
    "candidates",
    "data_export",
    "data_import",
    "studies",
    "api",
    "dashboard",
)
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
TEXT = {".py", ".md", ".txt", ".in", ".toml", ".yml", ".yaml", ".html", ".css", ".js", ".sh", ""}
# Places of one machine and addresses of one index have no business in what others check out.
MACHINE = re.compile(r"(?<![\w.-])(/work/|/root/|/home/\w)|--(extra-)?index-url|^\s*-i https?://", re.MULTILINE)
STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)
MAY_NAME_PLACES = {"tests/test_design.py"}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def trees(pattern: str) -> dict[Path, ast.Module]:
    return {path: tree_of(path) for room in ROOMS for path in (ROOT / room).rglob(pattern)}


def functions_in(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module, of its classes, and those that stand inside functions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        # Functions stand among statements: expressions, which are most of a tree, hold none.
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, STATEMENTS)]
        yield from (child for child in children if isinstance(child, ast.FunctionDef))
        waiting += children


def written_tests(tree: ast.Module) -> list[ast.FunctionDef]:
    return [function for function in functions_in(tree) if function.name.startswith("test_")]


def tracked_texts() -> list[Path]:
    """The files a checkout would have: known to git, or new and not ignored."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]


def test_every_action_on_work_and_votes_is_called_by_a_test_or_by_a_command_that_tests_drive():
    places = [ROOT / room for room in ("workforce", "workforce/exclusions", "contains_task", "classify_task")]
    actions = {
        node.name
        for path, tree in trees("actions.py").items()
        if path.parent in places
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "atomic" in " ".join(map(ast.unparse, node.decorator_list))
    }
    callers = [*TESTS, ROOT / "tests" / "factories.py", *(ROOT / "annotation_site").rglob("*.py")]
    called = {word for path in callers for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    public = {name for name in actions if not name.startswith("_")}
    assert len(public) > 20
    assert public - called == set()


def test_every_test_is_named_by_a_sentence():
    short = [
        f"{path.name}: {function.name}"
        for path in TESTS
        for function in written_tests(tree_of(path))
        if function.name.count("_") < 3
    ]
    assert not short


def can_fail(function: ast.FunctionDef, others: dict[str, ast.FunctionDef]) -> bool:
    """An assertion, an expected error, or a call of something that checks, by its name or as written in the file."""
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    calls = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)}
    named = any(re.search(r"assert|check|expect|raises|refuse", name) for name in calls)
    called = [others[name] for name in calls & others.keys() if name != function.name]
    return named or any(can_fail(other, {}) for other in called)


def idle_tests(tree: ast.Module) -> list[str]:
    functions = {function.name: function for function in functions_in(tree)}
    return [function.name for function in written_tests(tree) if not can_fail(function, functions)]


def test_every_test_can_fail():
    idle = {path.name: idle_tests(tree_of(path)) for path in TESTS}
    assert not {name: tests for name, tests in idle.items() if tests}


def test_a_test_without_an_assertion_would_be_found():
    assert idle_tests(ast.parse("def test_it_does_nothing():\n    call()")) == ["test_it_does_nothing"]
    assert idle_tests(ast.parse("def test_it_does_something():\n    assert call()")) == []
    assert idle_tests(ast.parse("def same(a):\n    assert a\ndef test_it_does_something():\n    same(1)")) == []


def test_every_task_is_on_the_beat_so_that_a_lost_hint_only_makes_it_late():
    app.loader.import_default_modules()
    ours = {name for name in current_app.tasks if name.split(".")[0] in (*ROOMS, "annotation_site")}
    # The beat wakes those who predict and do jobs by other tasks, which look first whether there is anything to do.
    woken = {"candidates.tasks.predict_portion", "jobs.tasks.do_job"}
    assert woken <= ours
    assert ours - woken == {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"aggregation.tasks.aggregate_new_submissions", "workforce.tasks.expire_leases"} <= ours


def test_tasks_may_run_again_after_a_crash_and_travel_as_json():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"
    visibility = app.conf.broker_transport_options["visibility_timeout"]
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    limited = {name for name, task in ours.items() if task.time_limit}
    assert all(ours[name].time_limit < visibility for name in limited)
    # What may take longer is claimed in the database: a second one takes up something else, or nothing.
    assert ours.keys() - limited <= {"candidates.tasks.predict_portion", "jobs.tasks.do_job"}


def test_nothing_is_deleted_along_with_something_else():
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    foreign_keys = [field for model in models for field in model._meta.get_fields() if isinstance(field, ForeignKey)]
    assert len(foreign_keys) > 20
    assert not [str(field) for field in foreign_keys if field.remote_field.on_delete is CASCADE]


def test_every_constraint_is_named_by_what_it_promises():
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    names = [constraint.name for model in models for constraint in model._meta.constraints]
    assert len(names) == len(set(names)) > 30
    assert not [name for name in names if name.count("_") < 2 or len(name) > 63]


# The answers of simulated people are nobody's: they can be removed.
DELETES_SIMULATED = ROOT / "workforce/simulated/actions.py"


def test_votes_and_submissions_are_never_deleted_by_an_action():
    for path, tree in trees("actions.py").items():
        if path == DELETES_SIMULATED:
            continue
        calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        deletes = [call for call in calls if re.search(r"(Vote|Submission|Lease|Slot|HIT)\b.*\.delete\(", call)]
        assert not deletes, f"{path}: {deletes}"


def test_no_file_names_places_of_one_machine_or_one_package_index():
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_texts()
        if path.relative_to(ROOT).as_posix() not in MAY_NAME_PLACES
        for match in MACHINE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert not found


@pytest.mark.parametrize("text", ["cd /work/main", "--index-url https://a", "-i https://a/simple", "'/root/.cache'"])
def test_such_a_place_would_be_found(text):
    assert MACHINE.search(text)
    assert not MACHINE.search("docs/work/ and a.root/b, index_url, https://example.org/root/")
