"""An entry is the last row of a decision: at commit, what follows it is checked while all other decisions wait."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from classify_task.actions import open_forms
from data_import.actions import new_study
from studies.composed_grids.actions import open_composed
from studies.opening.actions import Pay, open_pairs
from tests.factories import make_dataset, make_images, make_label_set, unique
from tests.studies.test_open_adaptive import study

pytestmark = pytest.mark.django_db


def grids_with_controls() -> Callable[[], object]:
    dataset = study(n_potential=2)
    return lambda: open_composed(dataset=dataset, profile="tsipras", pay=Pay())


def grids_of_pairs() -> Callable[[], object]:
    dataset = make_dataset()
    pairs = [(image, dataset.label_set.labels.all()[0]) for image in make_images(dataset, 2)]
    return lambda: open_pairs(dataset=dataset, pairs=pairs, pay=Pay())


def forms() -> Callable[[], object]:
    (image,) = make_images(make_dataset(), 1)
    return lambda: open_forms(dataset=image.dataset, labels_by_image={image.pk: [0, 1]})


def dataset() -> Callable[[], object]:
    label_set = make_label_set(2)
    return lambda: new_study(name=unique("study"), label_set=label_set)


DECISIONS = {
    grids_with_controls: ["settings.change", "batch.open"],
    grids_of_pairs: ["batch.open"],
    forms: ["batch.open"],
    dataset: ["dataset.create"],
}


@pytest.mark.parametrize("prepared", DECISIONS, ids=lambda prepared: prepared.__name__)
def test_no_row_is_stored_after_the_entry(prepared):
    decide = prepared()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        decide()
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == DECISIONS[prepared]
    rows = [query["sql"] for query in queries if query["sql"].startswith("INSERT INTO")]
    entries = ["audit_auditentry" in row for row in rows]
    n_entries = len(DECISIONS[prepared])
    assert entries == [False] * (len(rows) - n_entries) + [True] * n_entries and len(rows) > n_entries
