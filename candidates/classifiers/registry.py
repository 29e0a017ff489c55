"""From the names in settings and on the command line to classifiers."""

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

# Imported by its name and only when it is wanted: it imports torch.
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
    """A name that stands for no classifier, or for one whose libraries are missing."""


def available() -> list[str]:
    """What `named` takes here: networks by name, then forms such as "onnx:PATH". Any of them with @ and a view."""
    torch = importlib.util.find_spec("torch") is not None
    families = [family for family, needs in TORCH_FAMILIES.items() if torch and importlib.util.find_spec(needs)]
    return [*packages.installed(), *(FORMS[family] for family in ["onnx", *families])]


def _there_for_pages() -> str:
    """Return the same list as pages take the names: a network in a file only from the models folder."""
    forms = {FORMS["onnx"]: "onnx:FILE in the models folder"}
    return ", ".join(forms.get(form, form) for form in available() if form != FORMS["torch"])


def named(name: str, **options: Any) -> NetworkClassifier:
    """The classifier of a name, ready to predict in this process.

    Args:
        name: such as "efficientnet-lite0", "efficientnet-lite0@flip", "efficientnet-lite0@crop=1.0,flip",
            "onnx:/models/mine.onnx", "torchvision:resnet50", "timm:resnet50", "torch:package.module:function". Behind
            one more colon those of torch take weights: a file, or for models by name one of their weights or
            "random": "torchvision:resnet50:IMAGENET1K_V1", "timm:resnet50:/models/mine.safetensors".
        options: as the `load` function of its family takes them: `threads` of efficientnet_lite and onnx_file, the
            description's keys of onnx_file, `weights`, `device` and `mixed` of torch_models.

    Raises:
        ClassifierError: of one of its kinds; the message says what there is, or what to install.
    """
    network, view = _split(name)
    return _load(network, options).viewed(view)


def several(names: Sequence[str], **options: Any) -> list[NetworkClassifier]:
    """Like `named` for each of them; views of one network share its weights and memory."""
    networks = {network: _load(network, options) for network in dict.fromkeys(_split(name)[0] for name in names)}
    return [networks[network].viewed(view) for network, view in map(_split, names)]


def _split(name: str) -> tuple[str, str]:
    """Network and view; an @ in the path of a file that is there begins no view."""
    family, _, rest = name.partition(":")
    path = rest if family == "onnx" else _model_and_weights(family, rest)[1]
    if path and Path(path).is_file():
        return name, ""
    network, at, view = name.rpartition("@")
    if not at:
        return name, ""
    if not view:
        raise UnknownClassifier(f"{name!r} ends in @ without a view; views are {VIEWS}.")
    return network, view


def _load(network: str, options: dict[str, Any]) -> NetworkClassifier:
    family, _, rest = network.partition(":")
    try:
        return _loader(network, family, rest)(**options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise UnknownClassifier(f"{network} does not have that option.", shell=f"Python says: {error}.") from error


def _loader(network: str, family: str, rest: str) -> Callable[..., NetworkClassifier]:
    if network in packages.PACKAGES:
        return lambda **options: efficientnet_lite.load(network, **options)
    if family == "onnx" and rest:
        return lambda **options: onnx_file.load(Path(rest), **options)
    if family in TORCH_FAMILIES and rest:
        models = _torch_models(network)
        load = {"torchvision": models.load_torchvision, "timm": models.load_timm, "torch": models.load_own}[family]
        model, weights = _model_and_weights(family, rest)
        return lambda **options: load(model, **({"weights": weights} if weights else {}) | options)
    raise UnknownClassifier(
        f"There is no classifier {network!r}.",
        shell=f"There are: {', '.join(available())}.",
        page=f"There are: {_there_for_pages()}.",
    )


def _model_and_weights(family: str, rest: str) -> tuple[str, str]:
    """What stands behind the family's colon, in two: the model's name, and its weights, "" if there are none.

    >>> _model_and_weights("torchvision", "resnet50:/models/a:b.pth")
    ('resnet50', '/models/a:b.pth')
    >>> _model_and_weights("torch", "package.module:function")
    ('package.module:function', '')
    """
    parts = rest.split(":")
    n_parts = 2 if family == "torch" or (family == "timm" and parts[0] in PLACES_OF_TIMM) else 1
    return ":".join(parts[:n_parts]), ":".join(parts[n_parts:])


def _torch_models(network: str) -> ModuleType:
    try:
        return importlib.import_module(TORCH_MODULE)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnknownClassifier(
            f"{network} runs on torch, which is not installed (several GB).",
            shell="Install it: python3 launcher/install.py torch, or where the site was installed "
            "without ./run pip install -r requirements/torch.txt; or choose one of: "
            f"{', '.join(available())}.",
            page=f"Have the site administrator install it, or choose one of: {_there_for_pages()}.",
        ) from error
