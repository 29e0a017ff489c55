"""Small ONNX networks whose scores can be worked out by hand: the mean of each colour, in the order it comes in."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

TYPES = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
SAYS: dict[str, Any] = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "output": "logits", "scale": 255}


def colour_means(path: Path, shape=("N", 3, 8, 8), kind="float", softmax=False, four_axes=False) -> Path:
    """Writes a network from pictures of `shape` to (N, 3) means over height and width."""
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=axes, keepdims=int(four_axes)),
        helper.make_node("Softmax", ["means"], ["scores"], axis=1)
        if softmax
        else helper.make_node("Identity", ["means"], ["scores"]),
    ]
    return saved(path, nodes, shape, kind)


def saved(path: Path, nodes: list, shape, kind="float", constants=(), **options) -> Path:
    pictures = helper.make_tensor_value_info("pictures", TYPES[kind], shape)
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "small", [pictures], [scores], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, **options)
    return path


def expected(batch: np.ndarray, mean=(0, 0, 0), std=(1, 1, 1), scale=255.0, channels="RGB") -> np.ndarray:
    """The probabilities that `colour_means` has to give, in double precision."""
    ordered = batch if channels == "RGB" else batch[..., ::-1]
    means = ((ordered / scale - np.array(mean)) / np.array(std)).mean(axis=(1, 2))
    powers = np.exp(means - means.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
