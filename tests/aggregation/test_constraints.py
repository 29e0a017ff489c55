"""Each named constraint of the aggregation, broken once: the database itself refuses.

The other rooms' are broken in tests/workforce/test_constraints.py; the last tests hold both files complete.
"""

from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, transaction

from aggregation.models import Annotation, CandidateSet, ConfidenceTable, SelectionFrequency, StoppedPair
from catalog.reads import current_settings
from tests.factories import make_batch, make_dataset, make_images
from tests.workforce.test_constraints import ROOMS, twice

pytestmark = pytest.mark.django_db

BREAKERS: dict[str, Callable[[], object]] = {}


def breaks(name: str) -> Callable:
    def register(breaker: Callable[[], object]) -> Callable[[], object]:
        assert name not in BREAKERS, f"{name} is broken twice"
        BREAKERS[name] = breaker
        return breaker

    return register


def frequency(**changed: object) -> SelectionFrequency:
    image = make_images(make_dataset(), 1)[0]
    fields = {"image": image, "label": image.dataset_label, "n_selected": 3, "n_shown": 3}
    return SelectionFrequency.objects.create(**fields | changed)


def candidate_set(**changed: object) -> CandidateSet:
    image = make_images(make_dataset(), 1)[0]
    fields = {"image": image, "settings": current_settings(image.dataset), "split": "settled", "labels": [0]}
    return CandidateSet.objects.create(**fields | changed)


def annotation(**changed: object) -> Annotation:
    image = make_images(make_dataset(), 1)[0]
    fields = {
        "image": image,
        "settings": current_settings(image.dataset),
        "main_label": 0,
        "n_objects": 1,
        "n_annotators": 1,
        "n_optimal_partitions": 1,
        "objects_found": [],
        "unplaced": [],
        "main_may_differ": True,
        "main_must_differ": True,
    }
    return Annotation.objects.create(**fields | changed)


def confidence_table(**changed: object) -> ConfidenceTable:
    batch = make_batch()
    fields = {"batch": batch, "n_images": 3, "p_good": [], "seen": [], "expected_votes": 2.5}
    return ConfidenceTable.objects.create(**fields | {"label": batch.dataset.label_set.labels.first()} | changed)


def stopped_pair(**changed: object) -> StoppedPair:
    batch = make_batch()
    image = make_images(batch.dataset, 1)[0]
    fields = {"batch": batch, "image": image, "label": image.dataset_label, "decision": "accept"}
    return StoppedPair.objects.create(**fields | changed)


@breaks("one_frequency_per_pair")
def _() -> None:
    twice(frequency())


@breaks("a_frequency_was_shown")
def _() -> None:
    frequency(n_selected=0, n_shown=0)


@breaks("selected_at_most_as_often_as_shown")
def _() -> None:
    frequency(n_selected=4)


@breaks("split_is_known")
def _() -> None:
    candidate_set(split="undecided")


@breaks("annotation_has_votes")
def _() -> None:
    annotation(n_annotators=0)


@breaks("what_must_differ_may_differ")
def _() -> None:
    annotation(main_may_differ=False)


@breaks("one_confidence_table_per_batch_and_label")
def _() -> None:
    # Also the one without a label, of all classes together.
    twice(confidence_table(label=None))


@breaks("a_pair_stops_once_per_batch")
def _() -> None:
    twice(stopped_pair())


@breaks("a_stopped_pair_has_a_decision")
def _() -> None:
    stopped_pair(decision="more")


@pytest.mark.parametrize("name", BREAKERS)
def test_the_database_refuses_to_break(name):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        BREAKERS[name]()
    cause = refusal.value.__cause__
    assert isinstance(cause, psycopg2.Error) and cause.diag.constraint_name == name


@pytest.mark.parametrize("make", [candidate_set, annotation])
def test_an_image_has_one_outcome(make):
    with pytest.raises(IntegrityError, match="image_id"), transaction.atomic():
        twice(make())


def test_a_class_has_one_confidence_table_in_a_batch():
    with pytest.raises(IntegrityError, match="one_confidence_table_per_batch_and_label"), transaction.atomic():
        twice(confidence_table())


def test_what_the_constraints_allow_is_allowed():
    frequency(n_selected=0, n_shown=1)
    annotation(main_must_differ=False)
    of_class = confidence_table()
    confidence_table(batch=of_class.batch, label=None)
    pair = stopped_pair(decision="undecided")
    stopped_pair(batch=make_batch(pair.batch.dataset), image=pair.image, label=pair.label)


def test_no_named_constraint_goes_unbroken():
    models = apps.get_app_config("aggregation").get_models()
    assert sorted(constraint.name for model in models for constraint in model._meta.constraints) == sorted(BREAKERS)


def test_no_room_is_left_out():
    rooms = [app for app in apps.get_app_configs() if Path(app.path).parent == Path(settings.BASE_DIR)]
    with_constraints = {app.label for app in rooms for model in app.get_models() if model._meta.constraints}
    assert "aggregation" in with_constraints
    assert with_constraints <= {*ROOMS, "aggregation"}
