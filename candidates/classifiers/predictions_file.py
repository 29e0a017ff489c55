"""Files of top-k predictions: exported by this site, or computed elsewhere by a network that it does not run.

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
from catalog.errors import gettext, ngettext

# The limit of an npz array in memory; a zip of a few bytes may hold any number of zeros.
MOST_ARRAY_BYTES = 2**30
LABEL, SCORE = "label_", "score_"
FAULTS_SHOWN = 5
SUFFIXES = (".npz", ".csv", ".parquet")


class BadPredictions(ClassifierError):
    """An error: a file does not hold predictions; the message names the place and the way out."""


@dataclass(frozen=True)
class Predictions:
    """The content of a file: images (N), labels (N, k) with rank 1 first, and their scores (N, k), or None."""

    images: list[str]
    labels: Labels
    scores: Scores | None = None


def read(path: PathLike[str], n_classes: int | None = None, most_bytes: int = MOST_ARRAY_BYTES) -> Predictions:
    """Read and check the predictions in a file: each image once, no label twice for an image, best score first.

    Args:
        path: its suffix gives the format: .npz, .csv or .parquet. Messages name it by str().
        n_classes: labels must be below it; None leaves them unchecked.
        most_bytes: memory limit of one array of an npz file, or of the cells of a parquet file at 8 bytes each.

    Raises:
        BadPredictions: names the file and the line (csv) or row of the error; nothing is read then.
    """
    reader = _by_suffix(path, {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet})
    try:
        predictions, places = reader(path, most_bytes)
    except OSError as error:
        message = gettext("%(file)s cannot be read (%(reason)s): check the path and its permissions.")
        raise BadPredictions(message % {"file": path, "reason": error.strerror}) from error
    _check(path, predictions, places, n_classes)
    return predictions


def write(path: Path, predictions: Predictions) -> None:
    """Write a file for `read`; it appears whole or not at all. Raises BadPredictions for another suffix."""
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
    """The places of the predictions in their file, by number; the first is row 1."""

    numbers: Sequence[int]
    lines: bool = False

    def of(self, row: int) -> str:
        text = gettext("line %(number)s") if self.lines else gettext("row %(number)s")
        return text % {"number": self.numbers[row]}


def _rows(images: list[str]) -> _Places:
    return _Places(range(1, len(images) + 1))


def _by_suffix(path: PathLike[str], functions: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    try:
        return functions[Path(path).suffix.lower()]
    except KeyError:
        message = gettext("%(file)s has an unsupported format: use %(suffixes)s.")
        raise BadPredictions(message % {"file": path, "suffixes": ", ".join(functions)}) from None


def _check(path: PathLike[str], predictions: Predictions, places: _Places, n_classes: int | None) -> None:
    labels, scores = predictions.labels, predictions.scores
    shape = (len(predictions.images), labels.shape[1] if labels.ndim == 2 else 0)
    if labels.shape != shape or shape[1] < 1 or (scores is not None and scores.shape != shape):
        message = (
            gettext("%(file)s: %(n)s images, labels %(labels)s; labels must have the shape (images, k).")
            if scores is None
            else gettext(
                "%(file)s: %(n)s images, labels %(labels)s, scores %(scores)s; labels and scores must have the shape "
                "(images, k)."
            )
        )
        scores_shape = None if scores is None else scores.shape
        values = {"file": path, "n": len(predictions.images), "labels": labels.shape, "scores": scores_shape}
        raise BadPredictions(message % values)
    faults = [f"{places.of(row)}: {reason}" for row, reason in _faults(predictions, n_classes)]
    if faults:
        n_more = len(faults) - FAULTS_SHOWN
        more = [ngettext("and %(n)s more", "and %(n)s more", n_more) % {"n": f"{n_more:,}"}] if n_more > 0 else []
        message = gettext("%(file)s, %(faults)s.")
        raise BadPredictions(message % {"file": path, "faults": "; ".join(faults[:FAULTS_SHOWN] + more)})


def _faults(predictions: Predictions, n_classes: int | None) -> Iterator[tuple[int, str]]:
    """Yield the row and reason of the errors, the first of each kind."""
    labels, scores = predictions.labels, predictions.scores
    ordered = np.sort(labels, axis=1)
    yield from _first(labels.min(axis=1) < 0, gettext("a label is below 0; labels are counted from 0"))
    if n_classes is not None:
        message = gettext("a label is above %(last)s, the last of %(n)s classes")
        yield from _first(ordered[:, -1] > n_classes - 1, message % {"last": n_classes - 1, "n": n_classes})
    yield from _first(
        (ordered[:, 1:] == ordered[:, :-1]).any(axis=1), gettext("a label occurs twice; each label has one rank")
    )
    if scores is not None:
        yield from _first(~np.isfinite(scores).all(axis=1), gettext("a score is not a number"))
        rising = (scores[:, 1:] > scores[:, :-1]).any(axis=1)
        yield from _first(rising, gettext("a score is higher than that of the previous rank; rank 1 is the best"))
    yield from _name_faults(predictions.images)


def _name_faults(images: list[str]) -> Iterator[tuple[int, str]]:
    names: set[str] = set()
    for row, image in enumerate(images):
        if not image:
            yield row, gettext("the image has no name")
        elif image in names:
            yield row, gettext("the image %(image)r occurs twice") % {"image": image}
        names.add(image)


def _first(is_bad: Any, reason: str) -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(is_bad)[:1]:
        yield int(row), reason


# npz


def _read_npz(path: PathLike[str], most_bytes: int) -> tuple[Predictions, _Places]:
    try:
        with zipfile.ZipFile(path) as archive:
            large = [member.filename for member in archive.infolist() if member.file_size > most_bytes]
        if large:
            message = gettext("%(file)s: %(array)s is larger than %(most)s MiB: split the file.")
            raise BadPredictions(message % {"file": path, "array": large[0], "most": most_bytes // 2**20})
        with np.load(path, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in ("images", "labels", "scores") if name in arrays}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, BadPredictions):
            raise
        message = gettext("%(file)s is not a plain npz file: write it with numpy's savez.") % {"file": path}
        raise BadPredictions(
            message, shell=gettext("Message of the library: %(reason)s") % {"reason": error}
        ) from error
    kinds = {name: array.dtype.kind for name, array in content.items()}
    if kinds.get("images") != "U" or content["images"].ndim != 1 or kinds.get("labels") not in ("i", "u"):
        message = gettext("%(file)s needs an array images (N,) of text and an array labels (N, k) of whole numbers.")
        raise BadPredictions(message % {"file": path})
    if kinds.get("scores", "f") not in ("f", "i", "u"):
        raise _scores_not_numbers(path)
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
                    image, numbers, shares = _row(_Line(path, start), cells, k, with_scores)
                    images.append(image)
                    labels.append(numbers)
                    scores.append(shares)
                    lines.append(start)
                # A quoted name may span several lines: a row starts after the end of the previous row.
                start = reader.line_num + 1
    except UnicodeDecodeError as error:
        message = gettext("%(file)s is not UTF-8 text (%(reason)s): save it as CSV in UTF-8.")
        raise BadPredictions(message % {"file": path, "reason": error.reason}) from error
    except csv.Error as error:
        message = gettext("%(file)s, line %(line)s: %(reason)s. Correct the quotes in that line.")
        raise BadPredictions(message % {"file": path, "line": reader.line_num, "reason": error}) from error
    table = np.array(labels, np.int32).reshape(len(images), k)
    shares_table = np.array(scores, np.float32).reshape(len(images), k) if with_scores else None
    return Predictions(images, table, shares_table), _Places(lines, lines=True)


def _header(path: PathLike[str], header: list[str]) -> tuple[int, bool]:
    """Return k, and whether there are scores."""
    k = sum(name.startswith(LABEL) for name in header)
    for with_scores in (False, True):
        if k and header == _columns(k, with_scores):
            return k, with_scores
    k = max(k, 1)
    message = gettext(
        "%(file)s has other columns in its first line. Columns: %(required)s; optional: %(first)s to %(last)s."
    )
    columns = ", ".join(_columns(k, False))
    raise BadPredictions(message % {"file": path, "required": columns, "first": f"{SCORE}1", "last": f"{SCORE}{k}"})


def _columns(k: int, with_scores: bool) -> list[str]:
    kinds = (LABEL, SCORE) if with_scores else (LABEL,)
    return ["image", *(f"{kind}{rank}" for kind in kinds for rank in range(1, k + 1))]


@dataclass(frozen=True)
class _Line:
    """A line of a CSV file."""

    path: PathLike[str]
    number: int

    def fault(self, reason: str) -> BadPredictions:
        message = gettext("%(file)s, line %(line)s: %(reason)s.")
        return BadPredictions(message % {"file": self.path, "line": self.number, "reason": reason})


def _row(line: _Line, cells: list[str], k: int, with_scores: bool) -> tuple[str, list[int], list[float]]:
    n_cells = 1 + k * (1 + with_scores)
    if len(cells) != n_cells:
        message = ngettext(
            "the line has %(n)s cell, but the first line has %(expected)s",
            "the line has %(n)s cells, but the first line has %(expected)s",
            len(cells),
        )
        raise line.fault(message % {"n": len(cells), "expected": n_cells})
    labels = [_label(line, cell) for cell in cells[1 : 1 + k]]
    scores = [_score(line, cell) for cell in cells[1 + k :]]
    return cells[0].strip(), [max(label, -1) for label in labels], scores


def _label(line: _Line, cell: str) -> int:
    try:
        label = int(cell)
    except ValueError:
        label = 2**31
    if label >= 2**31:
        message = gettext("%(cell)r is not a label: labels are class indexes, whole numbers from 0")
        raise line.fault(message % {"cell": cell})
    return label


def _score(line: _Line, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise line.fault(gettext("%(cell)r is not a score, which is a number") % {"cell": cell}) from None


def _scores_not_numbers(path: PathLike[str]) -> BadPredictions:
    return BadPredictions(gettext("%(file)s: scores must be numbers.") % {"file": path})


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
            gettext("%(file)s: parquet needs pyarrow, which is not installed. Use npz or csv.") % {"file": path},
            shell=gettext("Or install pyarrow with ./run."),
            page=gettext("Or ask the site administrator to install pyarrow."),
        ) from error


def _read_parquet(path: PathLike[str], most_bytes: int) -> tuple[Predictions, _Places]:
    pyarrow, parquet = _pyarrow(path)
    try:
        file = parquet.ParquetFile(path)
        if 8 * file.metadata.num_rows * file.metadata.num_columns > most_bytes:
            message = gettext("%(file)s is too large (%(n)s rows): split the file.")
            raise BadPredictions(message % {"file": path, "n": f"{file.metadata.num_rows:,}"})
        table = file.read()
    except pyarrow.ArrowException as error:
        message = gettext("%(file)s cannot be read as parquet: write the file again.") % {"file": path}
        raise BadPredictions(
            message, shell=gettext("Message of the library: %(reason)s") % {"reason": error}
        ) from error
    k, with_scores = _header(path, table.column_names)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    images = columns["image"].tolist()
    labels = np.stack([columns[name] for name in _columns(k, False)[1:]], axis=1)
    if labels.dtype.kind not in "iu" or not all(isinstance(image, str) for image in images):
        message = gettext("%(file)s: images must be text and labels whole numbers, without gaps.")
        raise BadPredictions(message % {"file": path})
    scores = np.stack([columns[f"{SCORE}{rank}"] for rank in range(1, k + 1)], axis=1) if with_scores else None
    if scores is not None and scores.dtype.kind not in "iuf":
        raise _scores_not_numbers(path)
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
