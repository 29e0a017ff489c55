"""Downloads of a dataset's rows and predictions."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet
from django.http import FileResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy

from access.permissions.reads import May
from candidates.prediction_files.reads import export_predictions
from catalog.models import Classifier, Dataset, Prediction
from data_export.reads import (
    FORMATS,
    exported_files,
    exported_tables,
    permission_to_read,
    rests_on_simulated,
    streamed_rows,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TITLES: "dict[str, StrOrPromise]" = {
    "annotations": gettext_lazy("Annotations"),
    "selection_frequencies": gettext_lazy("Selection frequencies"),
    "contains_votes": gettext_lazy("CONTAINS votes"),
    "classify_votes": gettext_lazy("CLASSIFY votes"),
    "grids": gettext_lazy("Grids"),
    "forms": gettext_lazy("Forms"),
    "answers": gettext_lazy("Answers"),
    "model_frequencies": gettext_lazy("Frequencies of the worker model"),
    "potential_labels": gettext_lazy("Potential labels"),
    "predictions": gettext_lazy("Predictions"),
    "mistakes": gettext_lazy("Mistakes of classifiers"),
    "verdicts": gettext_lazy("Verdicts of reviewers"),
    "label_sets": gettext_lazy("Label sets of reviews"),
}


@dataclass(frozen=True)
class FileShown:
    """A kind of file as the page offers it."""

    kind: str
    says: str
    is_empty: bool
    on_rest: bool

    @property
    def title(self) -> "StrOrPromise":
        """Return the title of the file; a kind that is not in TITLES is called by its name."""
        return TITLES.get(self.kind, self.kind.replace("_", " ").capitalize())


def files_of(dataset: Dataset, may: frozenset[May]) -> Iterator[FileShown]:
    """Yield the files that a dataset offers to somebody with these permissions."""
    tables = exported_tables()
    for name, rows in exported_files().items():
        if permission_to_read(name) in may:
            yield FileShown(name, str(rows.says), not rows.rows_of(dataset).exists(), name in tables)


def names_people(kind: str) -> bool:
    """Return whether the rows of this kind hold ids of people, pseudonyms too."""
    rows = exported_files().get(kind)
    return rows is not None and "worker" in rows.columns


def classifiers_of(dataset: Dataset) -> QuerySet[Classifier]:
    """Return the classifiers that have predicted images of the dataset."""
    of_dataset = Prediction.objects.filter(classifier=OuterRef("pk"), image__dataset=dataset)
    return dataset.label_set.classifiers.filter(Exists(of_dataset)).order_by("name")


def rows_response(dataset: Dataset, kind: str, format: str, names: bool) -> StreamingHttpResponse:
    """Stream all rows of one snapshot. An error on the way ends the download early, and browsers notice."""
    content = streamed_rows(exported_files()[kind], dataset, format, names)
    response = StreamingHttpResponse(content, content_type=FORMATS[format].content_type)
    mark = "with-simulated-people-" if rests_on_simulated(dataset, kind) else ""
    response.headers["Content-Disposition"] = _attachment(dataset, f"{mark}{kind}", format)
    return response


def predictions_response(dataset: Dataset, classifier: str) -> FileResponse:
    """Return one classifier's predictions as `import predictions` reads them. Raises UserError when there are none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.npz"
        export_predictions(dataset=dataset, classifier=classifier, file=file)
        # The open file outlives its name, and goes when it is closed.
        response = FileResponse(file.open("rb"), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = _attachment(dataset, f"predictions-{classifier}", "npz")
    return response


def _attachment(dataset: Dataset, content: str, ending: str) -> str:
    return content_disposition_header(True, f"{_plain(dataset.name)}-{_plain(content)}.{ending}")


def _plain(name: str) -> str:
    """Return a file name that every system accepts."""
    return re.sub(r"[^\w.@=-]+", "_", name).strip("._") or "dataset"
