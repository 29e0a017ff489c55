"""Queries on agreement, posteriors and the worker model, for pages and files."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, QuerySet

from aggregation.models import AgreementOfStudy, Contradiction, PairPosterior, SharedAnswers
from catalog.models import Dataset, Label
from catalog.reads import name_cells, now
from contains_task.models import ContainsVote
from workforce.models import Submission

# While votes come in, agreement is computed anew no more often, nor for more than a tenth of the time.
SHORTEST_PAUSE = timedelta(seconds=20)
PAUSE_PER_SECOND = 10
MODEL = "dawid_skene_2_states"
POSTERIOR_COLUMNS = (
    *("image", "label", "n_selected", "n_shown", "selection_frequency"),
    *("posterior_mean", "posterior_low", "posterior_high", "second_panel_otherwise", "model", "model_frequency"),
)


def datasets_to_compute() -> list[Dataset]:
    """Return the datasets whose agreement somebody asks for, or does not follow the newest counted votes any more."""
    submissions = Submission.objects.filter(aggregated_at__isnull=False, hit__batch__kind="contains")
    newest = dict(submissions.order_by().values_list("hit__batch__dataset").annotate(Max("aggregated_at")))
    rows = {row.dataset_id: row for row in AgreementOfStudy.objects.all()}
    moment = now()
    due = [key for key in newest.keys() | rows.keys() if _is_due(rows.get(key), newest.get(key), moment)]
    return list(Dataset.objects.filter(pk__in=due).order_by("pk"))


def _is_due(row: AgreementOfStudy | None, newest: datetime | None, moment: datetime) -> bool:
    if row is None or row.computed_at is None:
        return row is not None or newest is not None
    if row.asked_at is not None and row.asked_at > row.computed_at:
        return True
    pause = max(SHORTEST_PAUSE, timedelta(seconds=row.seconds * PAUSE_PER_SECOND))
    return newest is not None and newest > row.computed_at and moment - row.computed_at > pause


def posteriors_of(dataset: Dataset) -> QuerySet[PairPosterior]:
    return (
        PairPosterior.objects.filter(image__dataset=dataset)
        .select_related("image", "label")
        .order_by("image_id", "label_id")
    )


def posterior_row(row: PairPosterior, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of posteriors. What a model says stands in columns of its own, beside its name."""
    index = row.label.index
    cells = {
        "image": row.image.name,
        "label": index,
        "n_selected": row.n_selected,
        "n_shown": row.n_shown,
        "selection_frequency": round(row.frequency, 6),
        "posterior_mean": round(row.mean, 6),
        "posterior_low": round(row.low, 6),
        "posterior_high": round(row.high, 6),
        "second_panel_otherwise": round(row.otherwise, 6),
        "model": MODEL,
        "model_frequency": None if row.present is None else round(row.present, 6),
    }
    return cells if labels is None else cells | name_cells("label", index, labels)


def contradictions_of(dataset: Dataset) -> QuerySet[Contradiction]:
    """Return pairs of labels that people take for each other, the most expected contradictions first."""
    rows = Contradiction.objects.filter(dataset=dataset).select_related("first", "second")
    return rows.order_by("-expected", "first__index", "second__index")


def shared_answers_of(dataset: Dataset) -> QuerySet[SharedAnswers]:
    return SharedAnswers.objects.filter(dataset=dataset).order_by("first_id", "second_id")


def votes_of_two(dataset: Dataset, first_id: int, second_id: int) -> dict[tuple[int, int], tuple[str, str]]:
    """Return the counted answers of two workers by (image, label) ids, on the pairs that both answered."""
    votes = ContainsVote.objects.filter(worker__in=[first_id, second_id], counted=True, image__dataset=dataset)
    answers: dict[int, dict[tuple[int, int], str]] = {first_id: {}, second_id: {}}
    for vote in votes.only("worker_id", "image_id", "label_id", "selected", "maybe"):
        answers[vote.worker_id][vote.image_id, vote.label_id] = vote.answer
    first, second = answers[first_id], answers[second_id]
    return {pair: (first[pair], second[pair]) for pair in first.keys() & second.keys()}
