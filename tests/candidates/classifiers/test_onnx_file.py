"""Any network in an ONNX file, with its preparation said beside it."""

import hashlib
import json

import numpy as np
import pytest
from onnx import helper, numpy_helper

from candidates.classifiers.onnx_file import BadDescription, load
from candidates.classifiers.onnx_runtime import BadNetwork
from tests.candidates.classifiers.onnx_networks import SAYS, colour_means, expected, saved

BATCH = np.random.default_rng(5).integers(0, 256, (7, 8, 8, 3), np.uint8)


@pytest.fixture
def path(tmp_path):
    return colour_means(tmp_path / "small.onnx")


def close(scores, expected_scores) -> bool:
    return scores.dtype == np.float32 and np.allclose(scores, expected_scores, atol=2e-6)


def test_the_description_lies_beside_the_file(path):
    path.with_suffix(".json").write_text(json.dumps(SAYS))
    network = load(path)
    assert (network.name, network.view, network.n_classes, network.input_size) == (f"onnx:{path}", "", 3, 8)
    assert network.weights == hashlib.sha256(path.read_bytes()).hexdigest()
    assert close(network.predict(BATCH), expected(BATCH))


def test_options_win_over_the_file_and_do_without_it(path):
    path.with_suffix(".json").write_text(json.dumps({**SAYS, "scale": 1}))
    assert close(load(path, scale=255).predict(BATCH), expected(BATCH))
    path.with_suffix(".json").unlink()
    assert close(load(path, **SAYS).predict(BATCH), expected(BATCH))


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("shape", [("N", 3, 8, 8), ("N", 8, 8, 3), ("N", 3, "H", "W")])
@pytest.mark.parametrize("figures", [{}, {"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]}, {"scale": 60.0}])
def test_pixels_arrive_in_the_order_and_scale_that_is_said(tmp_path, channels, shape, figures):
    path = colour_means(tmp_path / "small.onnx", shape)
    network = load(path, **{**SAYS, **figures}, channels=channels, input_size=8)
    scores = expected(BATCH, channels=channels, **figures)
    assert close(network.predict(BATCH), scores)
    # The colours differ enough for a wrong order to show.
    assert not close(network.predict(BATCH), scores[:, ::-1])


def test_bytes_go_in_as_bytes_where_the_network_normalises_itself(tmp_path):
    path = colour_means(tmp_path / "small.onnx", ("N", 8, 8, 3), kind="uint8")
    assert close(load(path, **SAYS).predict(BATCH), expected(BATCH, scale=1.0))


def test_half_precision_inputs_are_served(tmp_path):
    path = colour_means(tmp_path / "small.onnx", kind="float16")
    assert np.allclose(load(path, **SAYS).predict(BATCH), expected(BATCH), atol=1e-3)


@pytest.mark.parametrize("fixed", [1, 3, 7, 10])
def test_a_network_of_a_fixed_batch_size_takes_any_number(tmp_path, fixed):
    path = colour_means(tmp_path / "small.onnx", (fixed, 3, 8, 8))
    network = load(path, **SAYS)
    for n in (1, 2, 7):
        assert close(network.predict(BATCH[:n]), expected(BATCH[:n]))


def test_probabilities_are_taken_as_they_are(tmp_path):
    path = colour_means(tmp_path / "small.onnx", softmax=True)
    assert close(load(path, **{**SAYS, "output": "probabilities"}).predict(BATCH), expected(BATCH))


def test_logits_said_to_be_probabilities_are_noticed(path):
    network = load(path, **{**SAYS, "output": "logits"})
    assert network.predict(BATCH).min() > 0
    with pytest.raises(BadDescription, match='write "output": "logits"'):
        load(path, **{**SAYS, "output": "probabilities"})


def test_a_background_class_is_dropped_and_the_rest_sum_to_one(path):
    network = load(path, **SAYS, skip_outputs=1)
    rest = expected(BATCH)[:, 1:]
    assert network.n_classes == 2
    assert close(network.predict(BATCH), rest / rest.sum(axis=1, keepdims=True))


def test_scores_with_two_axes_of_one_are_scores(tmp_path):
    path = colour_means(tmp_path / "small.onnx", four_axes=True)
    assert close(load(path, **SAYS).predict(BATCH), expected(BATCH))


def test_views_share_the_network(path):
    network = load(path, **SAYS)
    assert network.viewed("flip").run is network.run
    assert network.viewed("flip").name == f"onnx:{path}@flip"


def test_weights_in_a_second_file_are_part_of_the_identity(tmp_path):
    def written(folder, value):
        folder.mkdir()
        weight = numpy_helper.from_array(np.full((192, 4), value, np.float32), "weight")
        nodes = [
            helper.make_node("Flatten", ["pictures"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
        ]
        options = {"save_as_external_data": True, "location": "small.data", "size_threshold": 0}
        return saved(folder / "small.onnx", nodes, ("N", 3, 8, 8), constants=[weight], **options)

    ones, twos = (written(tmp_path / name, value) for name, value in (("ones", 1.0), ("twos", 2.0)))
    assert ones.read_bytes() == twos.read_bytes()
    assert load(ones, **SAYS).n_classes == 4
    assert load(ones, **SAYS).weights != load(twos, **SAYS).weights


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"mean": [0, 0, 0], "std": [1, 1, 1]}, "lacks output"),
        ({}, "lacks mean, std, output"),
        ({**SAYS, "crop_pct": 0.9}, "has an unknown key 'crop_pct'. Keys: mean, "),
        ({**SAYS, "mean": [0, 0]}, "mean is .* three numbers"),
        ({**SAYS, "mean": ["a", 0, 0]}, "mean is .* three numbers"),
        ({**SAYS, "std": [1, 0, 1]}, "std is .* above 0"),
        ({**SAYS, "scale": 0}, "scale is 0; it must be a number above 0"),
        ({**SAYS, "output": "softmax"}, 'output is .* "logits" or "probabilities"'),
        ({**SAYS, "channels": "rgb"}, 'channels is .* "RGB" or "BGR"'),
        ({**SAYS, "layout": "CHW"}, 'layout is .* "NCHW" or "NHWC"'),
        ({**SAYS, "skip_outputs": -1}, "skip_outputs is -1"),
        ({**SAYS, "input_size": "224"}, "input_size is '224'"),
        ({**SAYS, "input_size": 9}, "not square pictures of 9 pixels"),
        ({**SAYS, "layout": "NHWC"}, "with layout NHWC these are not three colours"),
        ({**SAYS, "crop": 2}, "crop is 2"),
        ({**SAYS, "interpolation": "best"}, "interpolation is 'best'"),
    ],
)
def test_an_impossible_description_is_refused_with_the_key(path, said, message):
    path.with_suffix(".json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match=message):
        load(path)


@pytest.mark.parametrize("text", ["{", "[]", "3", "\udcff"])
def test_a_description_that_is_no_json_object_is_refused(path, text):
    path.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadDescription, match=r"small\.json .* Example of a description"):
        load(path)


def test_without_a_description_the_error_says_where_to_put_one(path):
    with pytest.raises(BadDescription, match=r"no .*small\.json\) lacks mean, std, output"):
        load(path)


@pytest.mark.parametrize("shape", [("N", 3, "H", "W"), ("N", 3, 8, "W2")])
def test_what_the_model_leaves_open_must_be_said(tmp_path, shape):
    if shape[3] == "W2":
        shape = ("N", "C", 8, 8)
    path = colour_means(tmp_path / "small.onnx", shape)
    with pytest.raises(BadDescription, match="does not fix its (picture size|layout)"):
        load(path, **SAYS)


@pytest.mark.parametrize("shape", [("N", 3), ("N", 3, 8, 16), ("N", 4, 8, 8)])
def test_a_network_that_takes_no_square_colour_pictures_is_refused(tmp_path, shape):
    nodes = [helper.make_node("Flatten", ["pictures"], ["scores"])]
    path = saved(tmp_path / "other.onnx", nodes, shape)
    with pytest.raises(ValueError, match=r"other\.onnx (takes|does not fix)"):
        load(path, **SAYS)


def test_a_network_that_gives_no_scores_per_class_is_refused(tmp_path):
    path = saved(tmp_path / "same.onnx", [helper.make_node("Identity", ["pictures"], ["scores"])], ("N", 3, 8, 8))
    with pytest.raises(BadNetwork, match=r"gives \(1, 3, 8, 8\) for 1 pictures"):
        load(path, **SAYS)


def test_a_file_that_is_no_model_or_not_there_is_refused(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("hello")
    with pytest.raises(BadNetwork, match=r"text\.onnx (is not an ONNX model|cannot be opened)"):
        load(path, **SAYS)
    with pytest.raises(ValueError, match=r"There is no file .*none\.onnx: write the path"):
        load(tmp_path / "none.onnx", **SAYS)


@pytest.mark.parametrize(
    "batch", [BATCH[..., :2], BATCH[0], BATCH.astype(np.float32), np.zeros((1, 9, 9, 3), np.uint8)]
)
def test_a_batch_that_was_not_prepared_is_refused(path, batch):
    with pytest.raises(ValueError, match=r"takes prepared pictures, bytes of shape \(N, 8, 8, 3\)"):
        load(path, **SAYS).predict(batch)


def test_an_empty_batch_has_no_scores(path):
    assert load(path, **SAYS).predict(BATCH[:0]).shape == (0, 3)
