"""The floors of the house: who may import whom, who may write, how long things may grow.

Each rule is a function from a source file to complaints. The rules are run over every room, and each of them also over
a small room that breaks it, so that a rule which finds nothing is known to be looking.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The rooms of docs/architecture.md, from the roof down. A room may import rooms on lower floors only.
FLOORS = {
    "annotation_site": 11,
    "dashboard": 10,
    "api": 9,
    "studies": 8,
    "data_import": 7,
    "data_export": 7,
    "candidates": 6,
    "evaluation": 5,
    "aggregation": 4,
    "contains_task": 3,
    "classify_task": 3,
    "review_task": 3,
    "labeling_task": 3,
    "mturk": 3,
    "workforce": 2,
    "jobs": 2,
    "csv_files": 2,
    "accounts": 2,
    "access": 1,
    "audit": 0,
    "page_files": 0,
    "catalog": 0,
    "numerics": 0,
    "launcher": 0,
    "marketplace": 0,
}
# What comes out goes in again: the one arrow along a floor.
SIDEWAYS = {("data_import", "data_export")}
# A project of its own: it imports none of ours, and the rest speaks to it over HTTP.
APART = "marketplace"
ROOF = "annotation_site"
LEAF = "numerics"
# What a room shows to the rooms above it, also of its sub-packages.
FRONT_DOORS = {"models", "reads", "actions", "errors", "kinds"}
# Rooms without tables: functions for everybody.
LIBRARIES = {"numerics", "launcher", "csv_files"}
# What pages above have in common with a room's own, and REST with a room's rows.
SIDE_DOORS = {"pages": {"dashboard", "annotation_site"}, "api": {"api"}}
DOORS = FRONT_DOORS | SIDE_DOORS.keys()
PAGES = {"views.py", "forms.py", "pages.py"}
MOST_LINES_OF_THE_ROOF = 1500
LARGEST_SHARE_OF_A_ROOM = 0.15
BANNED_NAMES = {"common", "core", "utils", "helpers", "util", "helper", "misc"}

ALWAYS_WRITES = {
    "create",
    "acreate",
    "bulk_create",
    "abulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "create_user",
    "create_superuser",
}
WRITES_TO_QUERYSETS = {"update", "aupdate", "delete", "adelete"}
QUERYSET_WORDS = {"objects", "filter", "exclude", "all"}
WRITING_SQL = re.compile(r"\b(INSERT\s+INTO|UPDATE\s+\w+(\s+\w+)?\s+SET|DELETE\s+FROM|TRUNCATE)\b", re.IGNORECASE)
RUNS_SQL = {"execute", "executemany", "copy_expert", "copy_from", "raw", "cursor"}

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
LONG_FUNCTION = 30
MOST_LINES_OF_A_VIEW = 25
MOST_STATEMENTS_OF_A_TASK = 3
# "Rarely" longer than 30 lines: at most this share of all functions.
SHARE_OF_LONG_FUNCTIONS = 0.02
MOST_MEDIAN_LINES_OF_A_FUNCTION = 7
TESTS_PER_LINE = 1.15

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A Python file of a house at `root`."""

    root: Path
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Return all nodes of the tree: a dozen rules look at each, and walking costs more than looking."""
        return tuple(ast.walk(self.tree))

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        return self.module.split(".")[0]

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}: {what}"


def sources(root: Path) -> list[Source]:
    """All Python files of the rooms, but for migrations, which Django writes."""
    rooms = [folder for folder in sorted(root.iterdir()) if folder.name in FLOORS]
    files = [path for room in rooms for path in sorted(room.rglob("*.py")) if "migrations" not in path.parts]
    return [Source(root, path) for path in files]


@lru_cache
def our_sources() -> tuple[Source, ...]:
    return tuple(sources(ROOT))


@lru_cache
def our_arrows() -> dict[str, dict[str, set[str]]]:
    return arrows_inside(our_sources())


def imported(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every imported module, `from room import reads` as `room.reads`."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node, "." * node.level + (node.module or "")
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def in_leaf(module: str) -> bool:
    return module == LEAF or module.startswith(LEAF + ".")


def entered(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every imported module of ours, without the names that are taken from it."""
    modules = known_modules(source.root)
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node, whole if whole in modules or alias.name in DOORS else str(node.module)


@lru_cache
def known_modules(root: Path) -> frozenset[str]:
    return frozenset(source.module for source in sources(root)) | frozenset(FLOORS)


# The rules


def imports_run_one_way(source: Source) -> Iterator[str]:
    for node, module in imported(source):
        room = module.split(".")[0]
        if module.startswith("."):
            yield source.at(node, "relative import: write the whole name")
        elif room == "tests":
            yield source.at(node, "a room imports the tests")
        elif room in FLOORS and room != source.room and APART in (room, source.room):
            yield source.at(node, f"{source.room} imports {module}: {APART} stands apart")
        elif room in FLOORS and room != source.room and not is_downwards(source.room, room):
            yield source.at(node, f"{source.room} (floor {FLOORS[source.room]}) imports {module} ({FLOORS[room]})")


def is_downwards(above: str, below: str) -> bool:
    return FLOORS[below] < FLOORS[above] or (above, below) in SIDEWAYS


def other_rooms_are_entered_by_the_front_door(source: Source) -> Iterator[str]:
    for node, module in entered(source):
        room, *inside = module.split(".")
        foreign = room in FLOORS and room != source.room and room not in LIBRARIES
        if foreign and not (inside and set(inside) & doors_for(source)):
            doors = ", ".join(sorted(doors_for(source)))
            yield source.at(node, f"{module}: of another room, only {doors} may be imported here")


def doors_for(source: Source) -> set[str]:
    side = {door for door, rooms in SIDE_DOORS.items() if source.room in rooms}
    return FRONT_DOORS | side | ({"pages"} if source.path.name in PAGES else set())


def numerics_stand_alone(source: Source) -> Iterator[str]:
    if not in_leaf(source.module):
        return
    for node, module in imported(source):
        top = module.split(".")[0]
        if not in_leaf(module) and top != "numpy" and top not in sys.stdlib_module_names:
            yield source.at(node, f"numerics import {module}: numpy and the standard library only")


def the_launcher_starts_without_django(source: Source) -> Iterator[str]:
    """It starts the site before there are settings, and when there can be none."""
    if source.room != "launcher":
        return
    for node, module in imported(source):
        top = module.split(".")[0]
        if top in ("django", "celery", "kombu") or (top in FLOORS and top != source.room):
            yield source.at(node, f"the launcher imports {module}")


def imports_stand_at_the_top(source: Source) -> Iterator[str]:
    for function in source.functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield source.at(node, f"import inside {function.name}")


def there_are_no_signals(source: Source) -> Iterator[str]:
    for node, module in imported(source):
        if module.startswith("django.dispatch") or (module.startswith("django.") and "signals" in module.split(".")):
            yield source.at(node, f"{module}: say it in the action instead")


def saving_has_no_logic(source: Source) -> Iterator[str]:
    for node in (node for node in source.nodes if isinstance(node, ast.ClassDef)):
        for part in node.body:
            if isinstance(part, Function) and part.name in ("save", "delete", "asave", "adelete"):
                yield source.at(part, f"{node.name}.{part.name} is overridden: say it in the action instead")


def names_tell_what_is_inside(source: Source) -> Iterator[str]:
    banned = BANNED_NAMES & set(source.module.split("."))
    if banned:
        yield source.at(source.tree, f"a module named {banned.pop()} holds anything: name what it holds")


def only_actions_write(source: Source) -> Iterator[str]:
    if source.path.name == "actions.py":
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_model_write(node, node.func):
            yield source.at(node, f".{node.func.attr}() outside actions.py")
        elif is_writing_sql(node) and runs_sql(source):
            yield source.at(node, "SQL that writes outside actions.py")


def is_writing_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(WRITING_SQL.search(node.value))


def runs_sql(source: Source) -> bool:
    """A module may hold the SQL of an action as text, as long as it cannot run any."""
    return any(isinstance(node, ast.Attribute) and node.attr in RUNS_SQL for node in source.nodes)


def is_model_write(call: ast.Call, method: ast.Attribute) -> bool:
    """By its looks: a manager's or queryset's method, or save() and delete() as models have them, without positional
    arguments (pictures and files are saved *to* something)."""
    words = {node.attr for node in ast.walk(method.value) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(method.value) if isinstance(node, ast.Name)}
    if method.attr in ALWAYS_WRITES:
        return True
    if method.attr in WRITES_TO_QUERYSETS and words & QUERYSET_WORDS:
        return True
    return method.attr in ("save", "asave", "delete", "adelete") and not call.args


def files_stay_short(source: Source) -> Iterator[str]:
    n_lines = len(source.text.splitlines())
    if n_lines > MOST_LINES_OF_A_FILE:
        yield source.at(source.tree, f"{n_lines} lines; at most {MOST_LINES_OF_A_FILE}")


def length(function: Function) -> int:
    assert function.end_lineno is not None, "it was parsed, not put together"
    return function.end_lineno - function.lineno + 1


def functions_stay_short(source: Source) -> Iterator[str]:
    most = MOST_LINES_OF_A_VIEW if source.path.name == "views.py" else MOST_LINES_OF_A_FUNCTION
    for function in source.functions:
        if length(function) > most:
            yield source.at(function, f"{function.name} has {length(function)} lines; at most {most}")


def views_are_functions(source: Source) -> Iterator[str]:
    # REST framework's own are classes: one for each address, without anything of a page.
    if source.path.name == "views.py" and source.room != "api":
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and any("View" in ast.unparse(base) for base in node.bases):
                yield source.at(node, f"{node.name} is a class: views are functions")


def tasks_only_carry(source: Source) -> Iterator[str]:
    if source.path.name != "tasks.py":
        return
    for function in source.functions:
        statements = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
        statements = [node for node in statements if not is_docstring(node)]
        if len(statements) > MOST_STATEMENTS_OF_A_TASK:
            yield source.at(function, f"{function.name} has {len(statements)} statements: let an action do it")


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def actions_take_keywords_only(source: Source) -> Iterator[str]:
    if source.path.name != "actions.py":
        return
    for node in source.tree.body:
        if not isinstance(node, Function) or node.name.startswith("_") or "atomic" not in decorators(node):
            continue
        if node.args.args or node.args.posonlyargs:
            yield source.at(node, f"{node.name} takes positional arguments: an action is called by keyword")


def decorators(function: Function) -> str:
    return " ".join(ast.unparse(decorator) for decorator in function.decorator_list)


# Per rule: the file of a small house that breaks it, and what is in there.
SEEDED: dict[Callable[[Source], Iterator[str]], list[tuple[str, str]]] = {
    imports_run_one_way: [
        ("catalog/reads.py", "from workforce.models import HIT"),
        ("contains_task/actions.py", "import classify_task.models"),
        ("dashboard/overview/views.py", "from annotation_site import settings"),
        ("workforce/reads.py", "from . import models"),
        ("annotation_site/settings.py", "from marketplace import settings"),
        ("marketplace/reads.py", "from catalog.reads import now"),
        ("marketplace/work/reads.py", "import numerics.selection"),
        ("workforce/reads.py", "from tests.factories import make_hits"),
        ("workforce/reads.py", "def f():\n    from aggregation.reads import frequencies_of"),
    ],
    other_rooms_are_entered_by_the_front_door: [
        ("contains_task/views.py", "from workforce.views import join"),
        ("contains_task/views.py", "from workforce import forms"),
        ("contains_task/actions.py", "from workforce.pages import work_token"),
        ("dashboard/overview/views.py", "import catalog.photographs"),
    ],
    numerics_stand_alone: [
        ("numerics/selection.py", "from django.db import models"),
        ("numerics/selection.py", "from aggregation.models import Annotation"),
    ],
    the_launcher_starts_without_django: [
        ("launcher/parts.py", "from django.conf import settings"),
        ("launcher/run.py", "from catalog.errors import UserError"),
    ],
    imports_stand_at_the_top: [("catalog/reads.py", "def f():\n    if True:\n        import json")],
    there_are_no_signals: [
        ("catalog/models.py", "from django.db.models.signals import post_save"),
        ("catalog/models.py", "from django.db.models import signals"),
        ("catalog/models.py", "from django.dispatch import receiver"),
    ],
    saving_has_no_logic: [("catalog/models.py", "class A:\n    def save(self, **options):\n        pass")],
    names_tell_what_is_inside: [("catalog/utils.py", ""), ("catalog/helpers/names.py", "")],
    only_actions_write: [
        ("catalog/views.py", "Image.objects.create(name='x')"),
        ("catalog/views.py", "Image.objects.filter(pk=1).update(name='x')"),
        ("catalog/views.py", "dataset.images.all().delete()"),
        ("catalog/tasks.py", "image.save(update_fields=['name'])"),
        ("catalog/reads.py", "cursor.execute('WITH a AS (SELECT 1) UPDATE catalog_image image SET name = 1')"),
        ("studies/management/commands/load.py", "Image.objects.bulk_create([])"),
    ],
    files_stay_short: [("catalog/reads.py", "a = 1\n" * 401)],
    functions_stay_short: [
        ("catalog/actions.py", "def f():\n" + "    a = 1\n" * 60),
        ("catalog/views.py", "def f():\n" + "    a = 1\n" * 25),
    ],
    views_are_functions: [("catalog/views.py", "class Join(TemplateView):\n    pass")],
    tasks_only_carry: [("catalog/tasks.py", "def f():\n  for a in b():\n    if a:\n      c()\n    d()")],
    actions_take_keywords_only: [("catalog/actions.py", "@transaction.atomic\ndef f(dataset):\n    pass")],
}
HARMLESS = [
    ("catalog/photographs.py", "picture.save(target, 'JPEG')\ndigest.update(b'x')\nwords.update({'a': 1})"),
    ("dashboard/views.py", "from numerics.candidates import Split\nfrom aggregation import reads"),
    ("contains_task/views.py", "from workforce.pages import serve"),
    ("contains_task/actions.py", "from workforce.actions import submit\nVote.objects.bulk_create([])"),
    ("studies/management/commands/load.py", "from catalog.photographs.reads import read_photograph"),
    ("catalog/bulk_load_sql.py", "STORE = 'INSERT INTO catalog_image SELECT * FROM staged'"),
    ("catalog/tasks.py", "def f():\n    '''What it does.'''\n    actions.expire()"),
]


def small_house(root: Path, file: str, text: str) -> Source:
    path = root / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (source,) = sources(root)
    return source


@pytest.mark.parametrize("rule", SEEDED, ids=lambda rule: rule.__name__)
def test_the_rooms_keep_the_rule(rule):
    complaints = [complaint for source in our_sources() for complaint in rule(source)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(("rule", "file", "text"), [(rule, *case) for rule, cases in SEEDED.items() for case in cases])
def test_the_rule_finds_what_breaks_it(tmp_path, rule, file, text):
    assert list(rule(small_house(tmp_path, file, text)))


@pytest.mark.parametrize(("file", "text"), HARMLESS)
@pytest.mark.parametrize("rule", SEEDED, ids=lambda rule: rule.__name__)
def test_the_rules_leave_alone_what_is_right(tmp_path, rule, file, text):
    assert not list(rule(small_house(tmp_path, file, text)))


# Inside a room


def arrows_inside(house: Iterable[Source]) -> dict[str, dict[str, set[str]]]:
    """Return by room which parts of it (sub-packages, and modules of the room itself) import which others."""
    arrows: dict[str, dict[str, set[str]]] = {room: {} for room in FLOORS}
    for source in house:
        for _, module in entered(source):
            here, there = part_of(source.module), part_of(module)
            if module.startswith(f"{source.room}.") and here != there:
                arrows[source.room].setdefault(here, set()).add(there)
    return arrows


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def circle_in(arrows: dict[str, set[str]]) -> list[str]:
    """A way along arrows that ends where it began, or nothing."""
    done: set[str] = set()

    def search(part: str, way: list[str]) -> list[str]:
        if part in way:
            return [*way[way.index(part) :], part]
        if part in done:
            return []
        circles = (search(other, [*way, part]) for other in sorted(arrows.get(part, ())))
        circle = next(filter(None, circles), [])
        done.add(part)
        return circle

    return next(filter(None, (search(part, []) for part in sorted(arrows))), [])


@pytest.mark.parametrize("room", FLOORS)
def test_inside_a_room_imports_run_one_way_too(room):
    assert not circle_in(our_arrows()[room])


def test_a_circle_inside_a_room_is_noticed(tmp_path):
    files = {
        "mturk/outbox/sending.py": "from mturk.payments.actions import book_bonus",
        "mturk/payments/actions.py": "from mturk.publishing import reads",
        "mturk/publishing/reads.py": "from mturk.outbox.reads import calls_for",
        "mturk/outbox/reads.py": "from mturk.models import Call",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    circle = circle_in(arrows_inside(sources(tmp_path))["mturk"])
    assert circle == ["mturk.outbox", "mturk.payments", "mturk.publishing", "mturk.outbox"]
    (tmp_path / "mturk/outbox/sending.py").write_text("from mturk.models import Call")
    assert not circle_in(arrows_inside(sources(tmp_path))["mturk"])


# Sizes of rooms


def lines_of_rooms() -> dict[str, int]:
    lines = dict.fromkeys(FLOORS, 0)
    for source in our_sources():
        lines[source.room] += len(source.text.splitlines())
    return lines


def test_the_roof_holds_wiring_alone():
    assert 0 < lines_of_rooms()[ROOF] <= MOST_LINES_OF_THE_ROOF


def test_no_room_grows_out_of_proportion():
    lines = lines_of_rooms()
    most = LARGEST_SHARE_OF_A_ROOM * sum(lines.values())
    assert not {room: n for room, n in lines.items() if n > most and room != APART}


def test_every_package_at_the_root_is_a_known_room():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(FLOORS)
    assert {"catalog", "workforce", "contains_task", "classify_task", "aggregation", "mturk", ROOF} <= packages


def test_functions_are_rarely_longer_than_30_lines():
    functions = [(source, function) for source in our_sources() for function in source.functions]
    long = [source.at(f, f"{f.name}, {length(f)} lines") for source, f in functions if length(f) > LONG_FUNCTION]
    assert len(long) <= SHARE_OF_LONG_FUNCTIONS * len(functions), "\n".join(long)


def test_half_of_all_functions_are_no_longer_than_seven_lines():
    lengths = sorted(length(function) for source in our_sources() for function in source.functions)
    assert lengths[len(lengths) // 2] <= MOST_MEDIAN_LINES_OF_A_FUNCTION


def lines_of_code(text: str) -> int:
    """Lines that hold something other than blanks and comments."""
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in empty:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def test_lines_of_code_are_counted_without_blanks_and_comments():
    assert lines_of_code("# a\n\na = 1  # b\n\n\ndef f():\n    '''c\n    d'''\n") == 4


def test_the_tests_are_at_least_as_long_as_the_code_they_test():
    code = sum(lines_of_code(source.text) for source in our_sources())
    tests = sum(lines_of_code(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("*.py"))
    assert tests >= TESTS_PER_LINE * code, f"{tests} lines of tests for {code} lines of code"
