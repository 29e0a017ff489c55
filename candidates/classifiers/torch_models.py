"""Classifiers that run on torch: models of torchvision or timm by name, or any module of the user's.

The only module here that imports torch. `registry` imports it by name when a classifier asks for it, so everything
else works where torch is not installed; torchvision and timm are looked up in the same way.

Names and weights given here are code and files of this machine's owner: take them from settings and the command
line, never from a page.
"""

import hashlib
import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from candidates.classifiers.interface import ClassifierError, Pictures, Scores
from candidates.classifiers.network import NetworkClassifier
from candidates.classifiers.preprocessing import Preprocessing

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Pictures per launch: while the GPU computes one part, the next is copied to it.
CUDA_PART, CPU_PART = 64, 8
RANDOM = "random"


class BadModel(ClassifierError):
    """A torch model that cannot be had or does not classify pictures."""


def load_torchvision(name: str, *, weights: str = "DEFAULT", device: str | None = None) -> NetworkClassifier:
    """A model of torchvision by its name there, such as "resnet50".

    Args:
        weights: one of the model's weights by name, which torchvision gets if it has not got them yet; the path of
            a file with a state_dict; or "random".
        device: as torch calls it; None for the GPU if there is one.

    Raises:
        BadModel: torchvision is missing, or does not know the model or the weights.
    """
    models = _library("torchvision.models", "torchvision")
    try:
        offered = models.get_model_weights(name)
        recipe = offered[weights] if weights in offered.__members__ else None
        model = models.get_model(name, weights=recipe)
    except (ValueError, OSError) as error:
        known = "torchvision.models.list_models() names those it knows"
        raise BadModel(f"torchvision does not give a model {name!r} ({error}); {known}.") from error
    if recipe is None:
        _fill(model, weights, f"torchvision:{name}", [*offered.__members__])
    # Models are prepared for as their best weights are, unless the weights say otherwise.
    how = (recipe or offered["DEFAULT"]).transforms()
    size, resized = how.crop_size[0], how.resize_size[0]
    plain = Preprocessing(size, min(1.0, size / resized), how.interpolation.value)
    return classifier_of(model, f"torchvision:{name}", plain, how.mean, how.std, device=device)


def load_timm(name: str, *, weights: str = "DEFAULT", device: str | None = None) -> NetworkClassifier:
    """A model of timm by its name there; arguments and errors as in `load_torchvision` ("DEFAULT": timm's own)."""
    timm, data = _library("timm", "timm"), _library("timm.data", "timm")
    try:
        model = timm.create_model(name, pretrained=weights == "DEFAULT")
    except (RuntimeError, OSError) as error:
        known = "timm.list_models() names those it knows"
        raise BadModel(f"timm does not give a model {name!r} ({error}); {known}.") from error
    if weights != "DEFAULT":
        _fill(model, weights, f"timm:{name}", ["DEFAULT"])
    how = data.resolve_model_data_config(model)
    plain = Preprocessing(how["input_size"][-1], min(1.0, how["crop_pct"]), how["interpolation"])
    return classifier_of(model, f"timm:{name}", plain, how["mean"], how["std"], device=device)


def load_own(
    name: str,
    *,
    input_size: int = 224,
    crop: float = 0.875,
    interpolation: str = "bilinear",
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    weights: str | None = None,
    device: str | None = None,
) -> NetworkClassifier:
    """The module that a function of the user's returns; `name` is "package.module:function".

    It takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C). `weights`: the path of a file with
    its state_dict; None if the function fills it in itself.

    Raises BadModel when there is no such function, or what it returns is no torch module or gives no logits.
    """
    module_name, _, function = name.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadModel(f"There is no {name!r} ({error}); write torch:package.module:function.") from error
    model = make()
    if not isinstance(model, nn.Module):
        raise BadModel(f"{name} returns a {type(model).__name__}; it must return a torch.nn.Module.")
    if weights is not None:
        _fill(model, weights, f"torch:{name}", [])
    plain = Preprocessing(input_size, crop, interpolation)
    return classifier_of(model, f"torch:{name}", plain, mean, std, device=device)


def classifier_of(
    model: nn.Module,
    name: str,
    plain: Preprocessing,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    *,
    device: str | None = None,
) -> NetworkClassifier:
    """A module that takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C).

    On CUDA it runs in mixed precision with the channels last, which is how pictures arrive. One empty picture is
    run through it at once. Raises BadModel when that gives no logits.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    identity = _identity(model.state_dict())
    model = model.to(place, memory_format=torch.channels_last).eval()
    # (pixel / 255 - mean) / std as one multiplication and one addition.
    gain = 1 / (255 * torch.tensor(std, device=place).view(1, 3, 1, 1))
    shift = -(torch.tensor(mean, device=place) / torch.tensor(std, device=place)).view(1, 3, 1, 1)
    run = partial(_run, model, place, gain, shift)
    n_classes = _n_classes(run, name, plain.input_size)
    return NetworkClassifier(name, identity, n_classes, plain, plain, run, place.type)


@torch.inference_mode()
def _run(model: nn.Module, place: torch.device, gain: torch.Tensor, shift: torch.Tensor, batch: Pictures) -> Scores:
    """Everything is queued before anything is waited for: the GPU has work while the CPU copies."""
    cuda = place.type == "cuda"
    parts = []
    for pixels in torch.from_numpy(np.require(batch, requirements=["C", "W"])).split(CUDA_PART if cuda else CPU_PART):
        pixels = pixels.pin_memory() if cuda else pixels
        # Bytes travel, a quarter of what floats would weigh; permuted, they are channels-last already.
        x = pixels.to(place, non_blocking=True).permute(0, 3, 1, 2).float() * gain + shift
        with torch.autocast(place.type, torch.float16, enabled=cuda):
            parts.append(model(x))
    return torch.cat(parts).float().softmax(dim=1).cpu().numpy()


def _n_classes(run: Callable[[Pictures], Scores], name: str, size: int) -> int:
    try:
        scores = run(np.zeros((1, size, size, 3), np.uint8))
    except Exception as error:
        # Whatever a module of the user's raises.
        raise BadModel(f"{name} does not take a picture of {size} x {size} pixels: {error}") from error
    if scores.ndim != 2 or len(scores) != 1 or scores.shape[1] < 2:
        raise BadModel(f"{name} gives {scores.shape} for one picture; wanted are logits (pictures, classes).")
    return scores.shape[1]


def _library(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        fits = f"pip install {package}, in a version for the torch that is there"
        raise BadModel(f"{package} cannot be imported ({error}): {fits}.") from error


def _fill(model: nn.Module, weights: str, name: str, offered: list[str]) -> None:
    """Weights from a file with a state_dict, or none."""
    if weights == RANDOM:
        return
    if not Path(weights).is_file():
        known = ", ".join([*offered, RANDOM])
        raise BadModel(f"{name} has no weights {weights!r}, and there is no such file. Known are: {known}.")
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except Exception as error:
        # Damaged file, forbidden content, other architecture: each raises its own.
        raise BadModel(f"{weights} does not hold weights of {name}: {error}") from error


def _identity(state: Mapping[str, Any]) -> str:
    """SHA-256 of the names, kinds, shapes and bytes of a state_dict, in the order of the names.

    The same for the same numbers, in whatever file they came.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name]
        if isinstance(tensor, torch.Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
