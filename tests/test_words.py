"""Rules of words that a program can hold: names, beginnings of docstrings, and texts that are marked for translation.

What no program can hear, people read aloud: `docs/glossary.md`.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_boundaries import ROOT

# They stand for nouns and name nothing.
ODD_NAMES = {"found", "given", "one", "made", "told", "wanted", "at", "known", "own", "fit"}
MOST_ODD_NAMES = 0.005
CLAUSE = re.compile(
    r"(What|Who|Whom|Whose|Whoever|Whatever|Where|Wherever|When|Whenever|Which|Whichever|Whether|How|Why|That|If|As|"
    r"All (that|who|which)|Those|The ones?|Everything|Everyone|Nobody|Nothing|Someone|Something|Anything)\b"
)
# Without Django, so without its gettext: their callers make what they raise a UserError. Tests show nobody anything.
UNMARKED = {"numerics", "launcher", "tests", "benchmarks", "docs"}
# Texts of the wire protocol, which programs read.
WIRE = ("marketplace/endpoint/", "marketplace/questions.py")
# What shows its texts to people, beside every class whose name ends with Error and that derives from UserError.
SHOWN_BY = {"Remark", "ValidationError"}
MARKS = {"gettext", "ngettext", "gettext_lazy", "ngettext_lazy", "pgettext", "npgettext"}


@cache
def python_files() -> tuple[Path, ...]:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "var"]
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    return tuple(sorted(file for file in files if "migrations" not in file.parts))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return all nodes of a tree: each rule looks at them, and walking costs more than looking."""
    return tuple(ast.walk(tree))


def bound_names(tree: ast.Module) -> Iterator[str]:
    """Yield each name that the code binds: variables, parameters, attributes, functions, classes."""
    for node in nodes_of(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)):
                yield name


def share_of_odd_names(trees: list[ast.Module]) -> float:
    counts = Counter(name for tree in trees for name in bound_names(tree))
    return sum(counts[name] for name in ODD_NAMES) / max(1, counts.total())


def clauses(tree: ast.Module) -> Iterator[str]:
    """Yield the first lines of docstrings that begin with a clause where a verb or a noun belongs."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            if CLAUSE.match(text):
                yield text.splitlines()[0]


@cache
def user_errors() -> frozenset[str]:
    """Return the names of the classes whose texts people read."""
    bases: dict[str, set[str]] = {}
    for file in python_files():
        for node in nodes_of(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    shown = {"UserError"}
    while more := {name for name, above in bases.items() if above & shown} - shown:
        shown |= more
    return frozenset(shown | SHOWN_BY)


def unmarked_errors(tree: ast.Module, shown: frozenset[str]) -> Iterator[str]:
    """Yield the texts that an error carries to people without a mark for translation, or that are pieced together."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            texts = [*node.args, *(word.value for word in node.keywords if word.arg in ("shell", "page", "message"))]
            if name in shown:
                yield from (ast.unparse(text) for text in texts if is_unmarked(text))
            elif name in MARKS:
                yield from (ast.unparse(text) for text in node.args if isinstance(text, ast.JoinedStr))


def read_at_import(tree: ast.Module) -> Iterator[str]:
    """Yield calls that translate a text when the module is imported, so in no reader's language."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
            "gettext",
            "ngettext",
            "pgettext",
            "npgettext",
        }:
            yield ast.unparse(node)
        inner = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        if not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node) if inner is None else inner


def is_unmarked(text: ast.expr) -> bool:
    match text:
        case ast.JoinedStr():
            return any(is_unmarked(part) or is_word(part) for part in text.values)
        case ast.Constant(value=str(words)):
            return bool(re.search(r"[A-Za-z]{2}.*\s", words))
        case ast.BinOp(left=left, right=right):
            return is_unmarked(left) or is_unmarked(right)
        case ast.IfExp(body=left, orelse=right):
            return is_unmarked(left) or is_unmarked(right)
    return False


def is_word(text: ast.expr) -> bool:
    return isinstance(text, ast.Constant) and isinstance(text.value, str) and bool(re.search("[A-Za-z]{2}", text.value))


TRANSLATED = re.compile(r"{% *blocktrans(?:late)?\b.*?{% *endblocktrans(?:late)? *%}", re.DOTALL)
HIDDEN = re.compile(r"{#.*?#}|{% *comment *%}.*?{% *endcomment *%}|<!--.*?-->|<style.*?</style>", re.DOTALL)
# A class of the page, and attributes that a page gives to what it extends.
SILENT_BLOCKS = re.compile(r"{% *block +(?:body_class|\w*texts) *%}.*?{% *endblock *%}", re.DOTALL)
CODE = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
READ_ALOUD = re.compile(r"\b(?:aria-label|title|placeholder|alt|data-[a-z-]*text)=\"([^\"]*)\"")
# The same in every language.
NAMES = re.compile(r"\b(?:Wikipedia|npz|SHA-256|UTC)\b|s3://bucket/prefix")
# Not words of a language: what stands in code.
NO_WORDS = re.compile(r"<code\b.*?</code>|<kbd>.*?</kbd>|<pre\b.*?</pre>|&[a-z]+;", re.DOTALL)


def unmarked_words(template: str) -> list[str]:
    """Return what people read on a page of this template without a mark for translation."""
    text = SILENT_BLOCKS.sub("", HIDDEN.sub("", TRANSLATED.sub("", NAMES.sub("", template))))
    attributes = [CODE.sub("", value) for value in READ_ALOUD.findall(CODE.sub("", text))]
    between = re.sub(r"<[^>]*>", "\n", NO_WORDS.sub("", CODE.sub("", text)))
    return [line.strip() for line in (*between.splitlines(), *attributes) if re.search(r"[A-Za-z]{3}", line)]


def test_names_are_nouns_of_the_field():
    assert share_of_odd_names([tree_of(file) for file in python_files()]) < MOST_ODD_NAMES


def test_docstrings_begin_with_a_verb_or_a_noun():
    files = {str(file.relative_to(ROOT)): list(clauses(tree_of(file))) for file in python_files()}
    assert not {file: lines for file, lines in files.items() if lines}


def test_errors_are_marked_for_translation():
    names = {file.relative_to(ROOT).as_posix(): file for file in python_files()}
    read_by_people = {name: file for name, file in names.items() if name.split("/")[0] not in UNMARKED}
    files = [file for name, file in read_by_people.items() if not name.startswith(WIRE)]
    faults = {str(file.relative_to(ROOT)): list(unmarked_errors(tree_of(file), user_errors())) for file in files}
    assert not {file: texts for file, texts in faults.items() if texts}


def test_texts_are_translated_when_they_are_read():
    faults = {str(file.relative_to(ROOT)): list(read_at_import(tree_of(file))) for file in python_files()}
    assert not {file: calls for file, calls in faults.items() if calls}


def test_pages_are_marked_for_translation():
    files = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("marketplace/**/*.html")]
    faults = {str(file.relative_to(ROOT)): unmarked_words(file.read_text()) for file in files}
    assert len(files) > 50
    assert not {file: texts for file, texts in faults.items() if texts}


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ('raise UserError("No images.")', ["'No images.'"]),
        ('raise UserError(f"No {noun}.")', ["f'No {noun}.'"]),
        ('raise UserError(gettext(f"No {noun}."))', ["f'No {noun}.'"]),
        ('raise UserError(gettext("No images."), page="Add some.")', ["'Add some.'"]),
        ('raise UserError("No " + noun)', ["'No ' + noun"]),
        ('Remark(gettext("%(n)s images.") % {"n": n}, shell=gettext("Add some."))', []),
        ('raise ValueError(f"No {noun}.")', []),
        ("raise UserError(text)", []),
    ],
)
def test_an_unmarked_error_is_noticed(code, faults):
    assert list(unmarked_errors(ast.parse(code), user_errors())) == faults


@pytest.mark.parametrize(
    ("template", "faults"),
    [
        ("<p>Some words.</p>", ["Some words."]),
        ('<p>{% translate "Some words." %}</p>', []),
        ("{% blocktranslate trimmed %}Some {{ words }}.{% endblocktranslate %}", []),
        ("{% blocktranslate %}One{% endblocktranslate %} and <b>another</b>", ["and", "another"]),
        ('<img alt="A grid">', ["A grid"]),
        ('<img alt="{{ label }}"> {{ n }} {# a remark #}', []),
    ],
)
def test_unmarked_words_on_a_page_are_noticed(template, faults):
    assert unmarked_words(template) == faults


def test_a_text_that_is_translated_at_import_is_noticed():
    code = """A = gettext("A")
class B:
    b = gettext_lazy("B")
    c = Remark(gettext("C"))
    def d(self):
        return gettext("D")
E = {"e": lambda: gettext("E")}
"""
    assert sorted(read_at_import(ast.parse(code))) == ["gettext('A')", "gettext('C')"]


def test_odd_names_and_clauses_are_noticed():
    tree = ast.parse('def f(found, image):\n    """What is there."""\n    at = 1\n\ndef g():\n    """Return it."""\n')
    assert share_of_odd_names([tree]) == pytest.approx(2 / 5)
    assert list(clauses(tree)) == ["What is there."]
