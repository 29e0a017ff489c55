"""Names in documents, docstrings and comments exist: paths, modules and their members, commands, words of the code.

Each rule is a function from a text and the house that it is about to the names that are dead. The rules are run over
every text, and over a small house with texts that name what is not there.
"""

import ast
import io
import posixpath
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path

import pytest
from django.core.management import get_commands

from catalog.actions import FIGURES
from catalog.models import SettingsVersion
from tests.test_boundaries import APART, FLOORS, ROOF, ROOT

FOLDERS = (*FLOORS, "docs", "locale", "tests", "templates", "static", "benchmarks", "requirements")
# What a reader finds from the README in one click.
DOCUMENTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/commands.md",
    "docs/decisions/README.md",
    "docs/deployment.md",
    "docs/glossary.md",
    "docs/guide.md",
    "docs/measurements.md",
    "docs/method.md",
    "docs/pictures/README.md",
    "docs/rest.md",
    "docs/security.md",
    "docs/settings.md",
    "marketplace/README.md",
)
DECISIONS = "docs/decisions"
LARGEST_PICTURE = 150_000
# Of these only the comments are for people.
CONFIGURATION = ("docker-compose.yml", "Dockerfile", ".env.example", "run", "test", "manage", "pyproject.toml")
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)\1", re.DOTALL)
# A word before it would make it the end of something longer: an address, a variable, another path.
BEFORE = r"(?<![\w/.:$}>-])"
OUR_PATH = re.compile(rf"{BEFORE}(?:{'|'.join(FOLDERS)})/[\w./*-]*")
OUR_MODULE = re.compile(rf"{BEFORE}(?:{'|'.join(FLOORS)})(?:\.[A-Za-z_]\w*)+(?![\w/])")
FILE = re.compile(r"(?<![\w/.<-])[\w-]+\.(?:py|html|js|css|md|yml|in|toml)\b")
SHORT_PATH = re.compile(r"[a-z_]\w*(?:/[\w.]+)*/?(?:\.py)?$")
BRACKETED_MODULE = re.compile(r"(?<= )\((?:settings: )?([a-z_]+\.[a-z_]+)\)")
COMMAND = re.compile(r"(?:\./manage|manage\.py|python3? -m marketplace) ([a-z]\w*)")
SCRIPT = re.compile(r"(?<![\w.])\./([a-z]\w*)")
INDENTED = re.compile(r"^ {4}\S.*$", re.MULTILINE)
# A name of the code among the words of a span.
CODE_NAME = re.compile(r"[A-Za-z]\w*_\w*|[A-Z][a-z]+[A-Z]\w*")
# What it makes up is no code.
THIS = "tests/test_documents.py"
# First parts of paths in the state folder and in other packages, of media types, and a package that is not wanted.
# Salts look like modules and stay as they are when modules move: what they sign would be void.
SALTS = {"marketplace.sign_in.sessions"}
NOT_OURS = {"var", "media", "models", "import", "botocore", "common", "application", "text", "image", "pgdata"}


@dataclass(frozen=True)
class House:
    """The names at `root` that a text may use."""

    root: Path

    @cached_property
    def files(self) -> frozenset[str]:
        """Return all files, and the folders that hold them with a slash at the end."""
        within = [path for name in FOLDERS for path in (self.root / name).rglob("*") if "__pycache__" not in path.parts]
        names = {path.relative_to(self.root).as_posix() for path in [*within, *self.root.glob("*")] if path.is_file()}
        parents = {f"{parent.as_posix()}/" for name in names for parent in Path(name).parents}
        return frozenset(names | (parents - {"./"}))

    @cached_property
    def endings(self) -> frozenset[str]:
        """Return every way to say a path from some folder on: `frame/pages.py`, and `frame/` as well as `frame`."""
        parts = [name.rstrip("/").split("/") for name in self.files]
        return frozenset("/".join(words[n:]) for words in parts for n in range(len(words)))

    @cached_property
    def words(self) -> frozenset[str]:
        """Return every word of the code itself, without what documents say."""
        endings = (".py", ".js", ".html", ".yml", ".example")
        code = [self.root / name for name in self.files if name.endswith(endings) and name != THIS]
        return frozenset(chain.from_iterable(re.findall(r"\w+", path.read_text(encoding="utf-8")) for path in code))

    @cached_property
    def code_names(self) -> frozenset[str]:
        return self.words | self.commands

    @cached_property
    def commands(self) -> frozenset[str]:
        ours = {Path(name).stem for name in self.files if "/management/commands/" in name and name.endswith(".py")}
        return frozenset(ours - {"__init__"})

    def has_path(self, path: str) -> bool:
        if "*" in path:
            return any(self.root.glob(path))
        return path in self.files or f"{path}/" in self.files

    def has_module(self, dotted: str) -> bool:
        """Return whether it is a module, or a name at the top of one, or something of a class or a value there."""
        parts = dotted.split(".")
        for n in range(len(parts), 0, -1):
            path = "/".join(parts[:n])
            if f"{path}.py" in self.files:
                return n == len(parts) or parts[n] in names_of(self.root / f"{path}.py")
            if f"{path}/" in self.files:
                return n == len(parts) or parts[n] in names_of(self.root / path / "__init__.py")
        return False


@lru_cache
def names_of(file: Path) -> frozenset[str]:
    """Return what stands at the top of a module."""
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
    return frozenset(chain.from_iterable(bound(node) for node in tree.body))


def bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        names = (name for name in ast.walk(node) if isinstance(name, ast.Name))
        yield from (name.id for name in names if isinstance(name.ctx, ast.Store))


# The rules


def paths_exist(text: str, house: House) -> Iterator[str]:
    yield from (path for path in paths_in(text) if not house.has_path(path))


def paths_in(text: str) -> list[str]:
    return [match.group().rstrip(".-").rstrip("/") for match in OUR_PATH.finditer(text)]


def modules_exist(text: str, house: House) -> Iterator[str]:
    for match in OUR_MODULE.finditer(text):
        if match.group() not in SALTS and not FILE.fullmatch(match.group()) and not house.has_module(match.group()):
            yield match.group()


def bracketed_modules_exist(text: str, house: House) -> Iterator[str]:
    """Return what stands in brackets as the place of something, without its room: (middleware.limit_body)."""
    for dotted in BRACKETED_MODULE.findall(text):
        module, name = dotted.split(".")
        files = [file for file in house.files if f"/{file}".endswith((f"/{module}.py", f"/{module}/__init__.py"))]
        if not any(house.has_module(f"{place_of(file)}.{name}") for file in files):
            yield dotted


def place_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def files_exist(text: str, house: House) -> Iterator[str]:
    yield from (name for name in FILE.findall(text) if name not in house.endings)


def short_paths_exist(text: str, house: House) -> Iterator[str]:
    """Return backticked paths that begin somewhere inside: no file or folder of ours ends like them."""
    for span in spans(text):
        is_path = "/" in span and SHORT_PATH.fullmatch(span) and span.split("/")[0] not in NOT_OURS
        if is_path and span.rstrip("/") not in house.endings:
            yield span


def commands_exist(text: str, house: House) -> Iterator[str]:
    of_django = {name for name, app in get_commands().items() if app.startswith("django")}
    commands = house.commands | of_django | {"help"}
    for code in (*spans(text), *INDENTED.findall(text)):
        yield from (f"command {name}" for name in COMMAND.findall(code) if name not in commands)
        yield from (f"./{name}" for name in SCRIPT.findall(code) if name not in house.files)


def code_names_exist(text: str, house: House) -> Iterator[str]:
    """Return backticked words that look like names of the code, and that no code holds."""
    for span in spans(text):
        words = re.findall(r"[A-Za-z_]\w*", FILE.sub("", OUR_PATH.sub("", span)))
        yield from (word for word in words if CODE_NAME.fullmatch(word) and word not in house.code_names)


def spans(text: str) -> list[str]:
    return [match.group(2) for match in SPAN.finditer(text)]


# Per rule: texts about the small house below, each of which names something that is not there.
SEEDED: dict[Callable[[str, House], Iterator[str]], list[str]] = {
    paths_exist: ["It lies in workforce/offers/actions.py.", "`catalog/data/`, 100 KB", "`tests/test_*.py`"],
    modules_exist: [
        "Asks `catalog.reads.then` for the time.",
        "Raises workforce.frame.NoSuchThing.",
        "as catalog.clock.now says",
        "`workforce.models.Turn.state`",
    ],
    bracketed_modules_exist: ["Bodies are limited (middleware.limit).", "So long (settings: stores.media)"],
    files_exist: ["The room's staged.py tells the columns.", "as in `grid.html`"],
    short_paths_exist: ["`offers/` (publishing)", "`marketplaces/link.py` knows the names", "`frame/ids.py`"],
    commands_exist: ["`./manage open BATCH`", "`./start`", "So:\n\n    ./manage shut 3\n", "`./run --port N`"],
    code_names_exist: ["a line in `TASK_KINDS`", "one `TaskKind`", "`catalog.reads.now` and `take_turn`"],
}
SMALL_HOUSE = {
    "annotation_site/middleware.py": "def limit_body(get_response): ...",
    "catalog/__init__.py": "",
    "catalog/reads.py": "from datetime import datetime\n\nfixed_now: datetime | None = None\ndef now(): ...",
    "workforce/frame/pages.py": "def page_of(hit_id): ...",
    "workforce/management/commands/close.py": "class Command: ...",
    "workforce/models/__init__.py": "from workforce.models.work import HIT",
    "workforce/models/work.py": "class HIT: ...",
    "manage": "",
    "README.md": "`TASK_KINDS`, `TaskKind` and `take_turn` are no code",
}
HARMLESS = [
    "`workforce/`, `workforce/frame/`, `workforce/frame/pages.py`, `frame/pages.py`, `frame/`, workforce/*/pages.py",
    "`catalog.reads`, `catalog.reads.now`, catalog.reads.fixed_now.year, workforce.models.HIT.slots, in pages.py.",
    "Bodies are limited (middleware.limit_body), as round(wage.median) says.",
    "`./manage close BATCH` (`./manage help close`), `./manage migrate`; /api/v1/annotations/, http://localhost/catalog/x",
    "`hit_id` of `page_of`, `media/` and `var/models.json`, `application/json`, catalog.\n\nReads it.",
]


# The texts


def texts_of(house: House) -> Iterator[tuple[str, str]]:
    """Yield every text for people, with the place where it stands."""
    for name in sorted(house.files):
        path = house.root / name
        if name.endswith(".md"):
            yield name, path.read_text(encoding="utf-8")
        elif name in CONFIGURATION or name.endswith(".in"):
            yield name, "\n".join(re.findall(r"#[^\n]*", path.read_text(encoding="utf-8")))
        elif name.endswith(".py") and "/migrations/" not in name:
            yield from python_texts(name, path.read_text(encoding="utf-8"))


def python_texts(name: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield docstrings, comments, and the strings that name a module, as settings and routes do."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name}:{getattr(node, 'lineno', 1)}", ast.get_docstring(node) or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and names_a_module(node.value):
            yield f"{name}:{node.lineno}", node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield f"{name}:{token.start[0]}", token.string


def names_a_module(text: str) -> bool:
    """Return whether a string is a place, as in settings. Of two parts it may as well be the salt of a signature."""
    return text.count(".") > 1 and bool(OUR_MODULE.fullmatch(text))


@lru_cache
def our_house() -> House:
    return House(ROOT)


@lru_cache
def our_texts() -> tuple[tuple[str, str], ...]:
    return tuple(texts_of(our_house()))


@pytest.fixture
def small_house(tmp_path: Path) -> House:
    for name, text in SMALL_HOUSE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(tmp_path)


@pytest.mark.parametrize("rule", SEEDED, ids=lambda rule: rule.__name__)
def test_texts_name_only_what_there_is(rule):
    dead = [f"{place}: {name}" for place, text in our_texts() for name in rule(text, our_house())]
    assert not dead, "\n".join(dead)


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in SEEDED.items() for text in texts])
def test_a_dead_name_is_noticed(small_house, rule, text):
    assert list(rule(text, small_house))


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("rule", SEEDED, ids=lambda rule: rule.__name__)
def test_names_of_what_there_is_are_left_alone(small_house, rule, text):
    assert not list(rule(text, small_house))


def test_documents_docstrings_comments_and_dotted_settings_are_read(small_house):
    source = '"""Of the module."""\n# A comment.\nA, B = "catalog.reads.now", "catalog.salt"\ndef f():\n    "Of f."\n'
    texts = [text for _, text in python_texts("catalog/a.py", source)]
    assert {"Of the module.", "Of f.", "# A comment.", "catalog.reads.now"} <= set(texts)
    assert "catalog.salt" not in texts
    assert {"README.md", *DOCUMENTS, "Dockerfile", "requirements/run.in"} <= {place for place, _ in our_texts()}


# Links between documents

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def documents(house: House) -> list[str]:
    return sorted(name for name in house.files if name.endswith(".md"))


def dead_links(name: str, house: House) -> Iterator[str]:
    """Yield the links of a document whose file, folder or heading does not exist. The web is not looked at."""
    for target in LINK.findall(without_code((house.root / name).read_text(encoding="utf-8"))):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
        exists = linked in house.files or f"{linked}/" in house.files
        if not exists or (anchor and anchor not in anchors((house.root / linked).read_text(encoding="utf-8"))):
            yield f"{name}: {target}"


def without_code(text: str) -> str:
    return SPAN.sub("", re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE))


def anchors(text: str) -> list[str]:
    """Return the anchors of a document's headings, as GitHub makes them.

    >>> anchors("# A *file*, or `n_slots`\\n## Again\\n## Again")
    ['a-file-or-n_slots', 'again', 'again-1']
    """
    return list(_anchors(text))


@lru_cache
def _anchors(text: str) -> tuple[str, ...]:
    names: list[str] = []
    for heading in HEADING.findall(text):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = sum(re.sub(r"-\d+$", "", other) == name for other in names)
        names.append(f"{name}-{count}" if count else name)
    return tuple(names)


def test_links_between_documents_lead_somewhere():
    dead = [link for name in documents(our_house()) for link in dead_links(name, our_house())]
    assert not dead, "\n".join(dead)


LINKED_HOUSE = SMALL_HOUSE | {
    "docs/guide.md": "# The guide\n\n## A step\n\n![A grid](pictures/grid.webp), `[no](link)`\n",
    "docs/pictures/grid.webp": "",
}


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("docs/guide.md", False),
        ("docs/guide.md#a-step", False),
        ("docs/", False),
        ("https://example.org/away.md", False),
        ("docs/guides.md", True),
        ("docs/guide.md#a-stop", True),
        ("docs/pictures/form.webp", True),
        ("#nothing", True),
    ],
)
def test_a_dead_link_is_noticed(tmp_path, link, is_dead):
    for name, text in (LINKED_HOUSE | {"README.md": f"# Read me\n\n[so]({link})\n"}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    house = House(tmp_path)
    assert list(dead_links("README.md", house)) == ([f"README.md: {link}"] if is_dead else [])
    assert not list(dead_links("docs/guide.md", house))


def links_of(name: str) -> set[str]:
    folder = posixpath.dirname(name)
    targets = LINK.findall((ROOT / name).read_text(encoding="utf-8"))
    return {posixpath.normpath(posixpath.join(folder, target.partition("#")[0])) for target in targets}


def test_the_readme_leads_to_every_document_and_stays_short():
    assert set(DOCUMENTS) <= links_of("README.md")
    others = {name for name in documents(our_house()) if name.startswith("docs/")} - set(DOCUMENTS)
    assert all(name.startswith(f"{DECISIONS}/") for name in others), others
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_decisions_are_numbered_without_a_gap_and_listed_under_their_titles():
    files = sorted((ROOT / DECISIONS).glob("[0-9]*.md"))
    titles = [file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for file in files]
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    assert all(title.startswith(f"{number}. ") for number, title in enumerate(titles, start=1))
    index = (ROOT / DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", index, re.MULTILINE)
    assert listed == [(title, file.name) for title, file in zip(titles, files, strict=True)]


def test_pictures_are_small_and_all_of_them_are_shown():
    pictures = sorted((ROOT / "docs/pictures").glob("*.webp"))
    shown = {target for name in documents(our_house()) for target in links_of(name)}
    assert {f"docs/pictures/{picture.name}" for picture in pictures} <= shown
    assert [picture.name for picture in pictures if picture.stat().st_size > LARGEST_PICTURE] == []


def test_terms_of_the_glossary_are_sorted_and_linked_at_its_head():
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    head = text.split("\n### ")[0]
    assert [target[1:] for target in LINK.findall(head)] == [anchors(f"# {term}")[0] for term in terms]


# What documents say of the whole


def rows_below(document: str, heading: str) -> list[str]:
    """Return the rows of a document's table with this head."""
    table = (ROOT / document).read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n\n")[0]
    return table.splitlines()[1:]


def test_the_architecture_shows_every_room_on_its_floor():
    rows = [row.split("|")[1:3] for row in rows_below("docs/architecture.md", "| floor | room | holds |")]
    shown = {room: floor.strip() for floor, rooms in rows for room in re.findall(r"`(\w+)/`", rooms)}
    words = {FLOORS[ROOF]: "roof"}
    there = {room: words.get(floor, str(floor)) for room, floor in FLOORS.items() if (ROOT / room).is_dir()}
    assert shown == there | {APART: "apart"}


def test_the_page_of_commands_is_what_their_parsers_say():
    words = [sys.executable, str(ROOT / "docs/commands.py"), "--print"]
    page = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert page == (ROOT / "docs/commands.md").read_text(encoding="utf-8"), "Run .venv/bin/python docs/commands.py"
    ours = {Path(name).stem for name in our_house().files if re.match(r"\w+/management/commands/[a-z]", name)}
    assert ours <= set(re.findall(r"^\| \[`(\w+)`\]", page, re.MULTILINE))


def test_the_page_of_settings_has_every_figure_of_a_study_with_its_default():
    rows = [row.split(" | ")[:2] for row in rows_below("docs/settings.md", "| figure | default | meaning |")]
    shown = {name.strip("|` "): default for name, default in rows if name.startswith("| `")}
    assert list(shown) == list(FIGURES)
    defaults = SettingsVersion()
    for name, default in shown.items():
        assert default == str(getattr(defaults, name)) or name in ("classifiers", "control_pool"), name
