"""The torch back end, with a small module of our own."""

import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from candidates.classifiers.registry import named, several
from catalog.errors import UserError
from tests.candidates.classifiers.onnx_networks import expected

torch = pytest.importorskip("torch", reason="torch is not installed")
torch_models = pytest.importorskip("candidates.classifiers.torch_models")

MODULE = """
import torch
from torch import nn

class ColourMeans(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x.mean((2, 3)) * self.weight

def colour_means():
    return ColourMeans()

def says_so():
    network = ColourMeans()
    network.pictures = {"input_size": 8, "mean": (0.4, 0.4, 0.4), "std": (1, 1, 1)}
    return network

class Overflowing(ColourMeans):
    def forward(self, x):
        means = x.mean((2, 3))
        return (means @ (torch.eye(3) * 3e5)) @ (torch.eye(3) * 1e-5)

def overflowing():
    return Overflowing()

def no_scores():
    return nn.Identity()

def not_a_module():
    return 3

def convolution():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.5), nn.Linear(16, 10))
"""
AS_IT_IS = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "input_size": 8}
BATCH = np.random.default_rng(5).integers(0, 256, (11, 8, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "small_networks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("small_networks", None)


def small(function="colour_means", **options):
    return named(f"torch:small_networks:{function}", **{**AS_IT_IS, **options})


@pytest.mark.parametrize("figures", [{}, {"mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3)}])
def test_a_module_of_the_users_gives_the_scores_it_must(figures):
    network = small(**figures)
    assert (network.name, network.n_classes, network.input_size) == ("torch:small_networks:colour_means", 3, 8)
    scores = network.predict(BATCH)
    assert scores.dtype == np.float32
    assert np.allclose(scores, expected(BATCH, **figures), atol=2e-3 if network.device == "cuda" else 2e-6)


def test_the_network_is_switched_from_training_to_use():
    network = small("convolution")
    assert np.array_equal(network.predict(BATCH), network.predict(BATCH))
    alone = np.concatenate([network.predict(picture[None]) for picture in BATCH])
    assert np.allclose(network.predict(BATCH), alone, atol=1e-3 if network.device == "cuda" else 1e-5)


@pytest.fixture
def wide(monkeypatch):
    """Numbers that end where those of a GPU in mixed precision do."""
    monkeypatch.setattr(torch_models, "HALF", {"cpu": torch.float16, "cuda": torch.float16})


def test_mixed_precision_gives_the_same_scores_up_to_its_own():
    full, mixed = (small("convolution", device="cpu", mixed=how) for how in (False, True))
    away = np.abs(full.predict(BATCH) - mixed.predict(BATCH)).max()
    # bfloat16 has eight bits: were it not used, nothing would differ.
    assert 0 < away < 0.01
    assert full.weights == mixed.weights
    assert np.allclose(mixed.predict(BATCH).sum(axis=1), 1, atol=1e-3)
    assert np.array_equal(small("convolution", device="cpu").predict(BATCH), full.predict(BATCH))


def test_what_is_too_large_for_mixed_precision_is_computed_in_full(wide):
    full, mixed = (small("overflowing", device="cpu", mixed=how) for how in (False, True))
    assert np.isfinite(mixed.predict(BATCH)).all()
    assert np.array_equal(mixed.predict(BATCH), full.predict(BATCH))


def test_views_of_a_torch_network_share_it_and_see_what_they_say():
    name = "torch:small_networks:convolution"
    plain, flipped, closer = several([name, f"{name}@flip", f"{name}@crop=0.5"], device="cpu", **AS_IT_IS)
    assert plain.run is flipped.run is closer.run
    assert (flipped.network, flipped.view, closer.view) == (name, "flip", "crop 0.5")
    picture = Pillow.fromarray(np.random.default_rng(8).integers(0, 256, (40, 40, 3), np.uint8))
    seen, mirrored, near = (network.prepare(picture) for network in (plain, flipped, closer))
    assert np.array_equal(seen[:, ::-1], mirrored)
    assert not np.array_equal(seen, near)
    straight, turned = (network.predict(network.prepare(picture)[None]) for network in (plain, flipped))
    assert not np.allclose(straight, turned, atol=1e-6)


def test_a_module_may_say_itself_how_pictures_are_prepared():
    network = named("torch:small_networks:says_so")
    assert network.input_size == 8
    assert np.allclose(network.predict(BATCH), expected(BATCH, mean=(0.4,) * 3), atol=2e-3)
    assert named("torch:small_networks:says_so", input_size=16).input_size == 16
    with pytest.raises(ValueError, match="write three numbers each"):
        small(mean=(0.5,))
    with pytest.raises(UserError, match="does not have that option") as refused:
        small(colours=3)
    assert "'colours'" in refused.value.shell


def test_a_device_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="cannot run on no-such-device"):
        small(device="no-such-device")
    with pytest.raises(ValueError, match="cannot run on cuda:99"):
        small(device="cuda:99")


def test_pictures_that_may_not_be_written_to_are_taken():
    locked = BATCH.copy()
    locked.flags.writeable = False
    assert np.array_equal(small().predict(locked), small().predict(BATCH))


def test_weights_come_from_a_file_and_change_the_identity(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.tensor([1.0, 2.0, 3.0])}, path)
    plain, filled = small(), small(weights=str(path))
    assert plain.weights == small().weights != filled.weights
    assert not np.allclose(plain.predict(BATCH), filled.predict(BATCH), atol=0.01)


def test_a_file_of_weights_that_would_run_something_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    path = tmp_path / "weights.pth"
    torch.save({"weight": Attack()}, path)
    with pytest.raises(ValueError, match=r"weights\.pth does not hold weights of torch:small_networks"):
        small(weights=str(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch:small_networks:none", "There is no 'small_networks:none'"),
        ("torch:no_such_module:f", "There is no 'no_such_module:f'"),
        ("torch:small_networks", "There is no 'small_networks'"),
        ("torch:small_networks:not_a_module", "small_networks:not_a_module does not return a network"),
        ("torch:small_networks:no_scores", r"gives \(1, 3, 8, 8\) for one picture"),
    ],
)
def test_what_is_no_classifier_is_refused_with_the_reason(name, message):
    with pytest.raises(UserError, match=message) as refused:
        named(name, **AS_IT_IS)
    assert "torch." not in refused.value.for_page


def test_weights_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="has no weights 'none.pth', and no such file exists. Weights: random"):
        small(weights="none.pth")


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_missing_library_is_named_with_the_way_to_get_it(library):
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    with pytest.raises(UserError) as refused:
        named(f"{library}:resnet50")
    assert f"pip install {library}, in a version for the torch" in refused.value.shell


@pytest.mark.parametrize(("library", "name"), [("torchvision", "resnet18"), ("timm", "resnet18.a1_in1k")])
def test_a_model_of_a_library_is_had_by_name(library, name):
    pytest.importorskip(library, reason=f"{library} is not installed")
    network = named(f"{library}:{name}", weights="random")
    batch = np.zeros((2, network.input_size, network.input_size, 3), np.uint8)
    assert network.n_classes == 1000
    assert np.allclose(network.predict(batch).sum(axis=1), 1, atol=1e-3)
    with pytest.raises(ValueError, match=f"{library} has no model 'no-such-net'"):
        named(f"{library}:no-such-net")


def test_on_a_gpu_scores_are_those_of_the_cpu_up_to_half_precision():
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    batch = np.random.default_rng(6).integers(0, 256, (150, 8, 8, 3), np.uint8)
    gpu, cpu = small("convolution"), small("convolution", device="cpu")
    assert (gpu.device, cpu.device) == ("cuda", "cpu")
    assert gpu.weights == cpu.weights
    assert np.abs(gpu.predict(batch) - cpu.predict(batch)).max() < 5e-3
