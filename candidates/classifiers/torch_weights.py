"""Reader of files of weights that torch.save() wrote, without torch and without running their content.

Both formats are pickles, and a pickle can call anything. Here it can name an ordered dictionary, the kinds of storage
and our function that builds a tensor; any other name ends the reading.
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
from catalog.errors import gettext, reason_in

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


class BadWeights(ClassifierError):
    """An error: a file is not a plain file of weights."""


@dataclass(frozen=True)
class _Storage:
    """A sequence of numbers in the file; several tensors may share it."""

    key: str
    dtype: np.dtype
    size: int


@dataclass(frozen=True)
class _Tensor:
    """The place of a tensor in its storage: offset, shape and steps, in numbers (not bytes)."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def within(self, numbers: NDArray) -> NDArray:
        """Return the tensor as a separate array.

        The steps matter: weights from elsewhere are often stored with their axes in another order. Read without the
        steps, such weights are nonsense without an error.
        """
        self._check()
        steps = tuple(step * numbers.itemsize for step in self.strides)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return np.array(view, order="C")

    def _check(self) -> None:
        whole = [self.offset, *self.shape, *self.strides]
        if len(self.shape) != len(self.strides) or any(type(number) is not int or number < 0 for number in whole):
            message = gettext("a tensor has the shape %(shape)s and the steps %(steps)s")
            raise BadWeights(message % {"shape": self.shape, "steps": self.strides})
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        n_values = math.prod(self.shape)
        # More values than numbers: a few bytes that would grow to any size.
        if n_values > self.storage.size or (n_values and last >= self.storage.size):
            message = gettext("a tensor of shape %(shape)s reaches beyond its numbers")
            raise BadWeights(message % {"shape": self.shape})


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_about_training: Any) -> _Tensor:
    if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise BadWeights(gettext("a tensor has no numbers"))
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
            message = gettext("the file names %(name)s, which weights do not need and which could do harm")
            raise BadWeights(message % {"name": f"{module}.{name}"}) from None

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise BadWeights(gettext("a reference does not lead to a storage"))
        _, dtype, key, _location, size = pid[:5]
        part_of_another = len(pid) == 6 and pid[5] is not None
        if not isinstance(dtype, np.dtype) or not isinstance(key, str) or type(size) is not int or part_of_another:
            raise BadWeights(gettext("a storage is of an unknown kind"))
        return _Storage(key, dtype, size)


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler for parts with only numbers and words."""

    def find_class(self, module: str, name: str) -> Any:
        message = gettext("the file names %(name)s in a part for numbers only")
        raise BadWeights(message % {"name": f"{module}.{name}"})


def read_weights(path: Path) -> dict[str, NDArray]:
    """Read the arrays of a state_dict by name, in their order, contiguous.

    The file is written by torch.save(model.state_dict(), path), of any version: a pickle followed by numbers, or a zip.

    Raises:
        BadWeights: the file cannot be read, is damaged, or holds anything but tensors by name.
    """
    try:
        with path.open("rb") as file:
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            return _read_zip(file) if zipped else _read_legacy(file)
    except BadWeights as error:
        message = gettext("%(file)s cannot be used as weights: %(reason)s.") % {"file": path, "reason": error}
        raise BadWeights(message, shell=_save_again(), page=_save_again_on_page()) from None
    except OSError as error:
        message = gettext("%(file)s cannot be read (%(reason)s): check the path and its permissions.")
        raise BadWeights(message % {"file": path, "reason": error.strerror}) from error
    except Exception as error:
        # A damaged pickle fails in more ways than can be listed.
        message = gettext("%(file)s is damaged, or not a file of weights.") % {"file": path}
        way_out = gettext("Message of the library: %(reason)s. %(way_out)s")
        shell = way_out % {"reason": reason_in(error), "way_out": _save_again()}
        raise BadWeights(message, shell=shell, page=_save_again_on_page()) from error


def _save_again() -> str:
    return gettext("Save the network's state_dict() again, with torch.save(), from a version you trust.")


def _save_again_on_page() -> str:
    return gettext("Have the weights saved again, from a version you trust.")


def _read_legacy(file: BinaryIO) -> dict[str, NDArray]:
    if _PlainUnpickler(file).load() != LEGACY_MAGIC or _PlainUnpickler(file).load() != LEGACY_PROTOCOL:
        raise BadWeights(gettext("the start is not that of a file of weights"))
    if not _PlainUnpickler(file).load().get("little_endian"):
        raise BadWeights(gettext("the numbers are big-endian"))
    tensors = _tensors(_WeightsUnpickler(file).load())
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {}
    for key in _PlainUnpickler(file).load():
        size = int.from_bytes(file.read(8), "little")
        if key not in storages or storages[key].size != size:
            raise _wrong_size(key)
        numbers[key] = _numbers(storages[key], file.read(size * storages[key].dtype.itemsize))
    return {name: tensor.within(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_zip(file: BinaryIO) -> dict[str, NDArray]:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise BadWeights(gettext("the numbers are big-endian"))
        tensors = _tensors(_WeightsUnpickler(io.BytesIO(archive.read(pickled))).load())
        numbers = {}
        for storage in {tensor.storage for tensor in tensors.values()}:
            member = archive.getinfo(f"{folder}data/{storage.key}")
            # Checked before it is unpacked: a small zip may hold gigabytes of zeros.
            if member.file_size != storage.size * storage.dtype.itemsize:
                raise _wrong_size(storage.key)
            numbers[storage.key] = _numbers(storage, archive.read(member))
    return {name: tensor.within(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _wrong_size(key: str) -> BadWeights:
    return BadWeights(gettext("storage %(key)s does not have the announced size") % {"key": key})


def _tensors(content: Any) -> dict[str, _Tensor]:
    if not isinstance(content, Mapping) or not content:
        raise BadWeights(gettext("the file holds no tensors by name"))
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise BadWeights(gettext("the entry %(name)r is not a tensor") % {"name": name})
    return dict(content)


def _numbers(storage: _Storage, content: bytes) -> NDArray:
    if len(content) != storage.size * storage.dtype.itemsize:
        raise BadWeights(gettext("the file is cut off"))
    return np.frombuffer(content, storage.dtype)
