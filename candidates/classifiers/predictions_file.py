"""Files of top-k predictions: written here, or computed elsewhere by a network that this site does not run.

    npz      arrays images (N,) of text, labels (N, k) of whole numbers and, if known, scores (N, k)
    csv      columns image, label_1 ... label_k and, if known, score_1 ... score_k; one header line, UTF-8
    parquet  the columns of the csv file; needs pyarrow

Labels are class indexes, counted from 0. Rank 1 is the best. `image` is the image's name in the dataset.
"""

import csv
import importlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.classifiers.interface import ClassifierError, Labels, Scores

# What one array of an npz file may take in memory; a zip of a few bytes may hold any number of zeros.
MOST_ARRAY_BYTES = 2**30
LABEL, SCORE = "label_", "score_"
A_LABEL = "label: labels are class indexes, whole numbers from 0"
FAULTS_SHOWN = 5
SUFFIXES = (".npz", ".csv", ".parquet")


class BadPredictions(ClassifierError):
    """A file that is not one of predictions; the message names the place and the way out."""


@dataclass(frozen=True)
class Predictions:
    """Attributes: images (N), labels (N, k) with rank 1 first, and their scores (N, k), or None when unknown."""

    images: list[str]
    labels: Labels
    scores: Scores | None = None


def read(path: PathLike[str], n_classes: int | None = None, most_bytes: int = MOST_ARRAY_BYTES) -> Predictions:
    """The predictions in a file, checked: each image once, no label twice for an image, best score first.

    Args:
        path: its suffix says what it is: .npz, .csv or .parquet. Messages call it what str() makes of it.
        n_classes: labels must be below it; None leaves them unchecked.
        most_bytes: what one array of an npz file, or the cells of a parquet file at 8 bytes each, may take in memory.

    Raises:
        BadPredictions: names the file and the line (csv) or row of what is wrong; nothing is taken then.
    """
    reader = _by_suffix(path, {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet})
    try:
        found, places = reader(path, most_bytes)
    except OSError as error:
        raise BadPredictions(f"{path} cannot be read ({error.strerror}): check the path and its rights.") from error
    _check(path, found, places, n_classes)
    return found


def write(path: Path, predictions: Predictions) -> None:
    """Write what `read` reads; the file appears whole or not at all. Raises BadPredictions for another suffix."""
    writer = _by_suffix(path, {".npz": _write_npz, ".csv": _write_csv, ".parquet": _write_parquet})
    _check(path, predictions, _rows(predictions.images), None)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        writer(unfinished, predictions)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Places:
    """Where each prediction stands in its file; the first is row 1."""

    word: str
    numbers: Sequence[int]

    def of(self, row: int) -> str:
        return f"{self.word} {self.numbers[row]}"


def _rows(images: list[str]) -> _Places:
    return _Places("row", range(1, len(images) + 1))


def _by_suffix(path: PathLike[str], functions: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    try:
        return functions[Path(path).suffix.lower()]
    except KeyError:
        raise BadPredictions(f"{path} is not a kind that is known: name it {', '.join(functions)}.") from None


def _check(path: PathLike[str], found: Predictions, places: _Places, n_classes: int | None) -> None:
    shape = (len(found.images), found.labels.shape[1] if found.labels.ndim == 2 else 0)
    if found.labels.shape != shape or shape[1] < 1 or (found.scores is not None and found.scores.shape != shape):
        of_scores = "" if found.scores is None else f", scores {found.scores.shape}"
        raise BadPredictions(
            f"{path}: {len(found.images)} images, labels {found.labels.shape}{of_scores}; "
            f"wanted are labels, and scores if any, of shape (images, k)."
        )
    wrong = [f"{places.of(row)}: {reason}" for row, reason in _complaints(found, n_classes)]
    if wrong:
        more = f"; and {len(wrong) - FAULTS_SHOWN:,} more" if len(wrong) > FAULTS_SHOWN else ""
        raise BadPredictions(f"{path}, {'; '.join(wrong[:FAULTS_SHOWN])}{more}.")


def _complaints(found: Predictions, n_classes: int | None) -> Iterator[tuple[int, str]]:
    """The row and reason of what is wrong, the first of each kind."""
    ordered = np.sort(found.labels, axis=1)
    yield from _first(found.labels.min(axis=1) < 0, "a label is below 0; they count from 0")
    if n_classes is not None:
        last = n_classes - 1
        yield from _first(ordered[:, -1] > last, f"a label is above {last}, the last of {n_classes} classes")
    yield from _first((ordered[:, 1:] == ordered[:, :-1]).any(axis=1), "a label stands there twice; each has one rank")
    if found.scores is not None:
        yield from _first(~np.isfinite(found.scores).all(axis=1), "a score is not a number")
        rising = (found.scores[:, 1:] > found.scores[:, :-1]).any(axis=1)
        yield from _first(rising, "a score is higher than that of the rank before; rank 1 is the best")
    seen: set[str] = set()
    for row, image in enumerate(found.images):
        if not image or image in seen:
            yield row, f"the image {image!r} stands there for the second time" if image else "the image has no name"
        seen.add(image)


def _first(wrong: Any, reason: str) -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(wrong)[:1]:
        yield int(row), reason


# npz


def _read_npz(path: PathLike[str], most_bytes: int) -> tuple[Predictions, _Places]:
    try:
        with zipfile.ZipFile(path) as archive:
            large = [member.filename for member in archive.infolist() if member.file_size > most_bytes]
        if large:
            raise BadPredictions(f"{path}: {large[0]} is larger than {most_bytes // 2**20} MiB: split the file.")
        with np.load(path, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in ("images", "labels", "scores") if name in arrays}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, BadPredictions):
            raise
        wrong = f"{path} is not a plain npz file: write it with numpy's savez."
        raise BadPredictions(wrong, shell=f"The library says: {error}") from error
    kinds = {name: array.dtype.kind for name, array in content.items()}
    if kinds.get("images") != "U" or content["images"].ndim != 1 or kinds.get("labels") not in ("i", "u"):
        raise BadPredictions(f"{path} needs an array images (N,) of text and an array labels (N, k) of whole numbers.")
    if kinds.get("scores", "f") not in ("f", "i", "u"):
        raise BadPredictions(f"{path}: scores are no numbers.")
    labels = np.clip(content["labels"], -1, 2**31 - 1).astype(np.int32)
    scores = np.asarray(content["scores"], np.float32) if "scores" in content else None
    images = content["images"].tolist()
    return Predictions(images, labels, scores), _rows(images)


def _write_npz(path: Path, predictions: Predictions) -> None:
    arrays: dict[str, NDArray] = {"images": np.array(predictions.images, np.str_), "labels": predictions.labels}
    if predictions.scores is not None:
        arrays["scores"] = predictions.scores
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


# csv


def _read_csv(path: PathLike[str], most_bytes: int) -> tuple[Predictions, _Places]:
    images, labels, scores, lines = [], [], [], []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            k, with_scores = _header(path, [name.strip() for name in next(reader, [])])
            start = reader.line_num + 1
            for cells in reader:
                if cells:
                    image, numbers, shares = _row(f"{path}, line {start}", cells, k, with_scores)
                    images.append(image)
                    labels.append(numbers)
                    scores.append(shares)
                    lines.append(start)
                # A quoted name may run over several lines: a row starts after the end of the one before.
                start = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise BadPredictions(f"{path} is not UTF-8 text ({error.reason}): save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise BadPredictions(f"{path}, line {reader.line_num}: {error}. Correct the quotes in that line.") from error
    table = np.array(labels, np.int32).reshape(len(images), k)
    shares_table = np.array(scores, np.float32).reshape(len(images), k) if with_scores else None
    return Predictions(images, table, shares_table), _Places("line", lines)


def _header(path: PathLike[str], header: list[str]) -> tuple[int, bool]:
    """k, and whether there are scores."""
    k = sum(name.startswith(LABEL) for name in header)
    for with_scores in (False, True):
        if k and header == _columns(k, with_scores):
            return k, with_scores
    wanted = ", ".join(_columns(max(k, 1), False))
    raise BadPredictions(
        f"{path} has other columns in its first line than {wanted} and, if you like, {SCORE}1 to {SCORE}{max(k, 1)}."
    )


def _columns(k: int, with_scores: bool) -> list[str]:
    kinds = (LABEL, SCORE) if with_scores else (LABEL,)
    return ["image", *(f"{kind}{rank}" for kind in kinds for rank in range(1, k + 1))]


def _row(where: str, cells: list[str], k: int, with_scores: bool) -> tuple[str, list[int], list[float]]:
    n_cells = 1 + k * (1 + with_scores)
    if len(cells) != n_cells:
        raise BadPredictions(f"{where}: it has {len(cells)} cells where the first line has {n_cells}.")
    labels = [_number(where, cell, int, A_LABEL) for cell in cells[1 : 1 + k]]
    scores = [_number(where, cell, float, "score, a number") for cell in cells[1 + k :]]
    if max(labels) >= 2**31:
        raise BadPredictions(f"{where}: {max(labels)} is not a label.")
    return cells[0].strip(), [max(label, -1) for label in labels], scores


def _number(where: str, cell: str, kind: type, what: str) -> Any:
    try:
        return kind(cell)
    except ValueError:
        raise BadPredictions(f"{where}: {cell!r} is not a {what}.") from None


def _write_csv(path: Path, predictions: Predictions) -> None:
    k = predictions.labels.shape[1]
    scores = predictions.scores
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_columns(k, scores is not None))
        for row, image in enumerate(predictions.images):
            # The shortest text that gives back the same 32 bits.
            shares = [] if scores is None else [str(score) for score in scores[row].astype(np.float32)]
            writer.writerow([image, *predictions.labels[row].tolist(), *shares])


# parquet


def _pyarrow(path: PathLike[str]) -> tuple[ModuleType, ModuleType]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise BadPredictions(
            f"{path}: parquet needs pyarrow, which is not installed. Use npz or csv.",
            shell="Or install it: ./run does.",
            page="Or have the site administrator install it.",
        ) from error


def _read_parquet(path: PathLike[str], most_bytes: int) -> tuple[Predictions, _Places]:
    pyarrow, parquet = _pyarrow(path)
    try:
        file = parquet.ParquetFile(path)
        if 8 * file.metadata.num_rows * file.metadata.num_columns > most_bytes:
            raise BadPredictions(f"{path} has {file.metadata.num_rows:,} rows, more than are taken: split the file.")
        table = file.read()
    except pyarrow.ArrowException as error:
        wrong = f"{path} cannot be read as parquet: write it anew."
        raise BadPredictions(wrong, shell=f"The library says: {error}") from error
    k, with_scores = _header(path, table.column_names)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    images = columns["image"].tolist()
    labels = np.stack([columns[name] for name in _columns(k, False)[1:]], axis=1)
    if labels.dtype.kind not in "iu" or not all(isinstance(image, str) for image in images):
        raise BadPredictions(f"{path}: images must be text and labels whole numbers, with none left out.")
    scores = np.stack([columns[f"{SCORE}{rank}"] for rank in range(1, k + 1)], axis=1) if with_scores else None
    if scores is not None and scores.dtype.kind not in "iuf":
        raise BadPredictions(f"{path}: scores must be numbers.")
    labels = np.clip(labels, -1, 2**31 - 1).astype(np.int32)
    scores = None if scores is None else scores.astype(np.float32)
    return Predictions(images, labels, scores), _rows(images)


def _write_parquet(path: Path, predictions: Predictions) -> None:
    pyarrow, parquet = _pyarrow(path)
    k = predictions.labels.shape[1]
    columns: dict[str, Any] = {"image": pyarrow.array(predictions.images, pyarrow.string())}
    columns |= {f"{LABEL}{rank + 1}": predictions.labels[:, rank] for rank in range(k)}
    if predictions.scores is not None:
        columns |= {f"{SCORE}{rank + 1}": predictions.scores[:, rank] for rank in range(k)}
    parquet.write_table(pyarrow.table(columns), path)
