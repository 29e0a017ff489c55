"""Exported files of a dataset: row by row, in a fixed order, so that equal content makes equal files."""

import io
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, TextIO, cast

from django.db import connection, transaction
from django.utils.translation import gettext, gettext_lazy

from access.permissions.reads import May
from aggregation.agreement.reads import POSTERIOR_COLUMNS, posterior_row, posteriors_of
from aggregation.reads import annotation_row, annotations_of, frequencies_of, frequency_row
from candidates.reads import potential_label_row, potential_labels_of, prediction_row, predictions_of
from catalog.class_pairs.reads import COLUMNS as PAIR_COLUMNS
from catalog.class_pairs.reads import class_pair_row, class_pairs_of
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import labels_by_index

# Pages and commands import it from here.
from data_export.formats import FORMATS as FORMATS
from workforce.consents.reads import confirmed_consents, consent_row, consent_text_row, consent_texts_of
from workforce.facts.answers.reads import ANSWER_COLUMNS, answer_row, answers_of
from workforce.kinds import ExportedRows, task_kinds
from workforce.simulated.reads import simulated_submissions

ROWS_AT_ONCE = 2000
DERIVED = (
    ExportedRows(
        "annotations",
        gettext_lazy("Each image's objects with their labels, the number of objects, and the main label."),
        annotations_of,
        ("image__name",),
        annotation_row,
        ("image", "dataset_label", "main_label", "n_objects", "n_annotators", "n_optimal_partitions", "objects")
        + ("unplaced", "main_object", "dataset_label_object"),
        ("dataset_label", "main_label"),
    ),
    ExportedRows(
        "selection_frequencies",
        gettext_lazy("Number of times each (image, label) pair was selected and shown."),
        frequencies_of,
        ("image__name", "label__index"),
        frequency_row,
        ("image", "label", "n_selected", "n_shown"),
        ("label",),
    ),
)
# Beside the counts, never in their place: each row names the model that says it.
MODELLED = (
    ExportedRows(
        "model_frequencies",
        gettext_lazy(
            "Selection frequencies with their posterior and interval, and beside them the worker model’s frequency."
        ),
        posteriors_of,
        ("image__name", "label__index"),
        posterior_row,
        POSTERIOR_COLUMNS,
        ("label",),
    ),
)
ANSWERS = ExportedRows(
    "answers",
    gettext_lazy("Every submission: the photographs that the worker did not see, and what its page says of itself."),
    answers_of,
    ("submission",),
    answer_row,
    ANSWER_COLUMNS,
    (),
)
PREDICTED = (
    ExportedRows(
        "potential_labels",
        gettext_lazy("The labels to ask about for each image, and the classifiers' ranks of each label."),
        potential_labels_of,
        ("image__name", "label__index"),
        potential_label_row,
        ("image", "label", "is_dataset_label", "sources"),
        ("label",),
    ),
    ExportedRows(
        "predictions",
        gettext_lazy("Each classifier's top labels for each image, best first, with scores."),
        predictions_of,
        ("image__name", "classifier__name"),
        prediction_row,
        ("image", "classifier", "network", "view", "weights", "labels", "scores"),
        ("labels",),
    ),
)
CLASS_PAIRS = (
    ExportedRows(
        "class_pairs",
        gettext_lazy("Classes of the label set that are equivalent, confusable or nested, and who says so."),
        class_pairs_of,
        ("first__index", "second__index", "kind", "pk"),
        class_pair_row,
        PAIR_COLUMNS,
        ("first", "second"),
    ),
)
CONSENTS = (
    ExportedRows(
        "consents",
        gettext_lazy("What each worker decided before the work: the version of the consent text, and when."),
        confirmed_consents,
        ("pk",),
        consent_row,
        ("worker", "batch", "version", "agreed", "trace", "decided_at"),
        (),
    ),
    ExportedRows(
        "consent_texts",
        gettext_lazy("The versions of the consent text."),
        consent_texts_of,
        ("version",),
        consent_text_row,
        ("version", "since", "text"),
        (),
    ),
)


def exported_tables() -> dict[str, ExportedRows]:
    """Return the tables of REST by name: derived rows, and the votes of every kind of task."""
    return {rows.name: rows for rows in (*derived_rows(), *(kind.votes.rows for kind in task_kinds()))}


def derived_rows() -> tuple[ExportedRows, ...]:
    """Return the rows that follow from votes, and name nobody."""
    return (*DERIVED, *(derived.rows for kind in task_kinds() for derived in kind.derived))


def exported_files() -> dict[str, ExportedRows]:
    """Return the files by name: the tables of REST, and the composition of the work."""
    further = (rows for kind in task_kinds() for rows in kind.files)
    return exported_tables() | {
        rows.name: rows for rows in (*MODELLED, ANSWERS, *further, *PREDICTED, *CLASS_PAIRS, *CONSENTS)
    }


def permission_to_read(kind: str, **rest: Any) -> May:
    """Return the permission that a kind of rows needs. All but derived rows and predictions needs that of votes."""
    public = {rows.name for rows in (*derived_rows(), *MODELLED, *PREDICTED, *CLASS_PAIRS)}
    return May.READ_ANNOTATIONS if kind in public else May.READ_VOTES


class SimulatedRows(UserError):
    """Derived rows in which answers of simulated people count, for a reader who has not asked for these."""


def rests_on_simulated(dataset: Dataset, kind: str) -> bool:
    """Return whether rows of this kind hold answers of simulated people, or follow from them."""
    return kind not in {rows.name for rows in (*PREDICTED, *CLASS_PAIRS)} and simulated_submissions(dataset).exists()


def check_accepts_simulated(dataset: Dataset, kind: str) -> None:
    """Refuse derived rows, which name nobody, if answers of simulated people count in them. Raises SimulatedRows.

    Votes name their worker, whose pseudonym tells.
    """
    if kind in {rows.name for rows in derived_rows()} and rests_on_simulated(dataset, kind):
        raise SimulatedRows(
            gettext("Answers of simulated people count in the results of “%(dataset)s”.") % {"dataset": dataset.name},
            shell=gettext("Remove them with ./manage simulate --remove, or write --with-simulated."),
            page=gettext("Remove them on the study’s page, or add simulated=1 to the address."),
        )


def write_rows(kind: ExportedRows, dataset: Dataset, format: str, names: bool, out: TextIO) -> int:
    """Write all rows of a kind in a format of FORMATS; return their number. Call it in one transaction."""
    labels = labels_by_index(dataset) if names else None
    # Closed here: if writing fails, the cursor must close before its transaction.
    with _stored_rows(kind, dataset) as stored:
        rows = (kind.row(row, labels) for row in stored)
        return FORMATS[format].write(columns_of(kind, names), rows, out, True)


def streamed_rows(kind: ExportedRows, dataset: Dataset, format: str, names: bool) -> Iterator[bytes]:
    """Yield the bytes of the file in portions, all of one moment."""
    labels = labels_by_index(dataset) if names else None
    columns = columns_of(kind, names)
    with one_snapshot(), _stored_rows(kind, dataset) as stored:
        rows = (kind.row(row, labels) for row in stored)
        head = True
        while (portion := list(islice(rows, ROWS_AT_ONCE))) or head:
            out = io.StringIO(newline="")
            FORMATS[format].write(columns, iter(portion), out, head)
            head = False
            yield out.getvalue().encode()


@contextmanager
def _stored_rows(kind: ExportedRows, dataset: Dataset) -> Iterator[Iterator[Any]]:
    rows = kind.rows_of(dataset).order_by(*kind.order).iterator(chunk_size=ROWS_AT_ONCE)
    # Django promises an iterator and returns a generator.
    with closing(cast(Generator[Any, None, None], rows)):
        yield rows


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read the database as it is at the beginning of the block."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def columns_of(kind: ExportedRows, names: bool) -> list[str]:
    added = [f"{column}_{ending}" for column in kind.named for ending in ("wnid", "words")]
    return [*kind.columns, *(added if names else ())]
