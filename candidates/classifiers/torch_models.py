"""Classifiers that run on torch: models of torchvision or timm by name, or any module of the user's.

Only this module imports torch. `registry` imports it by name when a classifier needs it, so everything else works
without torch; torchvision and timm are imported in the same way.

Names and weights are code and files of this machine's owner: take them from settings and the command line, never from
a page.
"""

import hashlib
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from candidates.classifiers.interface import ClassifierError, Pictures, Scores
from candidates.classifiers.network import NetworkClassifier
from candidates.classifiers.preprocessing import Preprocessing
from catalog.errors import gettext

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Pictures per launch: while the GPU computes one part, the next is copied to it.
CUDA_PART, CPU_PART = 64, 8
# The types of mixed precision. The CPU's is for experiments: few CPUs are faster with it.
HALF = {"cuda": torch.float16, "cpu": torch.bfloat16}
DEFAULT, RANDOM = "DEFAULT", "random"
# Every process gets the same random weights: a worker needs those with which the run was started.
SEED = 0
# With weights these models expect pictures prepared as for all other models; without, they need these options.
OPTIONS = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}
# The keys under which published files hold a state_dict.
WRAPPERS = ("state_dict", "model")


class BadModel(ClassifierError):
    """An error: a torch model cannot be loaded or does not classify pictures."""


def load_torchvision(
    name: str, *, weights: str = DEFAULT, device: str | None = None, mixed: bool | None = None
) -> NetworkClassifier:
    """Load a model of torchvision by its name there, such as "resnet50".

    Args:
        weights: one of the model's weights by name, which torchvision downloads if needed; the path of a file with a
            state_dict; or "random", the same weights each time.
        device, mixed: see `classifier_of`.

    Raises:
        BadModel: torchvision is missing, has no such model or weights, or cannot download them; or the model is not
            for single pictures.
    """
    models = _library("torchvision.models", "torchvision")
    try:
        offered = models.get_model_weights(name)
    except ValueError as error:
        raise _no_model("torchvision", name, error, shell="torchvision.models.list_models()") from error
    recipe = offered[weights] if weights in offered.__members__ else None
    # Pictures are prepared as for the best weights of the model, unless the chosen weights have their own way.
    transforms = (recipe or offered[DEFAULT]).transforms()
    if not hasattr(transforms, "crop_size") or len(transforms.crop_size) != 1:
        message = gettext("%(model)s does not classify single pictures: choose another model.")
        raise BadModel(message % {"model": f"torchvision:{name}"})
    full_name = _named(f"torchvision:{name}", weights)
    model = _of_torchvision(models, name, full_name, recipe, weights, offered)
    (size,), (scaled,) = transforms.crop_size, transforms.resize_size
    plain = _prepared_at(size, scaled, transforms.interpolation.value)
    return classifier_of(model, full_name, plain, transforms.mean, transforms.std, device=device, mixed=mixed)


def load_timm(
    name: str, *, weights: str = DEFAULT, device: str | None = None, mixed: bool | None = None
) -> NetworkClassifier:
    """Load a model of timm by its name there; arguments and errors as in `load_torchvision` ("DEFAULT": timm's own).

    For the few models whose authors put a black frame around the picture (crop_pct above 1), the frame is left out.
    """
    timm, data = _library("timm", "timm"), _library("timm.data", "timm")
    full_name = _named(f"timm:{name}", weights)
    try:
        with _seeded():
            model = timm.create_model(name, pretrained=weights == DEFAULT)
    except OSError as error:
        files = gettext("copy the folder HF_HOME from a machine with a network")
        raise _no_weights(full_name, error, files, f"timm:{name}") from error
    except (RuntimeError, ValueError) as error:
        raise _no_model("timm", name, error, shell="timm.list_models()") from error
    if weights != DEFAULT:
        _fill(model, weights, f"timm:{name}", [DEFAULT])
    config = data.resolve_model_data_config(model)
    channels, height, width = config["input_size"]
    if (channels, height) != (3, width) or config.get("crop_mode", "center") not in ("center", "squash"):
        message = gettext("%(model)s does not take square pictures of three colours: choose another model.")
        raise BadModel(message % {"model": f"timm:{name}"})
    squash = config.get("crop_mode") == "squash"
    plain = _prepared_at(width, math.floor(width / config["crop_pct"]), config["interpolation"], squash)
    return classifier_of(model, full_name, plain, config["mean"], config["std"], device=device, mixed=mixed)


def load_module(
    name: str,
    *,
    weights: str | None = None,
    device: str | None = None,
    mixed: bool | None = None,
    **figures: Any,
) -> NetworkClassifier:
    """Load the module that a function of the user's returns; `name` is "package.module:function".

    The module takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C).

    Args:
        weights: the path of a file with its state_dict; None if the function loads the weights itself.
        device, mixed: see `classifier_of`.
        figures: input_size (224), crop (0.875), interpolation ("bilinear"), mean and std (ImageNet's), where they
            differ. The module may have them in a dictionary `pictures`; the arguments here override it.

    Raises:
        BadModel: there is no such function, or its result is no torch module or gives no logits.
    """
    module_name, _, function = name.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        way_out = gettext("Write torch:package.module:function.")
        message = gettext("There is no %(name)r on this machine.") % {"name": name}
        raise BadModel(message, shell=_reason(error, way_out)) from error
    model = make()
    if not isinstance(model, nn.Module):
        way_out = gettext("The function returns a %(type)s; it must return a torch.nn.Module.")
        message = gettext("%(name)s does not return a network.") % {"name": name}
        raise BadModel(message, shell=way_out % {"type": type(model).__name__})
    full_name = f"torch:{name}" if weights is None else _named(f"torch:{name}", weights)
    if weights is not None:
        _fill(model, weights, f"torch:{name}", [])
    plain, mean, std = _figures(full_name, **{**getattr(model, "pictures", {}), **figures})
    return classifier_of(model, full_name, plain, mean, std, device=device, mixed=mixed)


def _figures(
    full_name: str,
    input_size: int = 224,
    crop: float = 0.875,
    interpolation: str = "bilinear",
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> tuple[Preprocessing, tuple[float, ...], tuple[float, ...]]:
    if len(mean) != 3 or len(std) != 3 or not all(std):
        message = gettext("%(model)s has mean %(mean)s and std %(std)s: write three numbers each, no std of 0.")
        raise BadModel(message % {"model": full_name, "mean": mean, "std": std})
    return Preprocessing(input_size, crop, interpolation), mean, std


def classifier_of(
    model: nn.Module,
    name: str,
    plain: Preprocessing,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    *,
    device: str | None = None,
    mixed: bool | None = None,
) -> NetworkClassifier:
    """Return the classifier of a module that takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C).

    It runs with the channels last, as pictures arrive. One empty picture is run through it at once.

    Args:
        device: torch's name of it; None for the GPU if there is one.
        mixed: whether it runs in mixed precision; None where the device is a GPU.

    Raises:
        BadModel: the device cannot be used, or there are no logits.
    """
    identity = _identity(model.state_dict())
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        model = model.to(place, memory_format=torch.channels_last).eval()
    except (RuntimeError, AssertionError) as error:
        message = gettext("%(name)s cannot run on %(device)s: choose another device.")
        raise BadModel(message % {"name": name, "device": device or "cuda"}, shell=_reason(error)) from error
    # (pixel / 255 - mean) / std as one multiplication and one addition.
    gain = 1 / (255 * torch.tensor(std, device=place).view(1, 3, 1, 1))
    shift = -(torch.tensor(mean, device=place) / torch.tensor(std, device=place)).view(1, 3, 1, 1)
    half = HALF.get(place.type) if mixed or (mixed is None and place.type == "cuda") else None
    run = _Run(model, place, gain, shift, half)
    n_classes = _n_classes(run, name, plain.input_size)
    return NetworkClassifier(name, identity, n_classes, plain, plain, run, place.type)


@dataclass(frozen=True)
class _Run:
    """Probabilities (N, C) of pictures (N, H, W, 3). `half`: the numbers of mixed precision, None for full."""

    model: nn.Module
    place: torch.device
    gain: torch.Tensor
    shift: torch.Tensor
    half: torch.dtype | None

    def __call__(self, batch: Pictures) -> Scores:
        scores = self._scores(batch, self.half)
        # Half precision ends at 65,504: some networks go beyond on the way, for some pictures.
        if self.half is not None and not np.isfinite(scores).all():
            scores = self._scores(batch, None)
        return scores

    @torch.inference_mode()
    def _scores(self, batch: Pictures, half: torch.dtype | None) -> Scores:
        """Compute the scores, with all parts queued before the first wait: the GPU works while the CPU copies."""
        cuda = self.place.type == "cuda"
        parts = []
        whole = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
        for pixels in whole.split(CUDA_PART if cuda else CPU_PART):
            pixels = pixels.pin_memory() if cuda else pixels
            # Bytes are copied, a quarter of the size of floats; permuted, they are channels-last already.
            x = pixels.to(self.place, non_blocking=True).permute(0, 3, 1, 2).float() * self.gain + self.shift
            with torch.autocast(self.place.type, half, enabled=half is not None):
                parts.append(self.model(x))
        return torch.cat(parts).float().softmax(dim=1).cpu().numpy()


def _n_classes(run: Callable[[Pictures], Scores], name: str, size: int) -> int:
    try:
        scores = run(np.zeros((1, size, size, 3), np.uint8))
    except Exception as error:
        # A module of the user's may raise any error.
        message = gettext("%(name)s does not take a picture of %(size)s x %(size)s pixels.")
        raise BadModel(message % {"name": name, "size": size}, shell=_reason(error)) from error
    if scores.ndim != 2 or len(scores) != 1 or scores.shape[1] < 2:
        message = gettext("%(name)s gives %(shape)s for one picture; it must give logits (pictures, classes).")
        raise BadModel(message % {"name": name, "shape": scores.shape})
    return scores.shape[1]


def _prepared_at(size: int, scaled: int, interpolation: str, squash: bool = False) -> Preprocessing:
    return Preprocessing(size, min(1.0, size / scaled), interpolation, scaled=scaled, squash=squash)


# Models and weights


def _reason(error: Exception, way_out: str = "") -> str:
    """Return the message of a library, for the shell: it names classes and arguments. A way out may follow."""
    reason = gettext("Message of the library: %(reason)s.") % {"reason": error}
    return f"{reason} {way_out}".rstrip()


def _no_model(library: str, name: str, error: Exception, *, shell: str) -> BadModel:
    values = {"library": library, "name": name, "function": shell}
    way_out = gettext("%(function)s lists the models.") % values
    return BadModel(
        gettext("%(library)s has no model %(name)r.") % values,
        shell=_reason(error, way_out),
        page=gettext("The documentation of %(library)s lists the models.") % values,
    )


def _library(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        values = {"package": package}
        way_out = gettext("Install it with pip install %(package)s, in a version for the installed torch.") % values
        page = gettext("Ask the site administrator to install it, in a version for the installed torch.")
        message = gettext("%(package)s cannot be imported.") % values
        raise BadModel(message, shell=_reason(error, way_out), page=page) from error


def _named(model: str, weights: str) -> str:
    """Return the name with which `registry.named` loads the same again, from another folder too."""
    if weights == DEFAULT:
        return model
    return f"{model}:{Path(weights).absolute() if Path(weights).is_file() else weights}"


def _of_torchvision(
    models: ModuleType, name: str, full_name: str, recipe: Any, weights: str, offered: Any
) -> nn.Module:
    options = {} if recipe else OPTIONS.get(name, {})
    # The published weights of these two need a further change of the picture.
    options = options | {"transform_input": True} if options and weights != RANDOM else options
    try:
        with _seeded():
            model = models.get_model(name, weights=recipe, **options)
    except (OSError, RuntimeError) as error:
        if recipe is None:
            message = gettext("torchvision cannot create the model %(name)r.") % {"name": name}
            raise BadModel(message, shell=_reason(error)) from error
        files = gettext("put the file of %(url)s into %(folder)s")
        values = {"url": recipe.url, "folder": f"{torch.hub.get_dir()}/checkpoints"}
        raise _no_weights(full_name, error, files % values, f"torchvision:{name}") from error
    if recipe is None:
        _fill(model, weights, f"torchvision:{name}", [*offered.__members__])
    return model


def _no_weights(full_name: str, error: Exception, files: str, model: str) -> BadModel:
    way_out = gettext("Without a network, %(files)s, or name a file of weights: %(model)s:/path/of/weights.pth.")
    return BadModel(
        gettext("The weights of %(name)s cannot be downloaded.") % {"name": full_name},
        shell=_reason(error, way_out % {"files": files, "model": model}),
        page=gettext("Without a network, the site administrator can install the weights."),
    )


@contextmanager
def _seeded() -> Iterator[None]:
    """Seed torch inside the block, so that random weights are the same each time; restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def _fill(model: nn.Module, weights: str, name: str, offered: list[str]) -> None:
    """Load weights from a file with a state_dict; keep the random ones for "random"."""
    if weights == RANDOM:
        return
    if not Path(weights).is_file():
        message = gettext("%(name)s has no weights %(weights)r, and no such file exists. Weights: %(names)s.")
        raise BadModel(message % {"name": name, "weights": weights, "names": ", ".join([*offered, RANDOM])})
    try:
        model.load_state_dict(_state_in(Path(weights)))
    except ClassifierError:
        raise
    except Exception as error:
        # Damaged file, forbidden content, other architecture: each raises its own error.
        message = gettext("%(file)s does not hold weights of %(name)s.") % {"file": weights, "name": name}
        raise BadModel(message, shell=_reason(error)) from error


def _state_in(path: Path) -> Mapping[str, Any]:
    """Read the state_dict of a file of torch.save(), bare or wrapped, or of safetensors. None of its code is run."""
    if path.suffix == ".safetensors":
        return _library("safetensors.torch", "safetensors").load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            return content[wrapper]
    return content


def _identity(state: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the names, kinds, shapes and bytes of a state_dict, in the order of the names.

    It is the same for the same numbers in any file.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name]
        if isinstance(tensor, torch.Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
