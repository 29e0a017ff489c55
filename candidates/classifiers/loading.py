"""Keeps a network fed: pictures are read, decoded and prepared in threads while it computes."""

import io
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from candidates.classifiers.cores import usable_cores
from candidates.classifiers.interface import Classifier, ClassifierError, Labels, Pictures, Scores, top_k
from catalog.errors import reason_in

BATCH_SIZE = 32
# Batches that lie ready or are being made while one is computed.
LOOK_AHEAD = 2
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 25_000_000
# Larger ones are decoded one at a time, always by the same thread: they take up to 500 MB for a moment, and what a
# thread once took of memory it tends to keep.
LARGE_PIXELS = 4_000_000
# What reading one picture may raise without anything being wrong with the others.
UNREADABLE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)

Id = TypeVar("Id")
Read = Callable[[Id], bytes | Path]


class BadPicture(ClassifierError):
    """A picture that cannot be decoded; the message says why."""


@dataclass(frozen=True)
class Unreadable(Generic[Id]):
    """A picture that is left out, and why."""

    id: Id
    reason: str


@dataclass(frozen=True)
class Batch(Generic[Id]):
    """Pictures ready for a network.

    Attributes:
        ids: N of them, in the order they were asked for.
        pictures: (N, H, W, 3); N may be 0 when all were refused.
        refused: the pictures left out on the way.
    """

    ids: list[Id]
    pictures: Pictures
    refused: list[Unreadable[Id]]


@dataclass(frozen=True)
class TopK(Generic[Id]):
    """The answer to a batch: labels (N, k) and scores (N, k) of N ids, the highest score first."""

    ids: list[Id]
    labels: Labels
    scores: Scores
    refused: list[Unreadable[Id]]


def predictions(
    classifier: Classifier,
    ids: Iterable[Id],
    read: Read[Id],
    *,
    k: int = 5,
    batch_size: int | None = None,
    workers: int | None = None,
) -> Iterator[TopK[Id]]:
    """The k best labels of every picture, a batch at a time and in order.

    The arguments are those of `batches`, but that a batch has the size that suits the classifier unless one is given;
    while the network computes one batch, the next is put together here.
    """
    waiting: deque[tuple[Batch[Id], Future[Scores]]] = deque()
    with _threads(1) as device:
        size = (classifier.input_size, classifier.input_size)
        for batch in batches(ids, read, classifier.prepare, size, batch_size or classifier.batch_size, workers):
            waiting.append((batch, device.submit(classifier.predict, batch.pictures)))
            if len(waiting) > 1:
                yield _answer(*waiting.popleft(), k)
        while waiting:
            yield _answer(*waiting.popleft(), k)


def _answer(batch: Batch[Id], scores: Future[Scores], k: int) -> TopK[Id]:
    labels, best = top_k(scores.result(), k)
    return TopK(batch.ids, labels, best, batch.refused)


def batches(
    ids: Iterable[Id],
    read: Read[Id],
    prepare: Callable[[Pillow.Image], Pictures],
    size: tuple[int, int],
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
    look_ahead: int = LOOK_AHEAD,
) -> Iterator[Batch[Id]]:
    """Prepared pictures, `batch_size` ids at a time and in order; the last batch may be smaller.

    Args:
        ids: what to call the pictures by; taken one after the other, only as far as is looked ahead.
        read: gives the bytes of a picture, or the path of its file; runs in threads. It may raise BadPicture, or what
            a missing or forbidden file raises: the picture is then refused. Anything else it raises ends the run, as
            it may be true of all pictures (a store that does not answer).
        prepare: a classifier's.
        size: (H, W) of what prepare makes, for batches of which nothing is left.
        workers: threads; None for as many as there are cores.
        look_ahead: batches held in memory besides the one that is out.

    Raises:
        ValueError: a figure below 1.
    """
    workers = workers or usable_cores()
    if min(workers, batch_size, look_ahead) < 1:
        raise ValueError("workers, batch_size and look_ahead must be 1 or more.")

    def prepared(id: Id, large: ThreadPoolExecutor) -> Pictures | Unreadable[Id]:
        try:
            return _prepared(id, read, prepare, large)
        except BadPicture as error:
            return Unreadable(id, str(error))

    rest = iter(ids)
    # The one lane ends last: threads of the pool wait for it.
    with _threads(1) as large, _threads(workers) as pool:
        coming: deque[list[tuple[Id, Future]]] = deque()
        while True:
            while len(coming) < look_ahead and (part := list(islice(rest, batch_size))):
                coming.append([(id, pool.submit(prepared, id, large)) for id in part])
            if not coming:
                return
            yield _batch(coming.popleft(), size)


@contextmanager
def _threads(n: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are gone afterwards, also when nobody wants the rest of the batches."""
    pool = ThreadPoolExecutor(n)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _batch(coming: list[tuple[Id, Future]], size: tuple[int, int]) -> Batch[Id]:
    results = [(id, future.result()) for id, future in coming]
    good = [(id, result) for id, result in results if not isinstance(result, Unreadable)]
    pictures = np.empty((len(good), *size, 3), np.uint8)
    for row, (_, picture) in enumerate(good):
        pictures[row] = picture
    return Batch([id for id, _ in good], pictures, [result for _, result in results if isinstance(result, Unreadable)])


def _prepared(
    id: Id, read: Read[Id], prepare: Callable[[Pillow.Image], Pictures], large: ThreadPoolExecutor
) -> Pictures:
    try:
        source = read(id)
        content = source if isinstance(source, bytes) else _content(source)
    except UNREADABLE as error:
        raise BadPicture(f"it cannot be read ({error.strerror or error}): check that it is there") from None
    if _takes_much(content):
        return large.submit(_pixels, content, prepare).result()
    return _pixels(content, prepare)


def _takes_much(content: bytes) -> bool:
    """Whether decoding takes memory for all pixels of a large picture; an ordinary JPEG is decoded smaller."""
    if content.startswith(b"RIFF"):
        return math.prod(_webp_size(content)) > LARGE_PIXELS
    picture = decoded(content)
    return picture.width * picture.height > LARGE_PIXELS and (
        picture.format not in ("JPEG", "MPO") or "progressive" in picture.info
    )


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height of a WebP file by its header, (0, 0) if it is none. Pillow reserves memory for every pixel
    to tell, which a process with a limit may not have."""
    kind, head = content[12:16], content[16:34]
    if kind == b"VP8X" and len(head) >= 14:
        return 1 + int.from_bytes(head[8:11], "little"), 1 + int.from_bytes(head[11:14], "little")
    if kind == b"VP8L" and len(head) >= 9:
        bits = int.from_bytes(head[5:9], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(head) >= 14:
        return int.from_bytes(head[10:12], "little") & 0x3FFF, int.from_bytes(head[12:14], "little") & 0x3FFF
    return 0, 0


def _pixels(content: bytes, prepare: Callable[[Pillow.Image], Pictures]) -> Pictures:
    """On its own so that whatever a picture took is given back when this returns."""
    try:
        return prepare(decoded(content))
    except (BadPicture, MemoryError):
        raise
    except Exception as error:
        # Pixels are decoded only now, and the decoders fail in more ways than can be listed.
        raise BadPicture(f"it is damaged ({reason_in(error)}): get a complete copy of it") from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def decoded(content: bytes) -> Pillow.Image:
    """A picture whose header has been read and found acceptable. Raises BadPicture.

    Pixels are decoded on first use, which may still fail.
    """
    if not content:
        raise BadPicture("it is empty: get a complete copy of it")
    if len(content) > MOST_BYTES:
        raise BadPicture(f"it has more than {MOST_BYTES // 2**20} MiB: make it smaller")
    if content.startswith(b"RIFF"):
        _check_pixels(*_webp_size(content))
    try:
        picture = Pillow.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadPicture("it is not an image that is taken: JPEG, PNG and WebP are") from None
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise BadPicture(f"it has far more than {MOST_PIXELS / 1e6:.0f} million pixels: make it smaller") from None
    except Exception as error:
        # As above: what a damaged header makes the decoders raise cannot be listed.
        raise BadPicture(f"it is damaged ({reason_in(error)}): get a complete copy of it") from None
    _check_pixels(*picture.size)
    return picture


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        most = f"at most {MOST_PIXELS / 1e6:.0f} million are taken: make it smaller"
        raise BadPicture(f"it has {width:,} x {height:,} pixels; {most}")
