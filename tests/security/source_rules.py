"""Rules of security that the source itself must keep, as functions from a file's tree to complaints."""

import ast
from collections.abc import Callable, Iterator

from launcher.places import ROOT
from tests.test_boundaries import FLOORS

Rule = Callable[[str, ast.Module], Iterator[str]]

ROOMS = tuple(room for room in FLOORS if (ROOT / room).is_dir())
LOOK_UPS = {
    "filter",
    "exclude",
    "get",
    "order_by",
    "values",
    "values_list",
    "annotate",
    "aggregate",
    "distinct",
    "only",
}
# What a request brings with it.
OF_REQUESTS = {"GET", "POST", "query_params", "headers", "COOKIES", "META"}
# Modules that turn bytes into objects of any class.
UNPICKLERS = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
# Modules that open connections. `urllib.parse` opens none.
CONNECTORS = {"requests", "httpx", "aiohttp", "urllib3", "socket", "http.client", "urllib.request", "ftplib", "boto3"}
XML_READERS = {"xml.dom", "xml.sax", "xml.etree", "xml.parsers", "lxml"}


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield every imported module, and every name that is taken from one as `module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def no_look_up_comes_from_a_request(name: str, tree: ast.Module) -> Iterator[str]:
    """Complain of names of columns and look-ups that a request brings."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in LOOK_UPS):
            continue
        named = [keyword.value for keyword in call.keywords if keyword.arg is None]
        # `request.GET.get(…)` is a look-up of another kind.
        listed = call.args if call.func.attr != "get" else []
        for part in (part for value in (*named, *listed) for part in ast.walk(value)):
            if isinstance(part, ast.Attribute) and part.attr in OF_REQUESTS:
                yield f"{name}:{call.lineno}: a request names columns: {ast.unparse(call)}"


def nothing_is_unpickled(name: str, tree: ast.Module) -> Iterator[str]:
    yield from (f"{name}: {module} can make any object" for module in imports(tree) if is_within(module, UNPICKLERS))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("yaml.load", "yaml.unsafe_load", "eval", "exec"):
            yield f"{name}:{node.lineno}: {ast.unparse(node.func)}"


def xml_is_read_by_defusedxml(name: str, tree: ast.Module) -> Iterator[str]:
    written = {"xml.etree.ElementTree." + word for word in ("Element", "ParseError", "SubElement", "tostring")}
    allowed = written | {"xml.sax.saxutils.escape", "xml.sax.saxutils.quoteattr"}
    for module in imports(tree):
        if is_within(module, XML_READERS) and module not in allowed:
            yield f"{name}: {module} reads XML with declared entities"


def no_connection_is_opened(name: str, tree: ast.Module) -> Iterator[str]:
    yield from (f"{name}: {module} opens connections" for module in imports(tree) if is_within(module, CONNECTORS))


def no_text_is_called_safe(name: str, tree: ast.Module) -> Iterator[str]:
    """Complain of HTML that is not escaped, and of templates that are made of texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            if called in ("mark_safe", "SafeString", "SafeText", "from_string", "Template"):
                yield f"{name}:{node.lineno}: {called}"


def forms_name_their_fields(name: str, tree: ast.Module) -> Iterator[str]:
    """Complain of forms and serializers that take the fields of a model, now or as soon as it has more."""
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
        if bases & {"ModelForm", "ModelSerializer", "BaseModelForm", "UserChangeForm", "UserCreationForm"}:
            yield f"{name}:{node.lineno}: {node.name} takes fields of a model"


# What each rule leaves alone, with the reason.
EXCEPTIONS: dict[Rule, dict[str, str]] = {
    no_look_up_comes_from_a_request: {},
    nothing_is_unpickled: {
        "candidates/classifiers/torch_weights.py": "a restricted unpickler: tests/candidates/classifiers",
    },
    xml_is_read_by_defusedxml: {
        "marketplace/questions.py": "with Django's parser, which refuses declared types and entities",
    },
    no_connection_is_opened: {
        "data_import/sources/bucket.py": "to the server of the settings",
        "mturk/endpoint.py": "to the endpoint of the settings",
        "studies/simulation/browser.py": "to the worker pages of the settings, and to no link that leads elsewhere",
        "launcher/parts.py": "to the parts of the site itself",
        "launcher/valkey.py": "to the unix socket of Valkey",
        "accounts/single_sign_on/views.py": "names an error of the connection to the provider",
        "marketplace/task_addresses.py": "reads addresses that are written as numbers",
        "marketplace/faults/injection.py": "ends the connection that a request came by",
    },
    no_text_is_called_safe: {
        "contains_task/templatetags/tiles.py": "every value in it is escaped, or written there",
    },
    forms_name_their_fields: {},
}

# For each rule, a text that breaks it.
BROKEN: dict[Rule, str] = {
    no_look_up_comes_from_a_request: "Image.objects.filter(**request.GET.dict()).order_by(request.GET['order'])",
    nothing_is_unpickled: "import pickle\nyaml.load(text)",
    xml_is_read_by_defusedxml: "from xml.etree.ElementTree import fromstring",
    no_connection_is_opened: "from urllib.request import urlopen",
    no_text_is_called_safe: "mark_safe(label.words)",
    forms_name_their_fields: "class AccountForm(forms.ModelForm): pass",
}
