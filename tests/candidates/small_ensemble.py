"""Datasets of generated pictures, and classifiers of a few bytes whose answers depend on the colours."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper
from PIL import Image as Pillow

from catalog.actions import NewImage, add_images
from catalog.models import Dataset, Image
from catalog.photographs.reads import read_photograph
from tests.candidates.classifiers.onnx_networks import SAYS, saved
from tests.factories import make_dataset

N_CLASSES = 12


def colour_network(folder: Path, name: str = "small", *, seed: int = 0, n_classes: int = N_CLASSES) -> str:
    """The name of a classifier that weighs the mean of red, green and blue for each class."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = np.random.default_rng(seed).normal(scale=9, size=(3, n_classes)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["pictures"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["scores"]),
    ]
    path = folder / f"{name}.onnx"
    saved(path, nodes, ("N", 3, 8, 8), constants=[numpy_helper.from_array(weights, "weights")])
    path.with_suffix(".json").write_text(str(SAYS).replace("'", '"'))
    return f"onnx:{path}"


def picture(number: int, side: int = 12) -> bytes:
    """A JPEG of one random colour."""
    colour = np.random.default_rng(number).integers(0, 256, 3).tolist()
    target = io.BytesIO()
    Pillow.new("RGB", (side, side), tuple(colour)).save(target, "JPEG")
    return target.getvalue()


def coloured_dataset(n_images: int, *, n_labels: int = N_CLASSES, side: int = 12, **figures: Any) -> Dataset:
    """Images 0.jpg, 1.jpg, ... with dataset labels 0, 1, ... in turn."""
    dataset = make_dataset(n_labels=n_labels, **figures)
    labels = list(dataset.label_set.labels.order_by("index"))
    add_images(
        dataset=dataset,
        images=[
            NewImage(f"{number:05}.jpg", labels[number % n_labels], read_photograph(picture(number, side)))
            for number in range(n_images)
        ],
    )
    return dataset


def spoil(image: Image, content: bytes = b"no picture") -> None:
    """Put something else where the image's file is."""
    Path(image.original.path).write_bytes(content)
