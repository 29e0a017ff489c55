"""Any image classifier in an ONNX file, with the preparation of its pictures said in a JSON file beside it.

Beside `model.onnx` lies `model.json`, here with every key it may have and, but for the three that must be there
(mean, std, output), the value taken when it is absent:

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

INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
EXAMPLE = '{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "output": "logits"}'
PROBABILITIES_SUM_TO = (0.98, 1.02)


class BadDescription(ClassifierError):
    """What is said about an ONNX file is incomplete or impossible."""


@dataclass(frozen=True)
class Description:
    """The content of the JSON file; the module says what the keys mean."""

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
    def of(cls, said: Mapping[str, Any], where: str) -> Self:
        """Checked. Raises BadDescription, which names the key and `where` it stands."""
        known = [field.name for field in fields(cls)]
        unknown = [key for key in said if key not in known]
        missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in said]
        if unknown:
            raise BadDescription(f"{where} has a key {unknown[0]!r} without a meaning; known are {', '.join(known)}.")
        if missing:
            raise BadDescription(f"{where} does not say {', '.join(missing)}. A description is like {EXAMPLE}.")
        values: dict[str, Any] = {}
        for key, value in said.items():
            _check(key, value, where)
            values[key] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _three_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_number, value))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Per key: the rule, and the rule in words. What is absent here is checked where it is used.
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


def _check(key: str, value: Any, where: str) -> None:
    rule, words = RULES.get(key, (None, ""))
    if rule and not rule(value):
        raise BadDescription(f"{where}: {key} is {value!r}; it must be {words}.")


def load(path: Path, *, threads: int = 0, **options: Any) -> NetworkClassifier:
    """The network in an ONNX file. `options` are keys of the description and win over the JSON file beside it.

    One empty picture is run through it, so that what does not fit is known now.

    Raises:
        BadDescription: no description, or an impossible one.
        BadNetwork: the file is no ONNX model, or not one that takes pictures and gives scores.
    """
    if not path.is_file():
        raise BadNetwork(f"There is no file {path}: write the path of an ONNX network.")
    description = Description.of(*_said(path, options))
    weights = _identity(path)
    session = open_session(path, str(path), threads=threads)
    network = _Network(session, description, str(path))
    seen = Preprocessing(network.input_size, description.crop, description.interpolation)
    empty = np.zeros((1, network.input_size, network.input_size, 3), np.uint8)
    n_classes = network.run(empty).shape[1]
    return NetworkClassifier(f"onnx:{path}", weights, n_classes, seen, seen, network.run, device_of(session))


def _said(path: Path, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What the JSON file and the options say, and where that stands, in words."""
    beside = path.with_suffix(".json")
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dict(options), f"{beside} is not there, and what was given with the name"
    except (OSError, ValueError) as error:
        raise BadDescription(f"{beside} cannot be read as JSON ({error}). A description is like {EXAMPLE}.") from error
    if not isinstance(said, dict):
        raise BadDescription(f"{beside} is not a JSON object. A description is like {EXAMPLE}.")
    return {**said, **options}, str(beside)


def _identity(path: Path) -> str:
    """SHA-256 of the file; of a model with its weights in further files, of the digests of all of them, in order."""
    own = file_sha256(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        # Raised by the protobuf library, under a name that changes with its version.
        wrong = f"{path} is not an ONNX model: export the network anew."
        raise BadNetwork(wrong, shell=f"The library says: {error}") from error
    outside = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    if not outside:
        return own
    if any(Path(name).name != name for name in outside):
        raise BadNetwork(f"{path} has weights outside its folder: export it anew with everything in one place.")
    digests = [own, *(file_sha256(path.with_name(name)) for name in sorted(outside))]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


class _Network:
    """A session, and how pixels go in and probabilities come out."""

    def __init__(self, session: onnxruntime.InferenceSession, description: Description, what: str) -> None:
        self.session, self.description, self.what = session, description, what
        inputs = session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in INPUT_TYPES:
            found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise BadNetwork(f"{what} takes {found}; a classifier takes one batch of pictures (4 axes, numbers).")
        self.dtype = INPUT_TYPES[inputs[0].type]
        self.layout = self._layout(inputs[0].shape)
        self.input_size = self._input_size(inputs[0].shape)

    def _layout(self, shape: list) -> str:
        found = {"NCHW": shape[1], "NHWC": shape[3]}
        layout = self.description.layout or next((name for name, n in found.items() if n == 3), None)
        if layout is None:
            raise BadDescription(f'{self.what} leaves its layout open: say "layout": "NCHW" or "NHWC".')
        if isinstance(found[layout], int) and found[layout] != 3:
            raise BadDescription(f"{self.what} takes {shape}: with layout {layout} that is not three colours.")
        return layout

    def _input_size(self, shape: list) -> int:
        sides = {side for side in (shape[2:] if self.layout == "NCHW" else shape[1:3]) if isinstance(side, int)}
        size = self.description.input_size or (sides.pop() if len(sides) == 1 else None)
        if size is None:
            raise BadDescription(f'{self.what} leaves its picture size open: say "input_size", such as 224.')
        if sides - {size}:
            raise BadDescription(f"{self.what} takes {shape}: square pictures of {size} pixels do not fit.")
        return size

    def run(self, batch: Pictures) -> Scores:
        skip = self.description.skip_outputs
        scores = run_in_parts(self.session, self._input(batch))
        scores = scores.reshape(len(scores), -1) if scores.ndim == 4 and scores.shape[2:] == (1, 1) else scores
        if scores.ndim != 2 or len(scores) != len(batch) or scores.shape[1] < skip + 2:
            raise BadNetwork(f"{self.what} gives {scores.shape} for {len(batch)} pictures, not scores per class.")
        scores = np.asarray(scores[:, skip:], np.float32)
        return softmax(scores) if self.description.output == "logits" else self._shares(scores)

    def _input(self, batch: Pictures) -> NDArray:
        said = self.description
        pixels: NDArray = batch if said.channels == "RGB" else batch[..., ::-1]
        if self.dtype is not np.uint8:
            # One multiplication and one addition per pixel: (pixel / scale - mean) / std.
            gain = 1 / (np.asarray(said.std) * said.scale)
            shift = -np.asarray(said.mean) / np.asarray(said.std)
            pixels = pixels * gain.astype(np.float32) + shift.astype(np.float32)
        pixels = pixels.transpose(0, 3, 1, 2) if self.layout == "NCHW" else pixels
        return np.ascontiguousarray(pixels, self.dtype)

    def _shares(self, scores: Scores) -> Scores:
        total = scores.sum(axis=1, keepdims=True)
        least, most = PROBABILITIES_SUM_TO
        proper = self.description.skip_outputs or (least < total.min() and total.max() < most)
        if scores.min() < 0 or not proper or not (total > 0).all():
            raise BadDescription(f'{self.what} gives scores that are no probabilities: say "output": "logits".')
        return scores / total
