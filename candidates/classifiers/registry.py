"""The registry of classifiers by their names in settings and on the command line."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from candidates.classifiers import efficientnet_lite, onnx_file, packages
from candidates.classifiers.interface import ClassifierError
from candidates.classifiers.network import NetworkClassifier
from candidates.classifiers.preprocessing import VIEWS
from catalog.errors import gettext

# Imported by name and only when needed: it imports torch.
TORCH_MODULE = "candidates.classifiers.torch_models"
TORCH_FAMILIES = {"torchvision": "torchvision", "timm": "timm", "torch": "torch"}
FORMS = {
    "onnx": "onnx:PATH",
    "torchvision": "torchvision:NAME[:WEIGHTS]",
    "timm": "timm:NAME[:WEIGHTS]",
    "torch": "torch:PACKAGE.MODULE:FUNCTION[:WEIGHTS]",
}
# Names of timm's own that have a colon in them.
PLACES_OF_TIMM = ("hf-hub", "hf_hub", "local-dir")


class UnknownClassifier(ClassifierError):
    """An error: a name stands for no classifier, or for a classifier without its libraries."""


def available() -> list[str]:
    """List the names that `named` accepts: networks, then forms such as "onnx:PATH"; each also with @ and a view."""
    torch = importlib.util.find_spec("torch") is not None
    families = [family for family, needs in TORCH_FAMILIES.items() if torch and importlib.util.find_spec(needs)]
    return [*packages.installed(), *(FORMS[family] for family in ["onnx", *families])]


def _there_for_pages() -> str:
    """Return the same list in the words of pages, where a network in a file must be in the models folder."""
    forms = {FORMS["onnx"]: "onnx:FILE in the models folder"}
    return ", ".join(forms.get(form, form) for form in available() if form != FORMS["torch"])


def named(name: str, **options: Any) -> NetworkClassifier:
    """Load the classifier of a name, ready to predict in this process.

    Args:
        name: such as "efficientnet-lite0", "efficientnet-lite0@flip", "efficientnet-lite0@crop=1.0,flip",
            "onnx:/models/mine.onnx", "torchvision:resnet50", "timm:resnet50", "torch:package.module:function". Behind
            one more colon those of torch take weights: a file, or for models by name one of their weights or
            "random": "torchvision:resnet50:IMAGENET1K_V1", "timm:resnet50:/models/mine.safetensors".
        options: as the `load` function of its family takes them: `threads` of efficientnet_lite and onnx_file, the
            description's keys of onnx_file, `weights`, `device` and `mixed` of torch_models.

    Raises:
        ClassifierError: of one of its kinds; the message lists the existing names, or the missing packages.
    """
    network, view = _split(name)
    return _load(network, options).viewed(view)


def several(names: Sequence[str], **options: Any) -> list[NetworkClassifier]:
    """Load the classifier of each name, as `named` does; views of one network share its weights and memory."""
    networks = {network: _load(network, options) for network in dict.fromkeys(_split(name)[0] for name in names)}
    return [networks[network].viewed(view) for network, view in map(_split, names)]


def _split(name: str) -> tuple[str, str]:
    """Split a name into network and view; an @ in the path of an existing file starts no view."""
    family, _, model = name.partition(":")
    path = model if family == "onnx" else _model_and_weights(family, model)[1]
    if path and Path(path).is_file():
        return name, ""
    network, separator, view = name.rpartition("@")
    if not separator:
        return name, ""
    if not view:
        message = gettext("%(name)r ends in @ without a view. Views: %(views)s.")
        raise UnknownClassifier(message % {"name": name, "views": VIEWS})
    return network, view


def _load(network: str, options: dict[str, Any]) -> NetworkClassifier:
    family, _, model = network.partition(":")
    try:
        return _loader(network, family, model)(**options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise UnknownClassifier(
            gettext("%(network)s does not have that option.") % {"network": network},
            shell=gettext("Message of Python: %(reason)s.") % {"reason": error},
        ) from error


def _loader(network: str, family: str, model: str) -> Callable[..., NetworkClassifier]:
    if network in packages.PACKAGES:
        return lambda **options: efficientnet_lite.load(network, **options)
    if family == "onnx" and model:
        return lambda **options: onnx_file.load(Path(model), **options)
    if family in TORCH_FAMILIES and model:
        models = _torch_models(network)
        load = {"torchvision": models.load_torchvision, "timm": models.load_timm, "torch": models.load_module}[family]
        name, weights = _model_and_weights(family, model)
        return lambda **options: load(name, **({"weights": weights} if weights else {}) | options)
    classifiers = gettext("Classifiers: %(names)s.")
    raise UnknownClassifier(
        gettext("There is no classifier %(network)r.") % {"network": network},
        shell=classifiers % {"names": ", ".join(available())},
        page=classifiers % {"names": _there_for_pages()},
    )


def _model_and_weights(family: str, model: str) -> tuple[str, str]:
    """Split the text behind the family's colon: the model's name, and its weights, "" if there are none.

    >>> _model_and_weights("torchvision", "resnet50:/models/a:b.pth")
    ('resnet50', '/models/a:b.pth')
    >>> _model_and_weights("torch", "package.module:function")
    ('package.module:function', '')
    """
    parts = model.split(":")
    n_parts = 2 if family == "torch" or (family == "timm" and parts[0] in PLACES_OF_TIMM) else 1
    return ":".join(parts[:n_parts]), ":".join(parts[n_parts:])


def _torch_models(network: str) -> ModuleType:
    try:
        return importlib.import_module(TORCH_MODULE)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        shell = gettext(
            "Install it: python3 launcher/install.py torch (if the site was installed without ./run: pip install -r "
            "requirements/torch.txt). Or choose one of: %(names)s."
        )
        page = gettext("Ask the site administrator to install it, or choose one of: %(names)s.")
        raise UnknownClassifier(
            gettext("%(network)s runs on torch, which is not installed (several GB).") % {"network": network},
            shell=shell % {"names": ", ".join(available())},
            page=page % {"names": _there_for_pages()},
        ) from error
