"""Files of what a dataset has, as a browser gets them."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Exists, OuterRef, QuerySet
from django.http import FileResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from annotation_site.exports import FILES, KINDS, streamed_rows
from annotation_site.prediction import export_predictions
from catalog.models import Classifier, Dataset, Prediction

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
SAYS = {
    "annotations": "An image's objects with their labels, how many there are, and its main label: what a study is for.",
    "selection_frequencies": "How often each (image, label) pair was selected, and how often it was shown.",
    "contains_votes": "Every answer to every cell of a grid, ticked or not, under the pseudonym of who gave it.",
    "classify_votes": "Every answer to a form: all labels ticked and the main one, under a pseudonym.",
    "grids": "Every cell of every grid with its place, its role (question, control, padding) and the expected answer.",
    "potential_labels": "The labels to ask about for each image, and which classifiers named each at which rank.",
    "predictions": "What each classifier ranks highest for each image, best first, with its scores.",
}


@dataclass(frozen=True)
class FileShown:
    kind: str
    says: str
    is_empty: bool
    on_rest: bool

    @property
    def title(self) -> str:
        return self.kind.replace("_", " ").capitalize()


def files_of(dataset: Dataset) -> Iterator[FileShown]:
    for kind, says in SAYS.items():
        yield FileShown(kind, says, not FILES[kind].rows_of(dataset).exists(), kind in KINDS)


def classifiers_of(dataset: Dataset) -> QuerySet[Classifier]:
    """Those that have predicted images of the dataset."""
    of_dataset = Prediction.objects.filter(classifier=OuterRef("pk"), image__dataset=dataset)
    return dataset.label_set.classifiers.filter(Exists(of_dataset)).order_by("name")


def rows_response(dataset: Dataset, kind: str, format: str, names: bool) -> StreamingHttpResponse:
    """All rows as they are at one moment, row by row. A fault on the way ends it early, which browsers notice."""
    response = StreamingHttpResponse(streamed_rows(FILES[kind], dataset, format, names), content_type=FORMATS[format])
    response.headers["Content-Disposition"] = _attachment(dataset, kind, format)
    return response


def predictions_response(dataset: Dataset, classifier: str) -> FileResponse:
    """One classifier's predictions as `import predictions` reads them. Raises UserError when there are none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.npz"
        export_predictions(dataset=dataset, classifier=classifier, file=file)
        # Open, it outlives its name.
        response = FileResponse(file.open("rb"), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = _attachment(dataset, f"predictions-{classifier}", "npz")
    return response


def _attachment(dataset: Dataset, what: str, ending: str) -> str:
    return content_disposition_header(True, f"{_plain(dataset.name)}-{_plain(what)}.{ending}")


def _plain(name: str) -> str:
    """A name that every system takes for one of a file."""
    return re.sub(r"[^\w.@=-]+", "_", name).strip("._") or "dataset"
