"""The interface of classifiers, and the top-k of their scores."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from catalog.errors import UserError

Pictures = NDArray[np.uint8]
Scores = NDArray[np.float32]
Labels = NDArray[np.int32]


class ClassifierError(UserError):
    """An error: a classifier, its weights or its predictions cannot be used; the message has reason and way out."""


class Classifier(Protocol):
    """A network together with the preparation of pictures and the meaning of its scores.

    Attributes:
        name: its name in settings, in files and for `registry.named`: "efficientnet-lite0@flip".
        network: the network alone. Views of one network are not separate models: they make the same mistakes.
        view: "" for the network as its authors use it, else the change to the picture: "crop 1.0", "flip".
        weights: SHA-256 of the weights, in hexadecimal; predictions of other weights are other predictions.
        input_size: side of the square picture that the network sees, in pixels.
        n_classes: C, the number of scores per picture.
        batch_size: how many pictures at a time suit the device it runs on.
    """

    @property
    def name(self) -> str: ...

    @property
    def network(self) -> str: ...

    @property
    def view(self) -> str: ...

    @property
    def weights(self) -> str: ...

    @property
    def input_size(self) -> int: ...

    @property
    def n_classes(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    def prepare(self, picture: Pillow.Image) -> Pictures:
        """Prepare a picture (H, W, 3): colours, crop, size. Runs on the CPU and in several threads at once."""
        ...

    def predict(self, batch: Pictures) -> Scores:
        """Return (N, C) probabilities of (N, H, W, 3) prepared pictures, which sum to 1 per picture."""
        ...


def top_k(scores: NDArray[np.floating], k: int) -> tuple[Labels, Scores]:
    """Return the k classes with the highest scores, the highest first; ties: the lowest class index.

    Args:
        scores: (N, C), finite.
        k: 1 to C.

    Returns:
        Labels (N, k) and their scores (N, k).

    Raises:
        ValueError: not two axes, k out of range, or a score that is no number.

    >>> labels, best = top_k(np.array([[0.1, 0.4, 0.4, 0.1]]), 3)
    >>> labels.tolist(), best.tolist()
    ([[1, 2, 0]], [[0.4000000059604645, 0.4000000059604645, 0.10000000149011612]])
    """
    scores = np.asarray(scores, dtype=np.float32)
    if scores.ndim != 2:
        raise ValueError(f"scores have {scores.ndim} axes; pass (pictures, classes).")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k is {k}; with {scores.shape[1]} classes it must be from 1 to {scores.shape[1]}.")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise ValueError(f"The scores of picture {row} are not all numbers: the network or its input is broken.")
    labels = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return labels.astype(np.int32), np.take_along_axis(scores, labels, axis=1)


def softmax(logits: NDArray[np.floating]) -> Scores:
    """Return probabilities (N, C) of logits (N, C).

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    shifted = np.asarray(logits, dtype=np.float32)
    powers = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
