"""A module and all that it imports, as one: a page waits for one request, and one file is smaller than its parts.

Each module stays in a scope of its own. What it exports is returned from there; an exported `let`, which may change
later, stands in the scope around all of them.
"""

import posixpath
import re
from collections.abc import Callable

IMPORT = re.compile(r'^import(?:\s*\{(?P<names>[^}]*)\}\s*from)?\s*"(?P<path>\.[^"]+)";?', re.MULTILINE)
HANDED_ON = re.compile(
    r'^export\s*\{\s*(?P<names>(?:[\w$]+\s*(?:,\s*|(?=\})))*)\}\s*from\s*"(?P<path>\.[^"]+)";?', re.MULTILINE
)
DECLARED = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class)\s+(?P<name>[\w$]+))", re.MULTILINE)
CHANGING = re.compile(r"^export let (?P<name>[\w$]+)(?= = )", re.MULTILINE)
LISTED = re.compile(r"^export\s*\{\s*(?P<names>(?:[\w$]+\s*(?:,\s*|(?=\})))*)\};?", re.MULTILINE)
NUMBER = re.compile(r"^const (?P<name>[A-Z][A-Z_]*) = (?P<value>[\d_.]+);.*\n", re.MULTILINE)
# What is left cannot be expressed: default and namespace imports, other names, waiting.
UNKNOWN = re.compile(r"^(?:import|export|await)\b.*", re.MULTILINE)

Read = Callable[[str], str]


class Bundle:
    """Modules in the order of need. `changing` are the names of exported variables."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.scopes: dict[str, str] = {}
        self.changing: list[str] = []

    def add(self, name: str, above: tuple[str, ...] = ()) -> None:
        """Add a module after those that it needs. Raises ValueError for what a bundle cannot express."""
        if name in above:
            raise ValueError(f"{name} imports itself, by way of {above[-1]}")
        if name in self.scopes:
            return
        source = HANDED_ON.sub(r'import {\g<names>} from "\g<path>"; export {\g<names>};', self.read(name))
        source = source.replace('"; export {', '";\nexport {')
        numbers = {}
        for match in IMPORT.finditer(source):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), match["path"]))
            self.add(imported, (*above, name))
            numbers[match["path"]] = list(self.scopes).index(imported)
        self.scopes[name] = self._scope(name, source, numbers)

    def _scope(self, name: str, source: str, numbers: dict[str, int]) -> str:
        def taken(match: re.Match[str]) -> str:
            fixed = [part for part in _parts(match["names"] or "") if part not in self.changing]
            names = ", ".join(part.replace(" as ", ": ") for part in fixed)
            return f"const {{ {names} }} = $module{numbers[match['path']]};" if names else ""

        exported = [match["name"] for match in DECLARED.finditer(source)]
        exported += [part for match in LISTED.finditer(source) for part in _parts(match["names"])]
        self.changing += [match["name"] for match in CHANGING.finditer(source)]
        body = LISTED.sub("", DECLARED.sub("", CHANGING.sub(r"\g<name>", IMPORT.sub(taken, source))))
        if unknown := UNKNOWN.search(body):
            raise ValueError(f"{name} has a line that cannot be bundled: {unknown[0]}")
        return f"const $module{len(self.scopes)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"

    def __str__(self) -> str:
        variables = f"let {', '.join(self.changing)};\n" if self.changing else ""
        return variables + "\n".join(self.scopes.values())


def bundled(name: str, read: Read) -> str:
    """Return a module with all that it imports; one that imports nothing as it is. Raises ValueError."""
    if not IMPORT.search(read(name)):
        return read(name)
    bundle = Bundle(read)
    bundle.add(name)
    return str(bundle)


def with_numbers(source: str) -> str:
    """Return a module with the numbers that it names for itself in place of their names: fewer bytes travel.

    >>> with_numbers("const MOST_TRIES = 4;\\nwhile (tries < MOST_TRIES) wait();")
    'while (tries < 4) wait();'
    """
    for name, value in NUMBER.findall(source):
        # As a field of an object, a name is more than its value.
        if re.search(rf"[{{,]\s*{name}\s*[,}}]", source):
            continue
        source = re.sub(rf"^const {name} = .*\n", "", source, count=1, flags=re.MULTILINE)
        source = re.sub(rf"(?<![\w$.]){name}(?![\w$])", value, source)
    return source


def _parts(names: str) -> list[str]:
    return [" ".join(part.split()) for part in names.split(",") if part.strip()]
