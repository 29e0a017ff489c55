"""The graph that is built computes what the architecture says, shown on a small one with random weights.

The other side of the comparison is written out in numpy, layer by layer, without the graph and without the runtime.
"""

import numpy as np
import onnx
import pytest

from candidates.classifiers.efficientnet_lite import EPSILON, build
from candidates.classifiers.onnx_runtime import CPU_PART, BadNetwork, device_of, open_session, run_in_parts

STEM, HEAD, N_CLASSES = 6, 10, 5
# Per stage: width, blocks, kernel, how much the first block widens.
STAGES = [(4, 1, 3, 1), (5, 2, 3, 2), (6, 2, 5, 2), (7, 3, 3, 2), (8, 1, 5, 2), (9, 2, 5, 2), (10, 1, 3, 2)]
STEPS = [1, 2, 2, 2, 1, 2, 1]


def small_weights(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = {}

    def convolution(name, norm, n_out, n_in, kernel):
        weights[f"{name}.weight"] = rng.normal(0, (n_in * kernel**2) ** -0.5, (n_out, n_in, kernel, kernel))
        weights[f"{norm}.weight"] = rng.uniform(0.5, 2, n_out)
        weights[f"{norm}.bias"] = rng.normal(1, 1, n_out)
        weights[f"{norm}.running_mean"] = rng.normal(size=n_out)
        weights[f"{norm}.running_var"] = rng.uniform(0.2, 2, n_out)

    convolution("_conv_stem", "_bn0", STEM, 3, 3)
    block, width = 0, STEM
    for out, repeats, kernel, widening in STAGES:
        for _ in range(repeats):
            prefix = f"_blocks.{block}."
            if widening > 1:
                convolution(f"{prefix}_expand_conv", f"{prefix}_bn0", width * widening, width, 1)
            convolution(f"{prefix}_depthwise_conv", f"{prefix}_bn1", width * widening, 1, kernel)
            convolution(f"{prefix}_project_conv", f"{prefix}_bn2", out, width * widening, 1)
            block, width = block + 1, out
    convolution("_conv_head", "_bn1", HEAD, width, 1)
    weights["_fc.weight"], weights["_fc.bias"] = rng.normal(0, 0.3, (N_CLASSES, HEAD)), rng.normal(size=N_CLASSES)
    return {name: array.astype(np.float32) for name, array in weights.items()}


def padded(x, kernel, step):
    """Pad as TensorFlow does: every step-th pixel is a centre, an odd rest goes to the right and below."""
    sides = []
    for n in x.shape[2:]:
        total = max((-(-n // step) - 1) * step + kernel - n, 0)
        sides.append((total // 2, total - total // 2))
    return np.pad(x, [(0, 0), (0, 0), *sides])


def convolved(weights, x, name, norm, step=1, relu=True):
    kernel = weights[f"{name}.weight"].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, kernel.shape[-1], step), kernel.shape[2:], (2, 3))
    windows = windows[:, :, ::step, ::step]
    depthwise = kernel.shape[1] == 1 and x.shape[1] > 1
    if depthwise:
        y = np.einsum("nchwij,cij->nchw", windows, kernel[:, 0])
    else:
        y = np.einsum("nchwij,ocij->nohw", windows, kernel)
    gain, bias, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)[:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    y = (y - mean) / np.sqrt(variance + EPSILON) * gain + bias
    return np.clip(y, 0, 6) if relu else y


def blocks(weights, x):
    block = 0
    for (_, repeats, _, widening), step in zip(STAGES, STEPS, strict=True):
        for repeat in range(repeats):
            prefix = f"_blocks.{block}."
            y = convolved(weights, x, f"{prefix}_expand_conv", f"{prefix}_bn0") if widening > 1 else x
            y = convolved(weights, y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", 1 if repeat else step)
            y = convolved(weights, y, f"{prefix}_project_conv", f"{prefix}_bn2", relu=False)
            x = x + y if repeat else y
            block += 1
    return x


def scores_by_hand(weights, pictures):
    x = (pictures.astype(np.float64).transpose(0, 3, 1, 2) - 127) / 128
    x = blocks(weights, convolved(weights, x, "_conv_stem", "_bn0", 2))
    features = convolved(weights, x, "_conv_head", "_bn1").mean(axis=(2, 3))
    logits = features @ weights["_fc.weight"].T.astype(np.float64) + weights["_fc.bias"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def pictures_of(side, n=3):
    return np.random.default_rng(side).integers(0, 256, (n, side, side, 3), np.uint8)


# Sides of which some halve evenly and some do not: the padding differs.
@pytest.mark.parametrize("side", [32, 33, 47, 52])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_graph_computes_what_the_layers_say(seed, side):
    weights, pictures = small_weights(seed), pictures_of(side)
    scores = run_in_parts(open_session(build(weights, "small"), "small"), pictures)
    expected = scores_by_hand(weights, pictures)
    assert scores.dtype == np.float32
    assert np.abs(scores - expected).max() < 1e-5
    # The pictures differ enough for the comparison to mean something.
    assert np.ptp(expected, axis=0).max() > 1e-4


@pytest.mark.parametrize("n", [1, CPU_PART - 1, CPU_PART, CPU_PART + 1, 3 * CPU_PART])
def test_parts_of_a_batch_are_put_together_in_order(n):
    weights, pictures = small_weights(2), pictures_of(32, n)
    session = open_session(build(weights, "small"), "small", threads=1)
    assert np.abs(run_in_parts(session, pictures) - scores_by_hand(weights, pictures)).max() < 1e-5


def test_the_device_of_a_session_is_named_for_people():
    assert device_of(open_session(build(small_weights(0), "small"), "small")) in ("cpu", "cuda")


def test_a_batch_that_does_not_fit_is_refused_with_its_shape():
    session = open_session(build(small_weights(0), "small"), "small")
    with pytest.raises(BadNetwork, match=r"does not take uint8 of shape \(2, 32, 32, 4\)"):
        run_in_parts(session, np.zeros((2, 32, 32, 4), np.uint8))


def test_an_opset_is_named_that_older_runtimes_take():
    model = onnx.load_from_string(build(small_weights(0), "small"))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert model.ir_version == 8


def test_weights_of_another_network_do_not_make_a_graph():
    weights = small_weights(0)
    del weights["_blocks.3._bn1.running_var"]
    with pytest.raises(KeyError, match="_blocks.3._bn1.running_var"):
        build(weights, "small")
