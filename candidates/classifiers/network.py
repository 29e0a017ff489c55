"""The only concrete classifier: a function from pixels to probabilities, with its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from candidates.classifiers.interface import ClassifierError, Pictures, Scores
from candidates.classifiers.preprocessing import Preprocessing, view_between
from catalog.errors import gettext

# Pictures at a time. A CPU gains nothing from more (onnx_runtime), and progress is shown batch by batch.
CPU_BATCH = 32
GPU_BATCH = 128


@dataclass(frozen=True)
class NetworkClassifier:
    """A network as its authors use it, or a view of it; the interface is `interface.Classifier`.

    Attributes:
        network: its name without a view.
        weights: SHA-256 of its weights, in hexadecimal.
        n_classes: C.
        plain: how its authors prepare a picture.
        seen: how this view prepares a picture.
        run: (N, C) probabilities of (N, H, W, 3) bytes of red, green and blue; may run in several threads.
        device: where it runs, for people: "cpu", "cuda".
    """

    network: str
    weights: str
    n_classes: int
    plain: Preprocessing
    seen: Preprocessing
    run: Callable[[Pictures], Scores]
    device: str = "cpu"

    @property
    def batch_size(self) -> int:
        return GPU_BATCH if self.device == "cuda" else CPU_BATCH

    @property
    def name(self) -> str:
        suffix = view_between(self.plain, self.seen)[1]
        return f"{self.network}@{suffix}" if suffix else self.network

    @property
    def view(self) -> str:
        return view_between(self.plain, self.seen)[0]

    @property
    def input_size(self) -> int:
        return self.plain.input_size

    def prepare(self, picture: Pillow.Image) -> Pictures:
        return self.seen.prepare(picture)

    def predict(self, batch: Pictures) -> Scores:
        shape = (self.input_size, self.input_size, 3)
        if batch.shape[1:] != shape or batch.dtype != np.uint8:
            message = gettext(
                "%(name)s takes prepared pictures, bytes of shape (N, %(size)s, %(size)s, 3); this batch has type "
                "%(dtype)s and shape %(shape)s."
            )
            values = {"name": self.name, "size": self.input_size, "dtype": batch.dtype, "shape": batch.shape}
            raise ClassifierError(message % values)
        if not len(batch):
            return np.empty((0, self.n_classes), np.float32)
        return self.run(batch)

    def viewed(self, view: str) -> NetworkClassifier:
        """Return a view of this network, such as "flip" or "crop=1.0", with shared memory. Raises UnknownView."""
        return replace(self, seen=self.plain.viewed(view)) if view else replace(self, seen=self.plain)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises ClassifierError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = gettext("%(file)s cannot be read (%(reason)s): check the path and its permissions.")
        raise ClassifierError(message % {"file": path, "reason": error.strerror}) from error
