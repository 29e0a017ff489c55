"""Loading of pictures: threads read, decode and prepare them while the network computes."""

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
from catalog.errors import gettext, reason_in

BATCH_SIZE = 32
# Batches that are ready or in preparation while one is computed.
LOOK_AHEAD = 2
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 25_000_000
# Larger ones are decoded one at a time, always by the same thread: they take up to 500 MB for a moment, and a thread
# tends to keep the memory it once took.
LARGE_PIXELS = 4_000_000
# Errors that concern one picture only.
UNREADABLE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)

Id = TypeVar("Id")
Read = Callable[[Id], bytes | Path]


class BadPicture(ClassifierError):
    """An error: a picture cannot be decoded; the message has the reason."""


@dataclass(frozen=True)
class Unreadable(Generic[Id]):
    """A picture that is left out, with the reason."""

    id: Id
    reason: str


@dataclass(frozen=True)
class Batch(Generic[Id]):
    """Pictures ready for a network.

    Attributes:
        ids: N of them, in the order of the request.
        pictures: (N, H, W, 3); N may be 0 when all were refused.
        refused: the pictures left out.
    """

    ids: list[Id]
    pictures: Pictures
    refused: list[Unreadable[Id]]


@dataclass(frozen=True)
class TopK(Generic[Id]):
    """The top k of a batch: labels (N, k) and scores (N, k) of N ids, the highest score first."""

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
    """Yield the k best labels of every picture, a batch at a time and in order.

    The arguments are those of `batches`, but `batch_size` defaults to the classifier's; while the network computes one
    batch, the next is prepared.
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
    """Yield prepared pictures, `batch_size` ids at a time and in order; the last batch may be smaller.

    Args:
        ids: names of the pictures; read one after the other, only as far as `look_ahead` allows.
        read: gives the bytes of a picture, or the path of its file; runs in threads. It may raise BadPicture, or the
            error of a missing or forbidden file: the picture is then refused. Any other error ends the run, as it may
            concern all pictures (a store that does not answer).
        prepare: a classifier's.
        size: (H, W) of prepared pictures, for batches of which all pictures are refused.
        workers: threads; None for as many as there are cores.
        look_ahead: batches held in memory besides the current one.

    Raises:
        ValueError: a figure below 1.
    """
    workers = workers or usable_cores()
    if min(workers, batch_size, look_ahead) < 1:
        raise ValueError("workers, batch_size and look_ahead must be 1 or more.")

    def prepare_or_refuse(id: Id, large: ThreadPoolExecutor) -> Pictures | Unreadable[Id]:
        try:
            return _prepared(id, read, prepare, large)
        except BadPicture as error:
            return Unreadable(id, str(error))

    remaining = iter(ids)
    # The single thread ends last: threads of the pool wait for it.
    with _threads(1) as large, _threads(workers) as pool:
        coming: deque[list[tuple[Id, Future]]] = deque()
        while True:
            while len(coming) < look_ahead and (part := list(islice(remaining, batch_size))):
                coming.append([(id, pool.submit(prepare_or_refuse, id, large)) for id in part])
            if not coming:
                return
            yield _batch(coming.popleft(), size)


@contextmanager
def _threads(n: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads, and end them afterwards, also when the caller drops the remaining batches."""
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
        message = gettext("the file cannot be read (%(reason)s): check that it exists")
        raise BadPicture(message % {"reason": error.strerror or error}) from None
    if _takes_much(content):
        return large.submit(_pixels, content, prepare).result()
    return _pixels(content, prepare)


def _takes_much(content: bytes) -> bool:
    """Tell whether decoding takes memory for all pixels of a large picture; an ordinary JPEG is decoded smaller."""
    if content.startswith(b"RIFF"):
        return math.prod(_webp_size(content)) > LARGE_PIXELS
    picture = decoded(content)
    return picture.width * picture.height > LARGE_PIXELS and (
        picture.format not in ("JPEG", "MPO") or "progressive" in picture.info
    )


def _webp_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a WebP file by its header, (0, 0) for other files.

    Pillow would reserve memory for every pixel, which a process with a limit may not have.
    """
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
    """Decode and prepare a picture; a separate function, so that its memory is freed on return."""
    try:
        return prepare(decoded(content))
    except (BadPicture, MemoryError):
        raise
    except Exception as error:
        # Pixels are decoded only now, and the decoders fail in more ways than can be listed.
        raise _damaged(error) from None


def _damaged(error: Exception) -> BadPicture:
    return BadPicture(
        gettext("damaged file (%(reason)s): replace it with an intact copy") % {"reason": reason_in(error)}
    )


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def decoded(content: bytes) -> Pillow.Image:
    """Open a picture and check its header. Raises BadPicture.

    Pixels are decoded on first use, which may still fail.
    """
    if not content:
        raise BadPicture(gettext("empty file: replace it with an intact copy"))
    if len(content) > MOST_BYTES:
        message = gettext("file too large: the limit is %(most)s MiB; make the image smaller")
        raise BadPicture(message % {"most": MOST_BYTES // 2**20})
    if content.startswith(b"RIFF"):
        _check_pixels(*_webp_size(content))
    try:
        picture = Pillow.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadPicture(gettext("unsupported format: use JPEG, PNG or WebP")) from None
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        message = gettext("far too many pixels: the limit is %(most)s million; make the image smaller")
        raise BadPicture(message % {"most": f"{MOST_PIXELS / 1e6:.0f}"}) from None
    except Exception as error:
        # As above: the errors of decoders at a damaged header cannot be listed.
        raise _damaged(error) from None
    _check_pixels(*picture.size)
    return picture


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        message = gettext(
            "too many pixels (%(width)s x %(height)s): the limit is %(most)s million; make the image smaller"
        )
        values = {"width": f"{width:,}", "height": f"{height:,}", "most": f"{MOST_PIXELS / 1e6:.0f}"}
        raise BadPicture(message % values)
