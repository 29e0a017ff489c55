"""Weights are read without torch, as they are, and nothing in the file is run."""

import importlib.util
import os
import pickle

import numpy as np
import pytest

from candidates.classifiers.torch_weights import BadWeights, read_weights
from tests.candidates.classifiers.weights_files import LEGACY_HEAD, Stored, described, legacy_file, plain, zip_file

FORMATS = pytest.mark.parametrize("written", [legacy_file, zip_file])
BOX = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def read(tmp_path, content: bytes) -> dict[str, np.ndarray]:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return read_weights(path)


@FORMATS
def test_arrays_come_back_by_name_and_in_order(tmp_path, written):
    arrays = read(tmp_path, written({"b.weight": plain(BOX), "a.bias": plain([0.5, -1]), "n": plain(7.0)}))
    assert list(arrays) == ["b.weight", "a.bias", "n"]
    assert np.array_equal(arrays["b.weight"], BOX)
    assert arrays["a.bias"].tolist() == [0.5, -1]
    assert arrays["n"].shape == ()
    assert arrays["n"] == 7


@FORMATS
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_the_steps_between_numbers_count(tmp_path, written, axes):
    lying_otherwise = BOX.transpose(axes)
    arrays = read(tmp_path, written({"weight": plain(lying_otherwise)}))["weight"]
    assert np.array_equal(arrays, lying_otherwise)
    assert arrays.flags["C_CONTIGUOUS"]


def test_read_without_its_steps_a_tensor_would_be_another_one(tmp_path):
    stored = plain(BOX.transpose(2, 1, 0))
    arrays = read(tmp_path, legacy_file({"weight": stored}))["weight"]
    assert not np.array_equal(arrays, stored.values.reshape(stored.shape))


@FORMATS
def test_a_tensor_may_begin_within_its_storage(tmp_path, written):
    part = Stored(np.arange(10, dtype=np.float32), shape=(2, 2), strides=(3, 1), offset=4)
    assert read(tmp_path, written({"part": part}))["part"].tolist() == [[4, 5], [7, 8]]


@FORMATS
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("HalfStorage", np.float16), ("DoubleStorage", np.float64), ("LongStorage", np.int64), ("ByteStorage", np.uint8)],
)
def test_each_kind_of_number_is_read_as_what_it_is(tmp_path, written, kind, dtype):
    stored = Stored(np.array([1, 2, 250], dtype), (3,), (1,), kind=kind)
    arrays = read(tmp_path, written({"counts": stored}))["counts"]
    assert arrays.dtype == dtype
    assert arrays.tolist() == [1, 2, 250]


class Attack:
    """An object that runs code when its pickle is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    "a shell": lambda mark: Attack(os.system, f"touch {mark}"),
    "an interpreter": lambda mark: Attack(exec, f"open({str(mark)!r}, 'w')"),
    "opening a file": lambda mark: Attack(open, str(mark), "w"),
    "importing": lambda mark: Attack(importlib.util.find_spec, "os"),
    "a way to everything": lambda mark: Attack(getattr, "weight", "format"),
    "a class like any other": lambda mark: Attack(type("Loader", (), {}).__class__, "A", (), {}),
    "in a dictionary": lambda mark: {"weight": Attack(os.system, f"touch {mark}")},
}


@FORMATS
@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_pickle_would_call_is_refused_and_not_called(tmp_path, written, attack):
    mark = tmp_path / "the-attack-ran"
    content = pickle.dumps(ATTACKS[attack](mark), protocol=2)
    with pytest.raises(BadWeights, match=r"the file names .+\.$") as refused:
        read(tmp_path, written({}, content))
    assert ". Save the network's state_dict" in refused.value.for_shell
    assert not mark.exists()


def test_such_a_pickle_does_run_when_loaded_as_one(tmp_path):
    pickle.loads(pickle.dumps(Attack(os.system, f"touch {tmp_path / 'ran'}")))
    assert (tmp_path / "ran").exists()


def test_the_head_of_an_older_file_may_not_call_anything_either(tmp_path):
    mark = tmp_path / "the-attack-ran"
    with pytest.raises(BadWeights, match="in a part for numbers only"):
        read(tmp_path, pickle.dumps(Attack(os.system, f"touch {mark}"), protocol=2))
    assert not mark.exists()


@FORMATS
@pytest.mark.parametrize(
    ("module", "name"), [("torch", "load"), ("torch.jit", "load"), ("torch", "FloatStorage.__class__"), ("os", "path")]
)
def test_names_of_torch_that_are_no_storages_are_refused(tmp_path, written, module, name):
    with pytest.raises(BadWeights, match=f"the file names {module}.{name}"):
        read(tmp_path, written({}, f"\x80\x02c{module}\n{name}\n.".encode("latin-1")))


FOUR = np.ones(4, np.float32)
LIES = {
    "one number too far": Stored(FOUR, (5,), (1,)),
    "begins too late": Stored(FOUR, (2,), (1,), offset=3),
    "steps too wide": Stored(FOUR, (2, 2), (3, 1)),
    "steps back": Stored(FOUR, (2,), (-1,), offset=1),
    "begins before its storage": Stored(FOUR, (2,), (1,), offset=-1),
    "a step short": Stored(FOUR, (2, 2), (1,)),
    "four bytes blown up to a terabyte": Stored(FOUR, (2**38,), (0,)),
    "a side below nothing": Stored(FOUR, (-2, -2), (1, 1)),
}


@FORMATS
@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_stays_within_its_numbers(tmp_path, written, lie):
    with pytest.raises(BadWeights, match="a tensor (has the shape|of shape)"):
        read(tmp_path, written({"weight": LIES[lie]}))


@FORMATS
@pytest.mark.parametrize("size", [3, 5, 2**40])
def test_a_storage_is_as_large_as_announced_or_the_file_is_refused(tmp_path, written, size):
    stored = Stored(FOUR, (2,), (1,), size=size)
    with pytest.raises(BadWeights, match="announced size|cut off|damaged"):
        read(tmp_path, written({"weight": stored, "more": plain(BOX)}))


@FORMATS
def test_a_file_cut_anywhere_is_refused(tmp_path, written):
    whole = written({"weight": plain(BOX), "bias": plain([1.0, 2.0])})
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(BadWeights, match=r"weights\.pth (is|cannot be used)"):
            read(tmp_path, whole[:length])


@FORMATS
@pytest.mark.parametrize("content", [[1, 2], {"weight": 3}, {}, "weights", {"state_dict": {"weight": 1}}])
def test_only_tensors_by_name_are_weights(tmp_path, written, content):
    with pytest.raises(BadWeights, match="holds no tensors|is not a tensor"):
        read(tmp_path, written({}, pickle.dumps(content, protocol=2)))


def test_big_endian_numbers_are_refused(tmp_path):
    with pytest.raises(BadWeights, match="big-endian"):
        read(tmp_path, zip_file({"weight": plain(BOX)}, byteorder=b"big"))
    head = LEGACY_HEAD.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89")
    assert head != LEGACY_HEAD
    with pytest.raises(BadWeights, match="big-endian"):
        read(tmp_path, head + described({"weight": plain(BOX)}, legacy=True))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadWeights, match=r"none\.pth cannot be read \(No such file"):
        read_weights(tmp_path / "none.pth")


@pytest.mark.parametrize("zipped", [False, True])
def test_what_torch_itself_writes_is_read_as_torch_reads_it(tmp_path, zipped):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(5, 2))
    state = network.to(memory_format=torch.channels_last).state_dict()
    state["transposed"] = torch.arange(6.0).reshape(2, 3).t()
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    arrays = read_weights(path)
    assert list(arrays) == list(state)
    assert not state["0.weight"].is_contiguous()
    assert all(np.array_equal(arrays[name], state[name].numpy()) for name in state)
