"""Classifiers that run on torch: models of torchvision or timm by name, or any module of the user's.

The only module here that imports torch. `registry` imports it by name when a classifier asks for it, so everything
else works where torch is not installed; torchvision and timm are looked up in the same way.

Names and weights given here are code and files of this machine's owner: take them from settings and the command
line, never from a page.
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

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Pictures per launch: while the GPU computes one part, the next is copied to it.
CUDA_PART, CPU_PART = 64, 8
# The numbers that mixed precision computes with. Those of the CPU are for trying out: few CPUs are faster with them.
HALF = {"cuda": torch.float16, "cpu": torch.bfloat16}
DEFAULT, RANDOM = "DEFAULT", "random"
# Every process that is asked for random weights gets the same: a worker must have those the run was begun with.
SEED = 0
# Made with weights they expect pictures prepared as for all the others; made without, they have to be told.
TOLD = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}
# What published files wrap a state_dict in.
WRAPPERS = ("state_dict", "model")


class BadModel(ClassifierError):
    """A torch model that cannot be had or does not classify pictures."""


def load_torchvision(
    name: str, *, weights: str = DEFAULT, device: str | None = None, mixed: bool | None = None
) -> NetworkClassifier:
    """A model of torchvision by its name there, such as "resnet50".

    Args:
        weights: one of the model's weights by name, which torchvision gets if it has not got them yet; the path of
            a file with a state_dict; or "random", the same ones each time.
        device, mixed: see `classifier_of`.

    Raises:
        BadModel: torchvision is missing, does not know the model or the weights, or cannot get them; or the model
            is not one for single pictures.
    """
    models = _library("torchvision.models", "torchvision")
    try:
        offered = models.get_model_weights(name)
    except ValueError as error:
        raise BadModel(
            f"torchvision does not give a model {name!r}.",
            shell=f"{_reason(error)} torchvision.models.list_models() names those it knows.",
            page="Its documentation names those it knows.",
        ) from error
    recipe = offered[weights] if weights in offered.__members__ else None
    # Models are prepared for as their best weights are, unless the weights say otherwise.
    how = (recipe or offered[DEFAULT]).transforms()
    if not hasattr(how, "crop_size") or len(how.crop_size) != 1:
        raise BadModel(f"torchvision:{name} does not name what is in a single picture: choose one that does.")
    full_name = _named(f"torchvision:{name}", weights)
    model = _of_torchvision(models, name, full_name, recipe, weights, offered)
    (size,), (scaled,) = how.crop_size, how.resize_size
    plain = _prepared_at(size, scaled, how.interpolation.value)
    return classifier_of(model, full_name, plain, how.mean, how.std, device=device, mixed=mixed)


def load_timm(
    name: str, *, weights: str = DEFAULT, device: str | None = None, mixed: bool | None = None
) -> NetworkClassifier:
    """A model of timm by its name there; arguments and errors as in `load_torchvision` ("DEFAULT": timm's own).

    Of the few whose authors put a frame of black around the picture (crop_pct above 1), the frame is left out.
    """
    timm, data = _library("timm", "timm"), _library("timm.data", "timm")
    full_name = _named(f"timm:{name}", weights)
    try:
        with _seeded():
            model = timm.create_model(name, pretrained=weights == DEFAULT)
    except OSError as error:
        files = "copy the folder that HF_HOME names from a machine that has"
        raise _no_weights(full_name, error, files, f"timm:{name}") from error
    except (RuntimeError, ValueError) as error:
        raise BadModel(
            f"timm does not give a model {name!r}.",
            shell=f"{_reason(error)} timm.list_models() names those it knows.",
            page="Its documentation names those it knows.",
        ) from error
    if weights != DEFAULT:
        _fill(model, weights, f"timm:{name}", [DEFAULT])
    how = data.resolve_model_data_config(model)
    channels, height, width = how["input_size"]
    if (channels, height) != (3, width) or how.get("crop_mode", "center") not in ("center", "squash"):
        raise BadModel(f"timm:{name} takes other pictures than squares of three colours: choose one that takes those.")
    squash = how.get("crop_mode") == "squash"
    plain = _prepared_at(width, math.floor(width / how["crop_pct"]), how["interpolation"], squash)
    return classifier_of(model, full_name, plain, how["mean"], how["std"], device=device, mixed=mixed)


def load_own(
    name: str,
    *,
    weights: str | None = None,
    device: str | None = None,
    mixed: bool | None = None,
    **figures: Any,
) -> NetworkClassifier:
    """The module that a function of the user's returns; `name` is "package.module:function".

    It takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C).

    Args:
        weights: the path of a file with its state_dict; None if the function fills it in itself.
        device, mixed: see `classifier_of`.
        figures: input_size (224), crop (0.875), interpolation ("bilinear"), mean and std (ImageNet's), where they
            are others. The module may say them itself, in a dictionary `pictures`; what is given here goes first.

    Raises:
        BadModel: there is no such function, or what it returns is no torch module or gives no logits.
    """
    module_name, _, function = name.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        way_out = f"{_reason(error)} Write torch:package.module:function."
        raise BadModel(f"There is no {name!r} on this machine.", shell=way_out) from error
    model = make()
    if not isinstance(model, nn.Module):
        way_out = f"It returns a {type(model).__name__}; it must return a torch.nn.Module."
        raise BadModel(f"{name} does not return a network.", shell=way_out)
    full_name = f"torch:{name}" if weights is None else _named(f"torch:{name}", weights)
    if weights is not None:
        _fill(model, weights, f"torch:{name}", [])
    plain, mean, std = _own_figures(full_name, **{**getattr(model, "pictures", {}), **figures})
    return classifier_of(model, full_name, plain, mean, std, device=device, mixed=mixed)


def _own_figures(
    full_name: str,
    input_size: int = 224,
    crop: float = 0.875,
    interpolation: str = "bilinear",
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> tuple[Preprocessing, tuple[float, ...], tuple[float, ...]]:
    if len(mean) != 3 or len(std) != 3 or not all(std):
        raise BadModel(f"{full_name} says mean {mean} and std {std}: give three numbers each, no std of 0.")
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
    """A module that takes (N, 3, H, W) of (pixel / 255 - mean) / std and gives logits (N, C).

    It runs with the channels last, which is how pictures arrive. One empty picture is run through it at once.

    Args:
        device: as torch calls it; None for the GPU if there is one.
        mixed: whether it runs in mixed precision; None where the device is a GPU.

    Raises:
        BadModel: the device cannot be used, or there are no logits.
    """
    identity = _identity(model.state_dict())
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        model = model.to(place, memory_format=torch.channels_last).eval()
    except (RuntimeError, AssertionError) as error:
        wrong = f"{name} cannot run on {device or 'the GPU'}: choose another device."
        raise BadModel(wrong, shell=_reason(error)) from error
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
        """Everything is queued before anything is waited for: the GPU has work while the CPU copies."""
        cuda = self.place.type == "cuda"
        parts = []
        whole = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
        for pixels in whole.split(CUDA_PART if cuda else CPU_PART):
            pixels = pixels.pin_memory() if cuda else pixels
            # Bytes travel, a quarter of what floats would weigh; permuted, they are channels-last already.
            x = pixels.to(self.place, non_blocking=True).permute(0, 3, 1, 2).float() * self.gain + self.shift
            with torch.autocast(self.place.type, half, enabled=half is not None):
                parts.append(self.model(x))
        return torch.cat(parts).float().softmax(dim=1).cpu().numpy()


def _n_classes(run: Callable[[Pictures], Scores], name: str, size: int) -> int:
    try:
        scores = run(np.zeros((1, size, size, 3), np.uint8))
    except Exception as error:
        # Whatever a module of the user's raises.
        raise BadModel(f"{name} does not take a picture of {size} x {size} pixels.", shell=_reason(error)) from error
    if scores.ndim != 2 or len(scores) != 1 or scores.shape[1] < 2:
        raise BadModel(f"{name} gives {scores.shape} for one picture; wanted are logits (pictures, classes).")
    return scores.shape[1]


def _prepared_at(size: int, scaled: int, interpolation: str, squash: bool = False) -> Preprocessing:
    return Preprocessing(size, min(1.0, size / scaled), interpolation, scaled=scaled, squash=squash)


# Models and weights


def _reason(error: Exception) -> str:
    """Return what a library says, for the shell: it speaks of classes and arguments."""
    return f"The library says: {error}."


def _library(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        fits = "in a version for the torch that is there"
        raise BadModel(
            f"{package} cannot be imported.",
            shell=f"{_reason(error)} Install it: pip install {package}, {fits}.",
            page=f"Have the site administrator install it, {fits}.",
        ) from error


def _named(model: str, weights: str) -> str:
    """What `registry.named` takes to load the same again, from another folder too."""
    if weights == DEFAULT:
        return model
    return f"{model}:{Path(weights).absolute() if Path(weights).is_file() else weights}"


def _of_torchvision(
    models: ModuleType, name: str, full_name: str, recipe: Any, weights: str, offered: Any
) -> nn.Module:
    told = {} if recipe else TOLD.get(name, {})
    # What the published weights of these two do to a picture besides.
    told = told | {"transform_input": True} if told and weights != RANDOM else told
    try:
        with _seeded():
            model = models.get_model(name, weights=recipe, **told)
    except (OSError, RuntimeError) as error:
        if recipe is None:
            raise BadModel(f"torchvision cannot make {name!r}.", shell=_reason(error)) from error
        files = f"put the file of {recipe.url} into {torch.hub.get_dir()}/checkpoints"
        raise _no_weights(full_name, error, files, f"torchvision:{name}") from error
    if recipe is None:
        _fill(model, weights, f"torchvision:{name}", [*offered.__members__])
    return model


def _no_weights(full_name: str, error: Exception, files: str, model: str) -> BadModel:
    return BadModel(
        f"The weights of {full_name} cannot be fetched.",
        shell=f"{_reason(error)} Where there is no network: {files}, or name a file of weights: "
        f"{model}:/path/of/weights.pth.",
        page="Where there is no network the site administrator can bring them.",
    )


@contextmanager
def _seeded() -> Iterator[None]:
    """Random numbers that are the same each time, and no others for anybody else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def _fill(model: nn.Module, weights: str, name: str, offered: list[str]) -> None:
    """Weights from a file with a state_dict, or none."""
    if weights == RANDOM:
        return
    if not Path(weights).is_file():
        known = ", ".join([*offered, RANDOM])
        raise BadModel(f"{name} has no weights {weights!r}, and there is no such file. Known are: {known}.")
    try:
        model.load_state_dict(_state_in(Path(weights)))
    except ClassifierError:
        raise
    except Exception as error:
        # Damaged file, forbidden content, other architecture: each raises its own.
        raise BadModel(f"{weights} does not hold weights of {name}.", shell=_reason(error)) from error


def _state_in(path: Path) -> Mapping[str, Any]:
    """The state_dict of a file of torch.save(), bare or wrapped, or of safetensors. Nothing in it is run."""
    if path.suffix == ".safetensors":
        return _library("safetensors.torch", "safetensors").load_file(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            return found[wrapper]
    return found


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
