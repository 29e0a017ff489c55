"""Pictures are read and prepared ahead of the network; what is wrong with one harms no other."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Generator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image as Pillow

from candidates.classifiers import loading
from candidates.classifiers.interface import top_k
from candidates.classifiers.loading import MOST_BYTES, BadPicture, batches, decoded, predictions
from candidates.classifiers.onnx_file import load
from candidates.classifiers.preprocessing import Preprocessing
from tests.candidates.classifiers.onnx_networks import SAYS, colour_means

ROOT = Path(__file__).resolve().parents[3]
SIZE = (8, 8)
PREPARE = Preprocessing(8).prepare


def encoded(seed=0, kind="JPEG", size=(20, 16)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    target = io.BytesIO()
    Pillow.fromarray(pixels).save(target, kind)
    return target.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_batches_come_in_order_and_the_last_is_smaller():
    contents = {f"{number}.jpg": encoded(number) for number in range(11)}
    parts = list(batches(contents, contents.__getitem__, PREPARE, SIZE, batch_size=4, workers=3))
    assert [len(batch.ids) for batch in parts] == [4, 4, 3]
    assert [id for batch in parts for id in batch.ids] == list(contents)
    alone = [PREPARE(decoded(content)) for content in contents.values()]
    assert np.array_equal(np.concatenate([batch.pictures for batch in parts]), alone)
    assert not any(batch.refused for batch in parts)


def test_order_is_kept_when_pictures_take_different_times():
    content = encoded()

    def read(number):
        time.sleep(0.02 * (number % 3 == 0))
        return content

    parts = batches(range(30), read, PREPARE, SIZE, batch_size=7, workers=5)
    assert [number for batch in parts for number in batch.ids] == list(range(30))


def test_paths_are_read_as_well_as_bytes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(1))
    (batch,) = batches(["a.jpg"], lambda name: tmp_path / name, PREPARE, SIZE)
    assert np.array_equal(batch.pictures[0], PREPARE(decoded(encoded(1))))


BAD = {
    "empty": (b"", "empty file"),
    "text": (b"hello", "unsupported format: use JPEG, PNG or WebP"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported format"),
    "gif": (encoded(kind="GIF"), "unsupported format"),
    "cut off": (encoded(size=(200, 200))[:3000], "damaged file"),
    "cut off early": (encoded(kind="PNG")[:20], "damaged file|unsupported format"),
    "too many pixels": (png_that_claims(12_000, 12_000), "too many pixels.*: the limit is 25 million"),
    "very many pixels": (png_that_claims(50_000, 50_000), "far too many pixels: the limit is 25 million"),
    "just too many": (png_that_claims(5_001, 5_000), r"\(5,001 x 5,000\): the limit is 25 million"),
    "many bytes": (b"\xff" * (MOST_BYTES + 1), "the limit is 20 MiB"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_picture_is_reported_and_the_others_go_on(bad):
    content, reason = BAD[bad]
    contents = {"first": encoded(1), "bad": content, "last": encoded(2)}
    (batch,) = batches(contents, contents.__getitem__, PREPARE, SIZE)
    assert batch.ids == ["first", "last"]
    assert batch.pictures.shape == (2, 8, 8, 3)
    (refused,) = batch.refused
    assert refused.id == "bad"
    with pytest.raises(BadPicture, match=reason):
        raise BadPicture(refused.reason)


def test_a_missing_file_is_reported_and_the_others_go_on(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded())
    (batch,) = batches(["none.jpg", "a.jpg", "."], lambda name: tmp_path / name, PREPARE, SIZE)
    assert batch.ids == ["a.jpg"]
    assert [(picture.id, picture.reason.split(":")[0]) for picture in batch.refused] == [
        ("none.jpg", "the file cannot be read (No such file or directory)"),
        (".", "the file cannot be read (Is a directory)"),
    ]


def test_a_batch_of_nothing_but_bad_pictures_is_empty_but_whole():
    (batch,) = batches(["a", "b"], lambda _: b"no", PREPARE, SIZE)
    assert (batch.ids, batch.pictures.shape) == ([], (0, 8, 8, 3))
    assert [picture.id for picture in batch.refused] == ["a", "b"]


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"quality": 50, "exif": b"Exif\0\0"}])
def test_the_size_of_a_webp_is_read_without_decoding_it(options):
    for size in ((20, 16), (1, 300), (777, 5)):
        target = io.BytesIO()
        Pillow.new("RGB", size, "red").save(target, "WEBP", **options)
        assert loading._webp_size(target.getvalue()) == size
    assert loading._webp_size(target.getvalue()[:20]) == (0, 0)


def test_a_large_webp_is_refused_before_anything_of_it_is_unpacked(monkeypatch):
    head = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    monkeypatch.setattr(Pillow, "open", pytest.fail)
    with pytest.raises(BadPicture, match=r"\(16,383 x 16,383\): the limit is 25 million"):
        decoded(b"RIFF" + struct.pack("<I", 100) + b"WEBP" + head)


def test_no_ids_make_no_batches():
    assert list(batches([], pytest.fail, PREPARE, SIZE)) == []


def test_a_store_that_does_not_answer_ends_the_run():
    def read(_):
        raise TimeoutError("the store does not answer")

    with pytest.raises(TimeoutError, match="does not answer"):
        list(batches(["a", "b"], read, PREPARE, SIZE))


def test_no_more_is_read_ahead_than_was_allowed():
    content, numbers = encoded(), count()
    read = []

    def remembered(number):
        read.append(number)
        return content

    coming = batches(numbers, remembered, PREPARE, SIZE, batch_size=3, workers=2, look_ahead=2)
    with closing(cast(Generator, coming)):
        next(coming)
        next(coming)
    # Two batches were given out, and at most two more were asked for.
    assert 6 <= len(read) <= 12
    assert next(numbers) == 9


def test_threads_are_gone_when_nobody_wants_the_rest():
    before = threading.active_count()
    coming = batches(count(), lambda _: encoded(), PREPARE, SIZE, batch_size=2, workers=4)
    with closing(cast(Generator, coming)):
        next(coming)
        assert threading.active_count() > before
    assert threading.active_count() == before


@pytest.mark.parametrize("figures", [{"batch_size": 0}, {"workers": -1}, {"look_ahead": 0}])
def test_figures_below_one_are_refused(figures):
    with pytest.raises(ValueError, match="must be 1 or more"):
        list(batches(["a"], lambda _: encoded(), PREPARE, SIZE, **figures))


def test_predictions_are_those_of_each_picture_alone(tmp_path):
    network = load(colour_means(tmp_path / "small.onnx"), **SAYS)
    contents = {number: encoded(number) for number in range(10)} | {4: b"no picture"}
    answers = list(predictions(network, contents, contents.__getitem__, k=2, batch_size=3))
    assert [number for answer in answers for number in answer.ids] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert [picture.id for answer in answers for picture in answer.refused] == [4]
    for answer in answers:
        for number, labels, scores in zip(answer.ids, answer.labels, answer.scores, strict=True):
            alone = network.predict(network.prepare(decoded(contents[number]))[None])
            expected = top_k(alone, 2)
            assert np.array_equal(labels, expected[0][0])
            assert np.allclose(scores, expected[1][0], atol=1e-6)


def test_while_the_network_computes_the_next_pictures_are_prepared(tmp_path):
    network = load(colour_means(tmp_path / "small.onnx"), **SAYS)
    content = encoded()
    n_read: list[Any] = []
    read_during: list[Any] = []

    class Slow:
        input_size = network.input_size
        prepare = staticmethod(network.prepare)

        def predict(self, batch):
            before = len(n_read)
            time.sleep(0.3)
            read_during.append(len(n_read) - before)
            return network.predict(batch)

    def read(number):
        n_read.append(number)
        return content

    assert len(list(predictions(cast(Any, Slow()), range(12), read, k=1, batch_size=3, workers=1))) == 4
    assert sum(read_during) > 0


MEMORY = """
import sys
from pathlib import Path
from candidates.classifiers.loading import batches
from candidates.classifiers.preprocessing import Preprocessing
paths = sorted(Path(sys.argv[1]).iterdir()) * int(sys.argv[2])
refused = 0
for batch in batches(range(len(paths)), paths.__getitem__, Preprocessing(224).prepare, (224, 224), 4, workers=8):
    refused += len(batch.refused)
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(len(paths), refused, int(peak) // 1024)
"""


def test_large_pictures_and_bombs_take_less_than_500_megabytes(tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say how much memory a process took")
    Pillow.new("1", (12_000, 12_000)).save(tmp_path / "144-megapixels.png")
    Pillow.new("RGB", (12_000, 12_000)).save(tmp_path / "144-megapixels.jpg", quality=1)
    Pillow.new("RGB", (5_000, 5_000)).save(tmp_path / "25-megapixels.png", compress_level=1)
    Pillow.new("CMYK", (5_000, 5_000)).save(tmp_path / "25-megapixels.jpg")
    Pillow.new("RGBA", (5_000, 5_000)).save(tmp_path / "25-megapixels.webp", method=0)
    assert (tmp_path / "144-megapixels.png").stat().st_size < 100_000
    # All of them are in work at once already the first time.
    n_times = 3 if os.environ.get("SOAK") else 1
    words = [sys.executable, "-c", MEMORY, str(tmp_path), str(n_times)]
    process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    n_all, n_refused, megabytes = map(int, process.stdout.split())
    assert (n_all, n_refused) == (5 * n_times, 2 * n_times)
    assert megabytes < 500, f"{megabytes} MB"
