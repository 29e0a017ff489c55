"""Image classifiers in ONNX files; a JSON file beside each describes the preparation of its pictures.

Beside `model.onnx` is `model.json`. All its keys, with the default values except for the three required keys (mean,
std, output):

    {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": 255, "output": "logits",
     "input_size": 224, "crop": 0.875, "interpolation": "bilinear", "channels": "RGB", "layout": "NCHW",
     "skip_outputs": 0}

A pixel becomes (pixel / scale - mean) / std. input_size and layout follow from the model where it fixes its input.
skip_outputs drops that many outputs at the front, such as the "background" of networks with 1,001.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from candidates.classifiers.interface import ClassifierError, Pictures, Scores, softmax
from candidates.classifiers.network import NetworkClassifier, file_sha256
from candidates.classifiers.onnx_runtime import BadNetwork, device_of, open_session, run_in_parts
from candidates.classifiers.preprocessing import Preprocessing
from catalog.errors import gettext

INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
EXAMPLE = '{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "output": "logits"}'
PROBABILITIES_SUM_TO = (0.98, 1.02)


class BadDescription(ClassifierError):
    """An error: the description of an ONNX file is incomplete or impossible."""


@dataclass(frozen=True)
class Description:
    """The content of the JSON file; the module explains the keys."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output: str
    scale: float = 255.0
    input_size: int | None = None
    crop: float = 0.875
    interpolation: str = "bilinear"
    channels: str = "RGB"
    layout: str | None = None
    skip_outputs: int = 0

    @classmethod
    def of(cls, content: Mapping[str, Any], place: str) -> Self:
        """Check a description. Raises BadDescription, which names the key and its `place`."""
        names = [field.name for field in fields(cls)]
        unknown = [key for key in content if key not in names]
        absent = [field.name for field in fields(cls) if field.default is MISSING and field.name not in content]
        if unknown:
            message = gettext("%(place)s has an unknown key %(key)r. Keys: %(names)s.")
            raise BadDescription(message % {"place": place, "key": unknown[0], "names": ", ".join(names)})
        if absent:
            message = gettext("%(place)s lacks %(keys)s. Example of a description: %(example)s.")
            raise BadDescription(message % {"place": place, "keys": ", ".join(absent), "example": EXAMPLE})
        values: dict[str, Any] = {}
        for key, value in content.items():
            _check(key, value, place)
            values[key] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _three_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_number, value))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Per key: the rule, and the rule in words. Other keys are checked where they are used.
RULES = {
    "mean": (_three_numbers, "three numbers"),
    "std": (lambda value: _three_numbers(value) and min(value) > 0, "three numbers above 0"),
    "scale": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "output": (lambda value: value in ("logits", "probabilities"), '"logits" or "probabilities"'),
    "channels": (lambda value: value in ("RGB", "BGR"), '"RGB" or "BGR"'),
    "layout": (lambda value: value in (None, "NCHW", "NHWC"), '"NCHW" or "NHWC"'),
    "skip_outputs": (lambda value: _whole(value) and value >= 0, "a whole number, 0 or more"),
    "input_size": (lambda value: value is None or (_whole(value) and value > 0), "a side in pixels, such as 224"),
}


def _check(key: str, value: Any, place: str) -> None:
    rule, words = RULES.get(key, (None, ""))
    if rule and not rule(value):
        message = gettext("%(place)s: %(key)s is %(value)r; it must be %(rule)s.")
        raise BadDescription(message % {"place": place, "key": key, "value": value, "rule": words})


def load(path: Path, *, threads: int = 0, **options: Any) -> NetworkClassifier:
    """Load the network in an ONNX file. `options` are keys of the description and override the JSON file beside it.

    One empty picture is run through the network, so that a mismatch shows now.

    Raises:
        BadDescription: no description, or an impossible one.
        BadNetwork: the file is no ONNX model, or not one that takes pictures and gives scores.
    """
    if not path.is_file():
        message = gettext("There is no file %(file)s: write the path of an ONNX network.")
        raise BadNetwork(message % {"file": path})
    description = Description.of(*_read_description(path, options))
    weights = _identity(path)
    session = open_session(path, str(path), threads=threads)
    network = _Network(session, description, str(path))
    plain = Preprocessing(network.input_size, description.crop, description.interpolation)
    empty = np.zeros((1, network.input_size, network.input_size, 3), np.uint8)
    n_classes = network.run(empty).shape[1]
    return NetworkClassifier(f"onnx:{path}", weights, n_classes, plain, plain, network.run, device_of(session))


def _read_description(path: Path, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the content of the JSON file with the options, and its place in words."""
    beside = path.with_suffix(".json")
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dict(options), gettext("The description of %(model)s (no %(file)s)") % {"model": path, "file": beside}
    except (OSError, ValueError) as error:
        message = gettext("%(file)s cannot be read as JSON (%(reason)s). Example of a description: %(example)s.")
        raise BadDescription(message % {"file": beside, "reason": error, "example": EXAMPLE}) from error
    if not isinstance(content, dict):
        message = gettext("%(file)s is not a JSON object. Example of a description: %(example)s.")
        raise BadDescription(message % {"file": beside, "example": EXAMPLE})
    return {**content, **options}, str(beside)


def _identity(path: Path) -> str:
    """Return the SHA-256 of the file, or of the digests of all its files where the weights are in further ones."""
    digest = file_sha256(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        # Raised by the protobuf library, under a name that changes with its version.
        message = gettext("%(file)s is not an ONNX model: export the network again.") % {"file": path}
        raise BadNetwork(message, shell=gettext("Message of the library: %(reason)s") % {"reason": error}) from error
    outside = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    if not outside:
        return digest
    if any(Path(name).name != name for name in outside):
        message = gettext("%(file)s has weights outside its folder: export the network again into one folder.")
        raise BadNetwork(message % {"file": path})
    digests = [digest, *(file_sha256(path.with_name(name)) for name in sorted(outside))]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


class _Network:
    """A session, with the conversion of pixels to its input and of its output to probabilities."""

    def __init__(self, session: onnxruntime.InferenceSession, description: Description, name: str) -> None:
        self.session, self.description, self.name = session, description, name
        inputs = session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in INPUT_TYPES:
            axes = ", ".join(f"{axis.name} {axis.type} {axis.shape}" for axis in inputs)
            message = gettext("%(name)s takes %(inputs)s; a classifier takes one batch of pictures (4 axes, numbers).")
            raise BadNetwork(message % {"name": name, "inputs": axes})
        self.dtype = INPUT_TYPES[inputs[0].type]
        self.layout = self._layout(inputs[0].shape)
        self.input_size = self._input_size(inputs[0].shape)

    def _layout(self, shape: list) -> str:
        n_colours = {"NCHW": shape[1], "NHWC": shape[3]}
        layout = self.description.layout or next((name for name, n in n_colours.items() if n == 3), None)
        values = {"name": self.name, "shape": shape, "layout": layout}
        if layout is None:
            message = gettext('%(name)s does not fix its layout: add "layout": "NCHW" or "NHWC" to the description.')
            raise BadDescription(message % values)
        if isinstance(n_colours[layout], int) and n_colours[layout] != 3:
            message = gettext("%(name)s takes %(shape)s: with layout %(layout)s these are not three colours.")
            raise BadDescription(message % values)
        return layout

    def _input_size(self, shape: list) -> int:
        sides = {side for side in (shape[2:] if self.layout == "NCHW" else shape[1:3]) if isinstance(side, int)}
        size = self.description.input_size or (sides.pop() if len(sides) == 1 else None)
        values = {"name": self.name, "shape": shape, "size": size}
        if size is None:
            message = gettext(
                '%(name)s does not fix its picture size: add "input_size", such as 224, to the description.'
            )
            raise BadDescription(message % values)
        if sides - {size}:
            message = gettext("%(name)s takes %(shape)s, not square pictures of %(size)s pixels.")
            raise BadDescription(message % values)
        return size

    def run(self, batch: Pictures) -> Scores:
        skip = self.description.skip_outputs
        scores = run_in_parts(self.session, self._input(batch))
        scores = scores.reshape(len(scores), -1) if scores.ndim == 4 and scores.shape[2:] == (1, 1) else scores
        if scores.ndim != 2 or len(scores) != len(batch) or scores.shape[1] < skip + 2:
            message = gettext("%(name)s gives %(shape)s for %(n)s pictures, not scores per class.")
            raise BadNetwork(message % {"name": self.name, "shape": scores.shape, "n": len(batch)})
        scores = np.asarray(scores[:, skip:], np.float32)
        return softmax(scores) if self.description.output == "logits" else self._shares(scores)

    def _input(self, batch: Pictures) -> NDArray:
        description = self.description
        pixels: NDArray = batch if description.channels == "RGB" else batch[..., ::-1]
        if self.dtype is not np.uint8:
            # One multiplication and one addition per pixel: (pixel / scale - mean) / std.
            gain = 1 / (np.asarray(description.std) * description.scale)
            shift = -np.asarray(description.mean) / np.asarray(description.std)
            pixels = pixels * gain.astype(np.float32) + shift.astype(np.float32)
        pixels = pixels.transpose(0, 3, 1, 2) if self.layout == "NCHW" else pixels
        return np.ascontiguousarray(pixels, self.dtype)

    def _shares(self, scores: Scores) -> Scores:
        total = scores.sum(axis=1, keepdims=True)
        least, most = PROBABILITIES_SUM_TO
        proper = self.description.skip_outputs or (least < total.min() and total.max() < most)
        if scores.min() < 0 or not proper or not (total > 0).all():
            message = gettext(
                '%(name)s gives scores that are not probabilities: write "output": "logits" in the description.'
            )
            raise BadDescription(message % {"name": self.name})
        return scores / total
