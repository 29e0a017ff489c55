"""Measures of workers as pages show them, and whom a rule hits."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from aggregation.models import QualityRule, RuleDecision, WorkerMeasure
from aggregation.quality.kinds import ANSWERS, DEFAULT_RULES, MEASURE_NAMES
from catalog.models import Dataset
from workforce.bars.reads import barred_from
from workforce.models import Batch, Exclusion, Submission
from workforce.reads import is_excluded, pseudonym_under

Condition = QualityRule.Condition

# A worker's measures as one text: a page shows those of thousands, and a row for each would take three times as long.
MEASURES = """
    SELECT worker_id, json_object_agg(
        measure, json_build_array(value, low, high, n, p, q, other_id, expected)
    )::text
    FROM aggregation_workermeasure WHERE dataset_id = %(dataset)s AND batch_id {batch} AND {workers}
    GROUP BY worker_id ORDER BY worker_id
"""


class MeasureValue(NamedTuple):
    """A measure of a worker, with the fields of WorkerMeasure; `other` is the id of the worker most like them."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    p: float | None
    q: float | None
    other: int | None = None
    expected: float | None = None


class Flag(NamedTuple):
    """A standing decision of a rule on a worker, and its false-alarm probability, if the measure has one."""

    measure: str
    q: float | None
    text: str
    action: str
    decision: int


@dataclass(frozen=True)
class WorkerRow:
    """A worker of a study as the page Workers lists them. `excluded`: none of their work counts."""

    worker_id: int
    pseudonym: str
    n_answers: int
    measures: Mapping[str, MeasureValue]
    flags: list[Flag]
    excluded: bool
    barred: bool = False


def worker_rows(
    dataset: Dataset, batch: Batch | None = None, workers: Collection[int] | None = None
) -> list[WorkerRow]:
    """Return the workers of a dataset, or of a batch of it, by id; only some of them if `workers` are named.

    Flags, exclusions and bars are those of the moment; measures are some seconds old.
    """
    measures = _measures(dataset, batch, workers)
    flags, excluded, barred = _flags(dataset, measures), excluded_workers(dataset, batch), barred_from(dataset)
    key = dataset.pseudonym_key
    return [
        WorkerRow(
            worker_id=worker,
            pseudonym=pseudonym_under(key, worker),
            n_answers=of_worker[ANSWERS].n if ANSWERS in of_worker else 0,
            measures={name: value for name, value in of_worker.items() if name != ANSWERS},
            flags=flags.get(worker, []),
            excluded=worker in excluded,
            barred=worker in barred,
        )
        for worker, of_worker in measures.items()
    ]


def _measures(
    dataset: Dataset, batch: Batch | None, workers: Collection[int] | None
) -> dict[int, dict[str, MeasureValue]]:
    values: dict[str, Any] = {"dataset": dataset.pk, "batch": batch and batch.pk}
    values["workers"] = None if workers is None else list(workers)
    query = MEASURES.format(
        batch="IS NULL" if batch is None else "= %(batch)s",
        workers="true" if workers is None else "worker_id = ANY(%(workers)s)",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
    return {
        worker: {name: MeasureValue(*figures) for name, figures in json.loads(measures).items()}
        for worker, measures in rows
    }


def _flags(dataset: Dataset, measures: Mapping[int, Mapping[str, MeasureValue]]) -> dict[int, list[Flag]]:
    flags: dict[int, list[Flag]] = defaultdict(list)
    for decision in standing_decisions(dataset):
        measure = decision.rule.measure
        value = measures.get(decision.worker_id, {}).get(measure)
        flags[decision.worker_id].append(
            Flag(measure, value and value.q, decision.reason, decision.rule.action, decision.pk)
        )
    return flags


def excluded_workers(dataset: Dataset, batch: Batch | None = None) -> set[int]:
    """Return the workers none of whose confirmed work for a dataset, or a batch of it, counts."""
    scope: dict[str, Any] = {"hit__batch__dataset": dataset} if batch is None else {"hit__batch": batch}
    standing = Exclusion.objects.filter(lifted_at=None, **{f"submission__{path}": of for path, of in scope.items()})
    touched = set(standing.order_by().values_list("submission__worker", flat=True).distinct())
    if not touched:
        return touched
    counting = Submission.objects.filter(~is_excluded("pk"), worker__in=touched, state="confirmed", **scope)
    return touched - set(counting.order_by().values_list("worker", flat=True).distinct())


# Rules


def rules_of(dataset: Dataset) -> list[QualityRule]:
    """Return the rules of a study, also those switched off; before its first answer the default ones, not stored."""
    stored = list(QualityRule.objects.filter(dataset=dataset, replaced_at=None).order_by("pk"))
    return stored or default_rules(dataset)


def default_rules(dataset: Dataset) -> list[QualityRule]:
    return [QualityRule(dataset=dataset, **fields._asdict()) for fields in DEFAULT_RULES]


def whom_it_hits(rule: QualityRule) -> list[WorkerRow]:
    """Return the workers whose measures meet the condition of a rule now, stored or not, switched on or off."""
    workers = list(measures_met(rule).values_list("worker", flat=True))
    return worker_rows(rule.dataset, workers=workers) if workers else []


def measures_met(rule: QualityRule) -> QuerySet[WorkerMeasure]:
    """Return the measures, over all of the dataset, that meet the condition of a rule."""
    condition = {
        Condition.BELOW: Q(worst__lt=rule.threshold),
        Condition.ABOVE: Q(least__gt=rule.threshold),
        Condition.FLAGGED: Q(q__lte=rule.threshold),
    }[Condition(rule.condition)]
    measures = WorkerMeasure.objects.filter(
        dataset=rule.dataset_id, batch=None, measure=rule.measure, n__gte=rule.fewest
    )
    # Of a measure without an interval, the value.
    bounded = measures.annotate(worst=Coalesce(F("high"), F("value")), least=Coalesce(F("low"), F("value")))
    return bounded.filter(condition).order_by("worker")


def standing_decisions(dataset: Dataset) -> QuerySet[RuleDecision]:
    """Return the decisions of rules that stand, the latest first."""
    return RuleDecision.objects.filter(rule__dataset=dataset, lifted_at=None).select_related("rule").order_by("-pk")


def decisions_of(dataset: Dataset) -> QuerySet[RuleDecision]:
    """Return all decisions of rules, the latest first."""
    return RuleDecision.objects.filter(rule__dataset=dataset).select_related("rule").order_by("-pk")


def questions_to_people(dataset: Dataset) -> QuerySet[RuleDecision]:
    """Return the decisions that a rule left to a person and that nobody has made yet."""
    return standing_decisions(dataset).filter(rule__action=QualityRule.Action.ASK_A_PERSON, confirmed_at=None)


def reason_of(rule: QualityRule, measure: WorkerMeasure) -> str:
    """Return the reason for a decision, for people: the measure, its interval, and how likely it is a false alarm."""
    text = gettext("%(name)s: %(value)s of %(n)s observations.") % {
        "name": MEASURE_NAMES.get(rule.measure, rule.measure),
        "value": _figure(measure.value),
        "n": f"{measure.n:,}",
    }
    if measure.low is not None and measure.high is not None:
        text = gettext("%(name)s: %(value)s (%(low)s to %(high)s) from %(n)s observations.") % {
            "name": MEASURE_NAMES.get(rule.measure, rule.measure),
            "value": _figure(measure.value),
            "low": _figure(measure.low),
            "high": _figure(measure.high),
            "n": f"{measure.n:,}",
        }
    if measure.q is None:
        return text
    chance = gettext("Probability that an honest worker of this study looks like this: %(q)s.")
    return f"{text} {chance % {'q': _figure(measure.q)}}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"
