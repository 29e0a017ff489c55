"""Files of what a dataset has, as a browser gets them."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Exists, OuterRef, QuerySet
from django.http import FileResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from candidates.prediction_files.reads import export_predictions
from catalog.models import Classifier, Dataset, Prediction
from data_export.reads import FORMATS, exported_files, exported_tables, streamed_rows


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
    tables = exported_tables()
    for name, rows in exported_files().items():
        yield FileShown(name, str(rows.says), not rows.rows_of(dataset).exists(), name in tables)


def classifiers_of(dataset: Dataset) -> QuerySet[Classifier]:
    """Those that have predicted images of the dataset."""
    of_dataset = Prediction.objects.filter(classifier=OuterRef("pk"), image__dataset=dataset)
    return dataset.label_set.classifiers.filter(Exists(of_dataset)).order_by("name")


def rows_response(dataset: Dataset, kind: str, format: str, names: bool) -> StreamingHttpResponse:
    """All rows as they are at one moment, row by row. A fault on the way ends it early, which browsers notice."""
    content = streamed_rows(exported_files()[kind], dataset, format, names)
    response = StreamingHttpResponse(content, content_type=FORMATS[format].content_type)
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
