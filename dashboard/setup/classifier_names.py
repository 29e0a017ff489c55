"""Names of classifiers that a page accepts.

Staff accounts are trusted with the data of the studies, not with the host. A name on the command line may make this
process read any file (onnx:) or run any function (torch:); its author is at a shell anyway. The same name sent by a
browser would give away the shell. So a page accepts the installed networks, ONNX files below MODELS_ROOT (a folder that
only the site administrator fills), and models that torchvision and timm know by a plain name. Behind one more colon the
command line accepts files of weights, and timm checkpoints from anywhere, which may hold code: a page accepts neither.
"""

import re
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext

from catalog.errors import UserError

VIEW = r"(@[A-Za-z0-9_.,=]+)?"
# Weights of torchvision's own have names in capitals; those of a file would have a dot or a slash.
TORCHVISION = re.compile(r"torchvision:[A-Za-z0-9_]+(:[A-Z0-9_]+)?" + VIEW)
TIMM = re.compile(r"timm:[A-Za-z0-9_.-]+" + VIEW)
LONGEST_NAME = 200
ONNX = "onnx:"


def checked_name(name: str) -> str:
    """Return the name as registry.named takes it, an ONNX file by its whole path. Raises UserError for other names."""
    family, colon, model = name.partition(":")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(
            gettext("A classifier’s name must have at most %(n)s characters, all printable.") % {"n": LONGEST_NAME}
        )
    if not colon:
        return name
    if family == "onnx" and model:
        return _onnx(model)
    if TORCHVISION.fullmatch(name) or TIMM.fullmatch(name):
        return name
    raise UserError(
        gettext(
            "“%(name)s” is not allowed here, because it could read any file or run any code on the server. Name an "
            "installed network, onnx:FILE in the models folder, or torchvision:NAME or timm:NAME with a plain name. "
            "The site administrator can run any other classifier."
        )
        % {"name": name}
    )


def onnx_files() -> list[str]:
    """Return the names of the networks in the models folder, as `checked_name` takes them."""
    root = _root()
    files = sorted(path for path in root.rglob("*.onnx") if path.is_file() and path.resolve().is_relative_to(root))
    return [f"{ONNX}{path.relative_to(root).as_posix()}" for path in files]


def _root() -> Path:
    return Path(settings.MODELS_ROOT).resolve()


def _onnx(model: str) -> str:
    for name, view in _readings(model):
        # Links are followed first: a link that leads out of the folder is outside it.
        path = (_root() / name).resolve()
        if path.is_relative_to(_root()) and path.is_file():
            return f"{ONNX}{path}{view}"
    raise UserError(
        gettext(
            "The models folder has no network %(name)s. Available: %(available)s. The site administrator can put "
            "files into this folder (MODELS_ROOT)."
        )
        % {"name": f"{ONNX}{model}", "available": ", ".join(onnx_files()) or gettext("none yet")}
    )


def _readings(model: str) -> list[tuple[str, str]]:
    """Return the possible (file, view) pairs: an @ in the name of an existing file begins no view."""
    name, separator, view = model.rpartition("@")
    has_view = separator and re.fullmatch(VIEW, separator + view)
    return [(model, ""), (name, f"@{view}")] if has_view else [(model, "")]
