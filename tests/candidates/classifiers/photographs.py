"""Photographs that lie in installed packages, read where they are and never imported."""

import importlib.util
from pathlib import Path

import pytest

from tests.required import require


def folder_of(package: str) -> Path:
    """The data folder of a package; the test is skipped where it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package}, whose photographs are looked at, is not installed")
    return Path(require(spec.submodule_search_locations)[0]) / "data"


def labelled() -> list[tuple[Path, int]]:
    """Twenty photographs with the ImageNet class that ends their file names."""
    paths = sorted(folder_of("foolbox").glob("imagenet_*.jpg"))
    photographs = [(path, int(path.stem.split("_")[-1])) for path in paths]
    assert len(photographs) == 20
    return photographs
