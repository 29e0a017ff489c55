"""Which classifiers a page may name.

Who signs in as staff is trusted with the data of the studies, not with the host. A name on the command line may make
this process read any file (onnx:) or run any function (torch:), and its reader is at a shell anyway; the same name
sent by a browser would hand out the shell. So a page takes the installed networks, ONNX files below MODELS_ROOT (a
folder that only who deploys fills), and models that torchvision and timm know by a plain name. Behind one more colon
the command line takes files of weights, and timm checkpoints from anywhere, which may hold code: a page takes neither.
"""

import re
from pathlib import Path

from django.conf import settings

from catalog.errors import UserError

VIEW = r"(@[A-Za-z0-9_.,=]+)?"
# Weights of torchvision's own have names in capitals; those of a file would have a dot or a slash.
TORCHVISION = re.compile(r"torchvision:[A-Za-z0-9_]+(:[A-Z0-9_]+)?" + VIEW)
TIMM = re.compile(r"timm:[A-Za-z0-9_.-]+" + VIEW)
LONGEST_NAME = 200
ONNX = "onnx:"


def checked_name(name: str) -> str:
    """The name as registry.named takes it, an ONNX file by its whole path. Raises UserError for any other reach."""
    family, colon, rest = name.partition(":")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(f"A classifier's name has at most {LONGEST_NAME} printable characters.")
    if not colon:
        return name
    if family == "onnx" and rest:
        return _onnx(rest)
    if TORCHVISION.fullmatch(name) or TIMM.fullmatch(name):
        return name
    raise UserError(
        f"{name!r} cannot be named on a page, because it could read any file or run any code on the server. Here: "
        "installed networks, onnx:FILE in the models folder, torchvision:NAME and timm:NAME with a plain name. The "
        "site administrator can run any other."
    )


def onnx_files() -> list[str]:
    """Names of the networks in the models folder, as `checked_name` takes them."""
    root = _root()
    files = sorted(path for path in root.rglob("*.onnx") if path.is_file() and path.resolve().is_relative_to(root))
    return [f"{ONNX}{path.relative_to(root).as_posix()}" for path in files]


def _root() -> Path:
    return Path(settings.MODELS_ROOT).resolve()


def _onnx(rest: str) -> str:
    for path, view in _readings(rest):
        # Links are followed first: one that leads out of the folder is out of it.
        found = (_root() / path).resolve()
        if found.is_relative_to(_root()) and found.is_file():
            return f"{ONNX}{found}{view}"
    there = ", ".join(onnx_files()) or "none yet"
    raise UserError(
        f"There is no network {ONNX}{rest} in the models folder. Those there: {there}. The site administrator can put "
        "files into it (MODELS_ROOT)."
    )


def _readings(rest: str) -> list[tuple[str, str]]:
    """File and view: an @ in the name of a file that is there begins no view."""
    path, at, view = rest.rpartition("@")
    return [(rest, ""), (path, f"@{view}")] if re.fullmatch(VIEW, at + view) and at else [(rest, "")]
