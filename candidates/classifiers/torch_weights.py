"""Reads files of weights that torch.save() wrote, without torch and without running what is in them.

Both formats are pickles, and a pickle can call anything. Here it can name an ordered dictionary, the kinds of storage
and the one function that puts a tensor together, which is ours; any other name ends the reading.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from candidates.classifiers.interface import ClassifierError
from catalog.errors import reason_in

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
WAY_OUT = {
    "shell": "Save the network's state_dict() anew, with torch.save(), from a version you trust.",
    "page": "Have the weights saved anew, from a version you trust.",
}


class BadWeights(ClassifierError):
    """A file that is not a plain file of weights."""


@dataclass(frozen=True)
class _Storage:
    """One run of numbers in the file; several tensors may lie in it."""

    key: str
    dtype: np.dtype
    size: int


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor lies in its storage: offset, shape and steps, in numbers (not bytes)."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def within(self, numbers: NDArray) -> NDArray:
        """The tensor as an array of its own. The steps count: weights that came from elsewhere are often stored with
        their axes in another order, and read without them they are nonsense without an error."""
        self._check()
        steps = tuple(step * numbers.itemsize for step in self.strides)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return np.array(view, order="C")

    def _check(self) -> None:
        whole = [self.offset, *self.shape, *self.strides]
        if len(self.shape) != len(self.strides) or any(type(number) is not int or number < 0 for number in whole):
            raise BadWeights(f"it has a tensor of shape {self.shape} with steps {self.strides}")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        n_values = math.prod(self.shape)
        # More values than numbers: a few bytes that would be blown up to any size.
        if n_values > self.storage.size or (n_values and last >= self.storage.size):
            raise BadWeights(f"it has a tensor of shape {self.shape} that reaches beyond its numbers")


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_about_training: Any) -> _Tensor:
    if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise BadWeights("it has a tensor without numbers")
    return _Tensor(storage, offset, shape, strides)


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
}


class _WeightsUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise BadWeights(f"it names {module}.{name}, which weights have no use for and could do harm") from None

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise BadWeights("it refers to something that is not a storage")
        _, dtype, key, _location, size = pid[:5]
        part_of_another = len(pid) == 6 and pid[5] is not None
        if not isinstance(dtype, np.dtype) or not isinstance(key, str) or type(size) is not int or part_of_another:
            raise BadWeights("it has a storage of an unknown kind")
        return _Storage(key, dtype, size)


class _PlainUnpickler(pickle.Unpickler):
    """For the parts that are only numbers and words."""

    def find_class(self, module: str, name: str) -> Any:
        raise BadWeights(f"it names {module}.{name} where only numbers belong")


def read_weights(path: Path) -> dict[str, NDArray]:
    """The arrays of a state_dict by name, in their order, contiguous.

    Reads what torch.save(model.state_dict(), path) writes, of any version: a pickle followed by numbers, or a zip.

    Raises:
        BadWeights: the file cannot be read, is damaged, or holds anything but tensors by name.
    """
    try:
        with path.open("rb") as file:
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            return _read_zip(file) if zipped else _read_legacy(file)
    except BadWeights as error:
        raise BadWeights(f"{path} is not taken as weights: {error}.", **WAY_OUT) from None
    except OSError as error:
        raise BadWeights(f"{path} cannot be read ({error.strerror}): check the path and its rights.") from error
    except Exception as error:
        # A pickle that is damaged fails in more ways than can be listed.
        way_out = WAY_OUT | {"shell": f"The library says: {reason_in(error)}. {WAY_OUT['shell']}"}
        raise BadWeights(f"{path} is damaged, or no file of weights.", **way_out) from error


def _read_legacy(file: BinaryIO) -> dict[str, NDArray]:
    if _PlainUnpickler(file).load() != LEGACY_MAGIC or _PlainUnpickler(file).load() != LEGACY_PROTOCOL:
        raise BadWeights("it does not begin as such files do")
    if not _PlainUnpickler(file).load().get("little_endian"):
        raise BadWeights("its numbers are big-endian")
    tensors = _tensors(_WeightsUnpickler(file).load())
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {}
    for key in _PlainUnpickler(file).load():
        size = int.from_bytes(file.read(8), "little")
        if key not in storages or storages[key].size != size:
            raise BadWeights(f"storage {key} is not as announced")
        numbers[key] = _numbers(storages[key], file.read(size * storages[key].dtype.itemsize))
    return {name: tensor.within(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_zip(file: BinaryIO) -> dict[str, NDArray]:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise BadWeights("its numbers are big-endian")
        tensors = _tensors(_WeightsUnpickler(io.BytesIO(archive.read(pickled))).load())
        numbers = {}
        for storage in {tensor.storage for tensor in tensors.values()}:
            member = archive.getinfo(f"{folder}data/{storage.key}")
            # Checked before it is unpacked: a small zip may hold a large nothing.
            if member.file_size != storage.size * storage.dtype.itemsize:
                raise BadWeights(f"storage {storage.key} is not as announced")
            numbers[storage.key] = _numbers(storage, archive.read(member))
    return {name: tensor.within(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _tensors(content: Any) -> dict[str, _Tensor]:
    if not isinstance(content, Mapping) or not content:
        raise BadWeights("it holds no tensors by name")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise BadWeights(f"{name!r} in it is not a tensor")
    return dict(content)


def _numbers(storage: _Storage, content: bytes) -> NDArray:
    if len(content) != storage.size * storage.dtype.itemsize:
        raise BadWeights("it is cut off")
    return np.frombuffer(content, storage.dtype)
