"""An entry is the last row of a decision: at commit, what follows it is checked while all other decisions wait."""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from classify_task.actions import open_forms
from data_import.actions import new_study
from data_import.votes.actions import replay
from studies.composed_grids.actions import open_composed
from studies.opening.actions import Pay, open_pairs
from tests.factories import make_dataset, make_images, make_label_set, unique
from tests.studies.test_open_adaptive import study
from tests.votes_files import THREE_ANSWERS

pytestmark = pytest.mark.django_db


def grids_with_controls() -> Callable[[], object]:
    dataset = study(n_potential=2)
    return lambda: open_composed(dataset=dataset, profile="imagenetv2", pay=Pay())


def grids_of_pairs() -> Callable[[], object]:
    dataset = make_dataset()
    pairs = [(image, dataset.label_set.labels.all()[0]) for image in make_images(dataset, 2)]
    return lambda: open_pairs(dataset=dataset, pairs=pairs, pay=Pay())


def forms() -> Callable[[], object]:
    (image,) = make_images(make_dataset(), 1)
    return lambda: open_forms(dataset=image.dataset, labels_by_image={image.pk: [0, 1]})


def replayed_votes() -> Callable[[], object]:
    def load() -> None:
        with NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(THREE_ANSWERS)
            file.flush()
            replay(kind="classify", path=Path(file.name), dataset_name=name)

    name = unique("replayed")
    return load


def dataset() -> Callable[[], object]:
    label_set = make_label_set(2)
    return lambda: new_study(name=unique("study"), label_set=label_set)


DECISIONS = {
    grids_with_controls: ["settings.change", "batch.open"],
    grids_of_pairs: ["batch.open"],
    forms: ["batch.open"],
    replayed_votes: ["dataset.create"],
    dataset: ["dataset.create"],
}


@pytest.mark.parametrize("prepared", DECISIONS, ids=lambda prepared: prepared.__name__)
def test_no_row_is_stored_after_the_entry(prepared):
    decide = prepared()
    with CaptureQueriesContext(connection) as queries:
        decide()
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == DECISIONS[prepared]
    rows = [query["sql"] for query in queries if "INSERT INTO" in query["sql"]]
    entries = ["audit_auditentry" in row for row in rows]
    n_entries = len(DECISIONS[prepared])
    assert entries == [False] * (len(rows) - n_entries) + [True] * n_entries and len(rows) > n_entries
