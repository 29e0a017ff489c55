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

from aggregation.models import (
    Alpha,
    Annotation,
    CandidateSet,
    ConfidenceTable,
    Contradiction,
    ControlChoice,
    ControlMeasure,
    PairPosterior,
    QualityRule,
    RuleDecision,
    SelectionFrequency,
    SharedAnswers,
    StoppedPair,
    WorkerMeasure,
)
from catalog.reads import current_settings
from tests.factories import make_batch, make_dataset, make_images, make_worker
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


def worker_measure(**changed: object) -> WorkerMeasure:
    batch = make_batch()
    fields = {"dataset": batch.dataset, "batch": batch, "worker": make_worker(), "measure": "recall", "n": 3}
    return WorkerMeasure.objects.create(**fields | changed)


def control_fields(**changed: object) -> dict[str, object]:
    image = make_images(make_dataset(), 1)[0]
    return {"dataset": image.dataset, "image": image, "label": image.dataset_label, "expected": True} | changed


def control_measure(**changed: object) -> ControlMeasure:
    counts = {"n": 3, "n_passed": 2, "n_good": 2, "n_good_passed": 1, "difficulty": 0.3}
    return ControlMeasure.objects.create(**control_fields(**counts | changed))


def quality_rule(**changed: object) -> QualityRule:
    fields = {"dataset": make_dataset(), "measure": "recall", "condition": "below", "threshold": 0.5}
    return QualityRule.objects.create(**fields | {"fewest": 1, "action": "warn"} | changed)


def rule_decision(**changed: object) -> RuleDecision:
    return RuleDecision.objects.create(**{"rule": quality_rule(), "worker": make_worker(), "reason": "low"} | changed)


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


@breaks("one_measure_of_a_worker_per_scope")
def _() -> None:
    # Also over all batches.
    twice(worker_measure(batch=None))


@breaks("a_false_alarm_has_a_probability")
def _() -> None:
    worker_measure(q=1.5)


@breaks("a_measure_has_its_interval_in_order")
def _() -> None:
    worker_measure(low=0.6, high=0.5)


@breaks("one_measure_of_a_control")
def _() -> None:
    twice(control_measure())


@breaks("a_control_is_passed_at_most_as_often_as_shown")
def _() -> None:
    control_measure(n_passed=4)


@breaks("one_standing_choice_per_control")
def _() -> None:
    twice(ControlChoice.objects.create(**control_fields(in_use=False, reason="failed")))


@breaks("choice_of_a_control_has_a_reason")
def _() -> None:
    ControlChoice.objects.create(**control_fields(in_use=False, reason=""))


@breaks("one_rule_per_measure_condition_and_action")
def _() -> None:
    twice(quality_rule())


@breaks("condition_of_a_rule_is_known")
def _() -> None:
    quality_rule(condition="equal")


@breaks("action_of_a_rule_is_known")
def _() -> None:
    # Never: work is rejected by people.
    quality_rule(action="reject")


@breaks("a_rule_needs_a_measure_and_observations")
def _() -> None:
    quality_rule(fewest=0)


@breaks("a_flag_needs_a_small_probability")
def _() -> None:
    quality_rule(condition="flagged", threshold=0.5)


@breaks("one_standing_decision_per_rule_and_worker")
def _() -> None:
    twice(rule_decision())


@breaks("decision_of_a_rule_has_a_reason")
def _() -> None:
    rule_decision(reason="")


@breaks("what_is_reversed_is_lifted")
def _() -> None:
    rule_decision(is_reversed=True)


def alpha(**changed: object) -> Alpha:
    batch = make_batch()
    fields = {"dataset": batch.dataset, "batch": batch, "answers": "yes", "n_pairs": 1, "n_answers": 2}
    return Alpha.objects.create(**fields | changed)


def shared_answers(**changed: object) -> SharedAnswers:
    fields = {"dataset": make_dataset(), "first": make_worker(), "second": make_worker(), "n_both": 2, "n_same": 1}
    return SharedAnswers.objects.create(**fields | changed)


def contradiction(**changed: object) -> Contradiction:
    dataset = make_dataset()
    first, second = dataset.label_set.labels.order_by("index")[:2]
    fields = {"dataset": dataset, "first": first, "second": second, "n_images": 1, "expected": 0.5}
    return Contradiction.objects.create(**fields | changed)


def posterior(**changed: object) -> PairPosterior:
    image = make_images(make_dataset(), 1)[0]
    fields = {"image": image, "label": image.dataset_label, "n_selected": 1, "n_shown": 2}
    shares = {"mean": 0.5, "low": 0.4, "high": 0.6, "otherwise": 0.1}
    return PairPosterior.objects.create(**fields | shares | changed)


@breaks("one_alpha_per_scope")
def _() -> None:
    # Also over all batches.
    twice(alpha(batch=None))


@breaks("alpha_is_of_a_batch_or_a_label")
def _() -> None:
    dataset = make_dataset()
    alpha(dataset=dataset, label=dataset.label_set.labels.first())


@breaks("answers_of_alpha_are_known")
def _() -> None:
    alpha(answers="four")


@breaks("two_workers_are_compared_once")
def _() -> None:
    twice(shared_answers())


@breaks("the_first_of_two_workers_is_the_older")
def _() -> None:
    older, younger = make_worker(), make_worker()
    shared_answers(first=younger, second=older)


@breaks("same_answers_are_shared_answers")
def _() -> None:
    shared_answers(n_same=3)


@breaks("two_labels_are_compared_once")
def _() -> None:
    twice(contradiction())


@breaks("a_label_does_not_contradict_itself")
def _() -> None:
    label = make_dataset().label_set.labels.first()
    contradiction(first=label, second=label)


@breaks("one_posterior_per_pair")
def _() -> None:
    twice(posterior())


@breaks("the_mean_of_a_posterior_is_within_its_interval")
def _() -> None:
    posterior(mean=0.7)


@breaks("a_posterior_has_votes")
def _() -> None:
    posterior(n_selected=3)


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
