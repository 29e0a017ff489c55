"""Archives to import, good ones and such as nobody's archiver would write."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

LINK_MODE = 0o120777 << 16
PIPE_MODE = 0o010666 << 16


def member(name: str, content: bytes = b"", **traits: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for trait, value in traits.items():
        setattr(info, trait, value)
    return info, content


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A .tar, or by its name a .tar.gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as packed:
        for info, content in members:
            packed.addfile(info, io.BytesIO(content))
    return path


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    return tar(path, *(member(name, content) for name, content in files.items()))


def zip_of(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED, **modes: int) -> Path:
    """`modes`: of an entry, by its name with underscores for dots, the Unix mode in external_attr."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", kind) as packed:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = kind
            info.external_attr = modes.get(name.replace(".", "_"), 0)
            packed.writestr(info, content)
    return path


def packed_zeros(path: Path, head: bytes, n_mib: int) -> Path:
    """A gzip file of `head` and then so many MiB of zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    zeros = bytes(2**20)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(n_mib):
            file.write(zeros)
    return path
