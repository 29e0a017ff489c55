"""Files of predictions come back as they were written, and what is wrong in one is named with its place."""

import importlib.util
import sys
import zipfile

import numpy as np
import pytest

from candidates.classifiers.predictions_file import BadPredictions, Predictions, read, write
from tests.required import require

LABELS = np.array([[3, 1, 2], [7, 0, 999], [5, 4, 3]], np.int32)
SCORES = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1e-9], [0.5, 0.5, 0]], np.float32)
IMAGES = ["a.jpg", "b, with a comma.jpg", 'ä "quoted"\nname.png']
HAS_PARQUET = importlib.util.find_spec("pyarrow") is not None
PARQUET = pytest.param(".parquet", marks=pytest.mark.skipif(not HAS_PARQUET, reason="pyarrow is not installed"))
SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".csv", PARQUET])


@SUFFIXES
@pytest.mark.parametrize("scores", [SCORES, None])
def test_what_was_written_comes_back(tmp_path, suffix, scores):
    path = tmp_path / f"predictions{suffix}"
    write(path, Predictions(IMAGES, LABELS, scores))
    predictions = read(path, n_classes=1000)
    assert predictions.images == IMAGES
    assert predictions.labels.dtype == np.int32
    assert np.array_equal(predictions.labels, LABELS)
    assert (predictions.scores is None) == (scores is None)
    if scores is not None:
        assert require(predictions.scores).dtype == np.float32 and np.array_equal(require(predictions.scores), scores)
    assert list(tmp_path.iterdir()) == [path]


@SUFFIXES
def test_a_file_of_no_images_keeps_its_k(tmp_path, suffix):
    path = tmp_path / f"predictions{suffix}"
    write(path, Predictions([], np.empty((0, 5), np.int32), np.empty((0, 5), np.float32)))
    assert read(path).labels.shape == require(read(path).scores).shape == (0, 5)


@SUFFIXES
def test_a_damaged_file_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"predictions{suffix}"
    path.write_bytes(b"\x80 no such format")
    with pytest.raises(BadPredictions, match=rf"predictions\{suffix} (is|cannot)"):
        read(path)


WRONG = {
    "a label below 0": (LABELS - 1, SCORES, 2, "a label is below 0"),
    "a label too high": (LABELS + 1, SCORES, 2, "a label is above 999, the last of 1000 classes"),
    "a label twice": (np.where(LABELS == 4, 5, LABELS), SCORES, 3, "a label occurs twice"),
    "no number": (LABELS, np.where(SCORES == 0, np.nan, SCORES), 3, "a score is not a number"),
    "rising": (LABELS, SCORES[:, ::-1], 1, "a score is higher than that of the previous rank"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_impossible_prediction_is_refused_with_its_row(tmp_path, wrong):
    labels, scores, row, reason = WRONG[wrong]
    path = tmp_path / "predictions.npz"
    np.savez(path, images=np.array(IMAGES), labels=labels, scores=scores)
    with pytest.raises(BadPredictions, match=rf"predictions\.npz, row {row}: {reason}"):
        read(path, n_classes=1000)


@pytest.mark.parametrize(("images", "reason"), [(["a", "b", "a"], "'a' occurs twice"), (["a", "b", ""], "no name")])
def test_an_image_stands_in_a_file_once_and_has_a_name(tmp_path, images, reason):
    with pytest.raises(BadPredictions, match=f"row 3: the image .*{reason}|row 3: the image has no name"):
        write(tmp_path / "predictions.npz", Predictions(images, LABELS))
    assert not list(tmp_path.iterdir())


HEADER = "image,label_1,label_2,score_1,score_2\n"
CSV = {
    "a name with two lines": (f'{HEADER}"a\nb",1,2,.5,.4\nc,1,x,.5,.4\n', "line 4: 'x' is not a label: .* class"),
    "several faults": (f"{HEADER}a,1,1,.5,.4\nb,2,1,.4,.5\n", "line 2: a label .* twice.*; line 3: a score is"),
    "a score": (f"{HEADER}a,1,2,.5,much\n", "line 2: 'much' is not a score, which is a number"),
    "a missing cell": (f"{HEADER}a,1,2,.5,.4\n\nb,1,2,.5\n", "line 4: the line has 4 cells, but the first line has 5"),
    "a label twice": (f"{HEADER}a,1,2,.5,.4\nb,1,1,.5,.4\n", "line 3: a label occurs twice"),
    "an image twice": (f"{HEADER}a,1,2,.5,.4\nb,2,1,.5,.4\na,1,2,.5,.4\n", "line 4: the image 'a' occurs twice"),
    "nan": (f"{HEADER}a,1,2,nan,.4\n", "line 2: a score is not a number"),
    "a label beyond 32 bits": (f"{HEADER}a,1,4294967297,.5,.4\n", "line 2: '4294967297' is not a label"),
    "a label far below 0": (f"{HEADER}a,1,-4294967297,.5,.4\n", "line 2: a label is below 0"),
    "an open quote": (f'{HEADER}a,1,2,.5,.4\n"b,1,2,.5,.4\n', "line 3: .* Correct the quotes"),
    "no header": ("a,1,2\n", "other columns in its first line. Columns: image, label_1"),
    "ranks out of order": ("image,label_2,label_1\n", "other columns .* image, label_1, label_2"),
    "half the scores": ("image,label_1,label_2,score_1\n", "optional: score_1 to score_2"),
    "nothing": ("", "other columns"),
}


@pytest.mark.parametrize("wrong", CSV)
def test_a_csv_file_is_refused_with_the_line(tmp_path, wrong):
    text, message = CSV[wrong]
    path = tmp_path / "predictions.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(BadPredictions, match=rf"predictions\.csv.* {message}"):
        read(path)


def test_a_csv_file_of_a_spreadsheet_is_taken(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(b"\xef\xbb\xbfimage, label_1,label_2\r\na.jpg, 3,5\r\n\r\n")
    predictions = read(path)
    assert (predictions.images, predictions.labels.tolist(), predictions.scores) == (["a.jpg"], [[3, 5]], None)


def test_a_csv_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes("image,label_1\nä,1\n".encode("latin-1"))
    with pytest.raises(BadPredictions, match="is not UTF-8 text"):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.array(["a"])}, "needs an array images"),
        ({"images": np.array([b"a"]), "labels": [[1]]}, "needs an array images"),
        ({"images": np.array(["a"]), "labels": [[1.0]]}, "labels .* whole numbers"),
        ({"images": np.array(["a"]), "labels": [[1]], "scores": [["much"]]}, "scores must be numbers"),
        ({"images": np.array(["a", "b"]), "labels": [[1]]}, r"2 images, labels \(1, 1\)"),
        ({"images": np.array(["a"]), "labels": [1]}, r"1 images, labels \(1,\)"),
        ({"images": np.array(["a"]), "labels": [[1, 2]], "scores": [[0.5]]}, r"scores \(1, 1\)"),
        ({"images": np.array(["a"]), "labels": np.empty((1, 0), int)}, r"labels \(1, 0\)"),
        ({"images": np.array(["a"]), "labels": [[2**32 + 1]]}, "a label is above 999"),
        ({"images": np.array(["a"], object), "labels": [[1]]}, "is not a plain npz file"),
    ],
)
def test_arrays_of_another_kind_or_shape_are_refused(tmp_path, arrays, message):
    path = tmp_path / "predictions.npz"
    np.savez(path, **arrays)
    with pytest.raises(BadPredictions, match=message):
        read(path, n_classes=1000)


def test_a_small_file_that_unpacks_to_a_large_array_is_refused_unread(tmp_path):
    path = tmp_path / "predictions.npz"
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("labels.npy", "w", force_zip64=True) as file:
        for _ in range(1025):
            file.write(bytes(2**20))
    assert path.stat().st_size < 5 * 2**20
    with pytest.raises(BadPredictions, match=r"labels\.npy is larger than 1024 MiB"):
        read(path)


def test_without_pyarrow_parquet_is_refused_with_the_way_out(tmp_path, monkeypatch):
    # What an import finds where nothing is installed.
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadPredictions, match=r"is not installed\. Use npz or csv\.$") as refused:
        write(tmp_path / "predictions.parquet", Predictions(IMAGES, LABELS))
    assert refused.value.for_shell.endswith("Use npz or csv. Or install pyarrow with ./run.")


@pytest.mark.parametrize("call", [read, lambda path: write(path, Predictions(IMAGES, LABELS))])
def test_another_suffix_is_refused_with_those_there_are(tmp_path, call):
    with pytest.raises(BadPredictions, match=r"use \.npz, \.csv, \.parquet"):
        call(tmp_path / "predictions.pickle")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadPredictions, match=r"none\.csv cannot be read \(No such file"):
        read(tmp_path / "none.csv")


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "predictions.csv"
    write(path, Predictions(IMAGES, LABELS))
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write(path, Predictions(["a", "b", "\udcff"], LABELS))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
