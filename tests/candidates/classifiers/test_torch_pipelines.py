"""Models by name predict what a pipeline written by hand with their own library predicts for the same file."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from candidates.classifiers.interface import top_k
from candidates.classifiers.loading import predictions
from candidates.classifiers.preprocessing import Preprocessing
from candidates.classifiers.registry import named, several
from catalog.errors import UserError
from launcher.places import ROOT
from tests.candidates.classifiers.photographs import folder_of

torch = pytest.importorskip("torch", reason="torch is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
timm = pytest.importorskip("timm", reason="timm is not installed")

# Sides that no rounding spares: odd and even, lying and standing, one that is scaled up.
SIZES = [(500, 375), (375, 501), (333, 500), (640, 427), (451, 300), (256, 256), (180, 203)]
# Kept small, with as many kinds of preparation as there are: crop and scale, interpolation, mean, squashing.
OF_TORCHVISION = ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b1"]
OF_TIMM = [
    "resnet18.a1_in1k",
    "mobilenetv3_small_050.lamb_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "coat_lite_tiny.in1k",
    "convnext_atto.d2_in1k",
]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> list:
    """Files of one photograph in many sizes, no two pixels of it alike."""
    whole = Pillow.open(folder_of("skimage") / "coffee.png").convert("RGB")
    folder = tmp_path_factory.mktemp("photographs")
    paths = [folder / f"{width}x{height}.jpg" for width, height in SIZES]
    for path, size in zip(paths, SIZES, strict=True):
        whole.resize(size).save(path, quality=92)
    return paths


def enliven(model, pictures) -> None:
    """Random weights answer all pictures nearly alike. Not so once the means and spreads that networks keep are those
    of some pictures, and the last layer is enlarged."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(pictures)
        [*(value for value in model.parameters() if value.ndim >= 2)][-1].mul_(30)
    model.eval()


def create(library: str, name: str):
    """A model, and the transforms as the library's own documentation puts them together."""
    torch.manual_seed(3)
    if library == "timm":
        model = timm.create_model(name, pretrained=False)
        figures = timm.data.resolve_data_config({}, model=model)
        return model, timm.data.create_transform(**figures, is_training=False)
    model = torchvision.models.get_model(name, weights=None)
    return model, torchvision.models.get_model_weights(name)["DEFAULT"].transforms()


@pytest.mark.parametrize(
    ("library", "name"), [("torchvision", name) for name in OF_TORCHVISION] + [("timm", name) for name in OF_TIMM]
)
def test_a_model_by_name_predicts_as_its_library_does(tmp_path, photographs, library, name):
    model, transform = create(library, name)
    pictures = torch.stack([transform(Pillow.open(path).convert("RGB")) for path in photographs])
    enliven(model, pictures)
    with torch.inference_mode():
        expected_scores = model(pictures).log_softmax(1).numpy()
    weights = tmp_path / "weights.pth"
    torch.save(model.state_dict(), weights)
    plain, other = several([f"{library}:{name}:{weights}", f"{library}:{name}:{weights}@flip"], device="cpu")
    spread = np.ptp(expected_scores, axis=0).max()
    assert spread > 0.05, "the pictures must make a difference, or nothing is seen here"
    # The pixels are the same; normalizing and convolving round in another order.
    near = 1e-3 * spread
    assert np.abs(logs(plain, photographs) - expected_scores).max() < near
    assert np.abs(logs(other, photographs) - expected_scores).max() > 20 * near
    (answer,) = predictions(plain, photographs, lambda path: path, k=5)
    assert answer.labels[:, 0].tolist() == expected_scores.argmax(axis=1).tolist()
    # Where the fifth and the sixth are as good as equal, either may stand there.
    assert np.allclose(
        np.take_along_axis(expected_scores, answer.labels, axis=1), top_k(expected_scores, 5)[1], atol=near
    )


def logs(network, paths) -> np.ndarray:
    return np.log(network.predict(np.stack([network.prepare(Pillow.open(path)) for path in paths])))


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize(("size", "scaled"), [(224, 232), (224, 256), (224, 257), (299, 342), (288, 288)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_square_lies_where_the_authors_of_a_model_take_it(photographs, size, scaled, interpolation, squash):
    functional = torchvision.transforms.functional
    kind = functional.InterpolationMode(interpolation)
    ours = Preprocessing(size, size / scaled, interpolation, scaled=scaled, squash=squash)
    for path in photographs:
        whole = functional.resize(Pillow.open(path), [scaled, scaled] if squash else [scaled], interpolation=kind)
        theirs = np.asarray(functional.center_crop(whole, [size]))
        assert np.array_equal(ours.prepare(Pillow.open(path)), theirs), path.name


def test_a_large_photograph_decoded_smaller_is_nearly_what_the_whole_one_gives(tmp_path):
    whole = Pillow.open(folder_of("skimage") / "coffee.png").convert("RGB").resize((2400, 1600))
    whole.save(tmp_path / "large.jpg", quality=92)
    transform = torchvision.models.get_model_weights("resnet18")["DEFAULT"].transforms()
    network = named("torchvision:resnet18:random", device="cpu")
    theirs = transform(Pillow.open(tmp_path / "large.jpg")).permute(1, 2, 0).numpy()
    theirs = (theirs * transform.std + transform.mean) * 255
    away = np.abs(network.prepare(Pillow.open(tmp_path / "large.jpg")) - theirs)
    assert away.mean() < 1.5


def test_random_weights_are_the_same_in_every_process():
    program = "from candidates.classifiers.registry import named; print(named('{}', device='cpu').weights)"
    for name in ("torchvision:squeezenet1_1:random", "timm:mobilenetv3_small_050:random"):
        there = subprocess.run(
            [sys.executable, "-c", program.format(name)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        torch.rand(1)
        assert there.stdout.strip() == named(name, device="cpu").weights


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_two_that_change_the_picture_themselves_do_so_with_weights_from_a_file_too(tmp_path, name, photographs):
    weights = tmp_path / "weights.pth"
    torch.manual_seed(1)
    model = torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True).eval()
    torch.save(model.state_dict(), weights)
    how = torchvision.models.get_model_weights(name)["DEFAULT"].transforms()
    network = named(f"torchvision:{name}:{weights}", device="cpu")
    with torch.inference_mode():
        expected_scores = model(how(Pillow.open(photographs[0])).unsqueeze(0)).log_softmax(1).numpy()
    assert np.abs(logs(network, photographs[:1]) - expected_scores).max() < 1e-3


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "r3d_18", "raft_small", "fcn_resnet50"])
def test_a_model_that_does_not_classify_single_pictures_is_refused(name):
    with pytest.raises(ValueError, match="does not classify single pictures"):
        named(f"torchvision:{name}:random")


# Weights


@pytest.mark.parametrize("wrapped", ["bare", "state_dict", "model", "safetensors"])
def test_weights_on_disk_are_part_of_the_name_and_of_any_usual_kind(tmp_path, monkeypatch, wrapped):
    torch.manual_seed(4)
    state = timm.create_model("mobilenetv3_small_050", pretrained=False).state_dict()
    path = tmp_path / ("at@home.safetensors" if wrapped == "safetensors" else "at@home.pth")
    if wrapped == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save(state if wrapped == "bare" else {wrapped: state, "epoch": 3}, path)
    monkeypatch.chdir(tmp_path)
    network = named(f"timm:mobilenetv3_small_050:{path.name}", device="cpu")
    # A worker stands in another folder.
    assert network.name == f"timm:mobilenetv3_small_050:{path}"
    monkeypatch.chdir("/")
    again = named(f"{network.name}@flip", device="cpu")
    assert (again.name, again.network, again.view) == (f"{network.name}@flip", network.name, "flip")
    assert again.weights == network.weights != named("timm:mobilenetv3_small_050:random", device="cpu").weights


def test_weights_of_another_model_are_refused_and_others_named(tmp_path):
    torch.save({"no": torch.ones(3)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth does not hold weights of torchvision:resnet18"):
        named(f"torchvision:resnet18:{tmp_path / 'a.pth'}")
    with pytest.raises(ValueError, match="Weights: IMAGENET1K_V1, DEFAULT, random|Weights: IMAGENET1K_V1, random"):
        named("torchvision:resnet18:IMAGENET1K_V9")
    with pytest.raises(UserError, match="timm has no model") as refused:
        named("timm:resnet18.no_such_tag")
    assert "Invalid pretrained tag (no_such_tag)" in refused.value.shell


NO_NETWORK = {"HF_HUB_OFFLINE": "1", "https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("torchvision:squeezenet1_1", "/hub/checkpoints, or name a file of weights: torchvision:squeezenet1_1:/path"),
        ("timm:resnet18.a1_in1k", "HF_HOME from a machine with a network, or name a file of weights: timm:resnet18.a1"),
    ],
)
def test_who_has_no_network_is_told_where_weights_go(tmp_path, name, way_out):
    homes = {"HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path)}
    program = f"from candidates.classifiers.registry import named; named('{name}')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | NO_NETWORK | homes, capture_output=True, text=True
    )
    said = done.stderr.splitlines()[-1]
    assert "cannot be downloaded" in said
    assert way_out in said
