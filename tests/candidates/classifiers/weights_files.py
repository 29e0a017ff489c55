"""Files as torch.save() writes them, put together byte by byte: tests of reading them need no torch."""

import io
import pickle
import struct
import zipfile
from dataclasses import dataclass

import numpy as np

LEGACY_HEAD = b"".join(
    pickle.dumps(part, protocol=2)
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
)
EMPTY_DICT = b"ccollections\nOrderedDict\n)R"


@dataclass(frozen=True)
class Stored:
    """A tensor as a file describes it; every part can be made a lie."""

    values: np.ndarray
    shape: tuple
    strides: tuple
    offset: int = 0
    kind: str = "FloatStorage"
    size: int | None = None

    @property
    def announced(self) -> int:
        return self.values.size if self.size is None else self.size


def plain(values) -> Stored:
    """An array as it lies in memory, without a copy: transposed arrays keep their steps."""
    array = np.asarray(values, np.float32)
    flat = array.ravel(order="K")
    return Stored(flat, array.shape, tuple(step // array.itemsize for step in array.strides))


def text(word: str) -> bytes:
    encoded = word.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    content = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def numbers(values: tuple) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key: str, stored: Stored, legacy: bool) -> bytes:
    view = b"N" if legacy else b""
    storage = b"(" + text("storage") + f"ctorch\n{stored.kind}\n".encode() + text(key) + text("cpu")
    storage += number(stored.announced) + view + b"tQ"
    where = number(stored.offset) + numbers(stored.shape) + numbers(stored.strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + where + b"\x89" + EMPTY_DICT + b"tR"


def described(tensors: dict[str, Stored], legacy: bool) -> bytes:
    items = b"".join(
        text(name) + tensor(f"{row}", tensor_, legacy) for row, (name, tensor_) in enumerate(tensors.items())
    )
    return b"\x80\x02" + EMPTY_DICT + b"(" + items + b"u."


def legacy_file(tensors: dict[str, Stored], content: bytes | None = None) -> bytes:
    """The older format. `content`: another pickle in place of the description of the tensors."""
    stored = b"".join(struct.pack("<q", tensor_.announced) + tensor_.values.tobytes() for tensor_ in tensors.values())
    keys = pickle.dumps([f"{row}" for row in range(len(tensors))], protocol=2)
    return LEGACY_HEAD + (content or described(tensors, legacy=True)) + keys + stored


def zip_file(tensors: dict[str, Stored], content: bytes | None = None, byteorder: bytes = b"little") -> bytes:
    """The newer format; arguments as above."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", content or described(tensors, legacy=False))
        archive.writestr("archive/byteorder", byteorder)
        for row, tensor_ in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{row}", tensor_.values.tobytes())
    return target.getvalue()
