"""Writes from votes to published annotations. All of them recount, so that they are idempotent."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Q

from aggregation.adaptive import reads as adaptive
from aggregation.agreement.actions import forget_agreement
from aggregation.further import reads as further
from aggregation.further.actions import ask_for_excluded_answers, ask_for_lost_answers
from aggregation.models import Annotation, CandidateSet, ConfidenceTable, SelectionFrequency, StoppedPair
from aggregation.quality.actions import forget_measures, note_change
from audit.actions import Area, record
from catalog.models import Dataset, Image, SettingsVersion
from catalog.reads import current_settings
from classify_task import actions as classify_actions
from classify_task import reads as classify_reads
from contains_task import actions as contains_actions
from contains_task import reads as contains_reads
from numerics.candidates import PruningRule, Split, candidate_labels
from numerics.confidence import Decision
from numerics.objects import Objects, annotate_many
from workforce.actions import mark_aggregated, mark_for_aggregation
from workforce.kinds import task_kinds
from workforce.models import Batch, Submission
from workforce.reads import not_aggregated
from workforce.votes.actions import settle_votes

log = logging.getLogger(__name__)

# One pass holds this many submissions: memory stays bounded, and progress can be shown.
SUBMISSIONS_PER_PASS = 20_000

# Half a vote there is not: a maybe counts as a whole one, or not at all.
RECOUNT = """
    WITH current AS (  -- settings of each dataset
        SELECT DISTINCT ON (dataset_id) dataset_id, maybe_counts FROM catalog_settingsversion
        ORDER BY dataset_id, version DESC
    ), touched AS (
        SELECT DISTINCT image_id, label_id FROM contains_task_containsvote WHERE submission_id = ANY(%(submissions)s)
    ), counts AS (
        SELECT touched.image_id, touched.label_id,
               count(*) FILTER (WHERE vote.selected OR vote.maybe AND current.maybe_counts = 'yes') AS n_selected,
               count(vote.id) FILTER (WHERE NOT vote.maybe OR current.maybe_counts <> 'nothing') AS n_shown
        FROM touched JOIN catalog_image image ON image.id = touched.image_id
        JOIN current ON current.dataset_id = image.dataset_id
        LEFT JOIN contains_task_containsvote vote
          ON vote.image_id = touched.image_id AND vote.label_id = touched.label_id AND vote.counted
        GROUP BY touched.image_id, touched.label_id
    ), emptied AS (
        DELETE FROM aggregation_selectionfrequency frequency USING counts
        WHERE frequency.image_id = counts.image_id AND frequency.label_id = counts.label_id AND counts.n_shown = 0
    )
    INSERT INTO aggregation_selectionfrequency (image_id, label_id, n_selected, n_shown)
    SELECT image_id, label_id, n_selected, n_shown FROM counts WHERE n_shown > 0 ORDER BY image_id, label_id
    ON CONFLICT (image_id, label_id) DO UPDATE SET n_selected = excluded.n_selected, n_shown = excluded.n_shown
"""


def aggregate(
    *,
    dataset: Dataset | None = None,
    progress: Callable[[int], object] | None = None,
    per_pass: int = SUBMISSIONS_PER_PASS,
) -> int:
    """Aggregate all waiting submissions, pass by pass. Returns how many were aggregated.

    Without `dataset`, one dataset after the other: an error in one is logged and leaves the others alone.
    """
    if dataset is not None:
        return _aggregate_dataset(dataset, progress, per_pass)
    waiting = Dataset.objects.filter(pk__in=not_aggregated().order_by().values("hit__batch__dataset"))
    return sum(_aggregate_or_log(dataset, progress, per_pass) for dataset in waiting.order_by("pk"))


def _aggregate_dataset(dataset: Dataset, progress: Callable[[int], object] | None, per_pass: int) -> int:
    total = 0
    while n_submissions := aggregate_new_submissions(dataset=dataset, limit=per_pass):
        total += n_submissions
        if progress is not None:
            progress(n_submissions)
    return total


def _aggregate_or_log(dataset: Dataset, progress: Callable[[int], object] | None, per_pass: int) -> int:
    try:
        return _aggregate_dataset(dataset, progress, per_pass)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        log.exception("Dataset %s could not be aggregated; its answers wait for the next pass: %s", dataset, error)
        return 0


@transaction.atomic
def aggregate_new_submissions(*, dataset: Dataset, limit: int = SUBMISSIONS_PER_PASS) -> int:
    """Do one pass: recount, prune and annotate whatever a dataset's new submissions touch, all or nothing."""
    _wait_for_turn()
    # Locked, so that an exclusion waits for the end of the pass instead of being overlooked by it.
    new = not_aggregated(dataset).order_by("id").select_for_update(of=("self",), no_key=True)
    submissions = [submission.pk for submission in new.only("id")[:limit]]
    if not submissions:
        return 0
    for kind in task_kinds():
        settle_votes(kind=kind, submission_ids=submissions)
    contains_actions.set_surplus_aside(submission_ids=submissions)
    classify_actions.set_surplus_aside(submission_ids=submissions)
    recount_frequencies(submission_ids=submissions)
    ask_for_excluded_answers(submission_ids=submissions)
    # In this order: a table is learnt when nobody is asked about the initial subset any more.
    ask_for_lost_answers(submission_ids=submissions)
    decided = ask_further(submission_ids=submissions)
    # Marked before the query for waiting images: images wait while an answer of theirs is not counted yet.
    mark_aggregated(submission_ids=submissions)
    prune_images(image_ids=contains_reads.images_asked(submissions) | decided)
    annotate_images(image_ids=_images_of("form__image", submissions))
    note_change(dataset=dataset, submission_ids=submissions)
    log.info("Aggregated %d submissions of %s.", len(submissions), dataset)
    return len(submissions)


def _wait_for_turn() -> None:
    """Wait for the end of another pass: two at once would each miss the other's votes.

    The lock is one for all datasets: people work for several, and two passes would deadlock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('aggregation', 0))")


def _images_of(path: str, submission_ids: list[int]) -> set[int]:
    submissions = Submission.objects.filter(pk__in=submission_ids, **{f"hit__{path}__isnull": False})
    return set(submissions.values_list(f"hit__{path}", flat=True))


@transaction.atomic
def recount_frequencies(*, submission_ids: list[int]) -> None:
    """Count the pairs these submissions touch from the votes; a pair without a counted vote loses its row."""
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, {"submissions": submission_ids})


@transaction.atomic
def ask_further(*, submission_ids: list[int]) -> set[int]:
    """Decide the pairs of adaptive batches that these submissions settle, and ask one more person about the others.

    Returns the images of pairs that were decided, now or again. Idempotent: pairs that are asked about again are in a
    round of their own, which is over only when all its answers are in.
    """
    decided: set[int] = set()
    # Waits for a batch that is just being closed: its open pairs are then pruned as they are.
    for batch in adaptive.batches_of(submission_ids).select_for_update(of=("self",), no_key=True):
        relearnt = adaptive.initial_labels(batch, submission_ids)
        if relearnt:
            _relearn(batch, relearnt, submission_ids)
        undecided = {}
        given_up = further.given_up(batch)
        for label_id, decisions in adaptive.verdicts(batch, submission_ids, relearnt=bool(relearnt)):
            decision_of = _given_up(label_id, decisions, given_up)
            _stop(batch, label_id, decision_of)
            decided |= decision_of.keys()
            undecided[label_id] = [image_id for image_id, decision in decision_of.items() if decision == Decision.MORE]
        if batch.closed_at is None:
            contains_actions.open_further_grids(batch=batch, images_by_label=undecided)
    return decided


def _given_up(label_id: int, decisions: dict[int, str], given_up: set[tuple[int, int]]) -> dict[int, str]:
    """Leave pairs undecided that lost too many answers: nobody else is asked about a photograph that does not load."""
    return {
        image_id: Decision.UNDECIDED if decision == Decision.MORE and (label_id, image_id) in given_up else decision
        for image_id, decision in decisions.items()
    }


def _relearn(batch: Batch, label_ids: set[int], submission_ids: list[int]) -> None:
    """Compute the tables anew; there are none while answers to the initial subset are still missing."""
    ConfidenceTable.objects.filter(Q(label=None) | Q(label__in=label_ids), batch=batch).delete()
    ConfidenceTable.objects.bulk_create(adaptive.learnt_tables(batch, label_ids, submission_ids))


def _stop(batch: Batch, label_id: int, decision_of: dict[int, str]) -> None:
    StoppedPair.objects.filter(batch=batch, label=label_id).delete()
    StoppedPair.objects.bulk_create(
        [
            StoppedPair(batch=batch, label_id=label_id, image_id=image_id, decision=decision)
            for image_id, decision in decision_of.items()
            if decision != Decision.MORE
        ]
    )


@transaction.atomic
def prune_images(*, image_ids: Iterable[int]) -> None:
    """Find the candidate labels of images whose pairs are answered and counted, and open the forms that follow.

    An image without a dataset label is never pruned: there is nothing to compare its frequencies with.
    """
    waiting = [reads.images_waiting(image_ids) for reads in (contains_reads, adaptive, further)]
    answered = set(image_ids).difference(*waiting)
    labelled = Image.objects.filter(pk__in=answered, dataset_label__isnull=False).order_by("dataset_id", "id")
    images_of = labelled.select_related("dataset", "dataset_label")
    for dataset, images in groupby(images_of, key=lambda image: image.dataset):
        _prune(dataset, list(images))


def _prune(dataset: Dataset, images: list[Image]) -> None:
    settings = current_settings(dataset)
    rule = pruning_rule(settings)
    counts = _counts([image.pk for image in images])
    candidates = {
        image.pk: candidate_labels(*counts[image.pk], image.dataset_label.index, rule)
        for image in images
        if image.dataset_label
    }
    CandidateSet.objects.bulk_create(
        [
            CandidateSet(image_id=pk, settings=settings, split=split, labels=labels)
            for pk, (split, labels) in candidates.items()
        ],
        update_conflicts=True,
        unique_fields=["image"],
        update_fields=["settings", "split", "labels"],
    )
    labels_by_image = {pk: labels if split == Split.FOLLOW_UP else [] for pk, (split, labels) in candidates.items()}
    classify_actions.open_forms(dataset=dataset, labels_by_image=labels_by_image)


def pruning_rule(settings: SettingsVersion) -> PruningRule:
    return PruningRule(
        min_shown=settings.min_shown,
        ratio=(settings.ratio_numerator, settings.ratio_denominator),
        max_other_labels=settings.max_other_labels,
    )


def _counts(image_ids: list[int]) -> dict[int, tuple[list[int], list[int], list[int]]]:
    """Return, per image, class indexes, n_selected and n_shown of its pairs, as parallel lists."""
    counts: dict[int, tuple[list[int], list[int], list[int]]] = defaultdict(lambda: ([], [], []))
    rows = SelectionFrequency.objects.filter(image__in=image_ids).order_by("image", "label__index")
    for image_id, *row in rows.values_list("image_id", "label__index", "n_selected", "n_shown"):
        for column, value in zip(counts[image_id], row, strict=True):
            column.append(value)
    return counts


@transaction.atomic
def annotate_images(*, image_ids: Iterable[int]) -> None:
    """Publish the annotation of images whose forms wait for no answer and for no pass.

    A published annotation follows its votes also while its form asks again: no excluded answer stays in it. An image
    that lost all its votes loses its annotation. So does an image with more labels than can be placed exactly: that is
    logged, with the way out, and the other images get theirs.
    """
    waiting = classify_reads.images_waiting(image_ids)
    published = Annotation.objects.filter(image__in=waiting).values_list("image_id", flat=True)
    answered = set(image_ids) - (waiting - set(published))
    votes = list(classify_reads.counted_votes(answered).values_list("image_id", "selected", "main"))
    images = Image.objects.select_related("dataset_label").in_bulk({image_id for image_id, _, _ in votes})
    grouped = [(image_id, list(rows)) for image_id, rows in groupby(votes, key=lambda vote: vote[0])]
    results = annotate_many([_answers(images[image_id], rows) for image_id, rows in grouped])
    result_of = {image_id: result for (image_id, _), result in zip(grouped, results, strict=True)}
    annotated = {image_id: result for image_id, result in result_of.items() if isinstance(result, Objects)}
    for image_id in result_of.keys() - annotated.keys():
        image = images[image_id]
        log.error("Image %s of %s has no annotation: %s", image, image.dataset, result_of[image_id])
    Annotation.objects.filter(image__in=answered - annotated.keys()).delete()
    settings = _settings_of(images.values())
    Annotation.objects.bulk_create(
        [_annotation(images[pk], settings, result) for pk, result in annotated.items()],
        update_conflicts=True,
        unique_fields=["image"],
        update_fields=[f.name for f in Annotation._meta.concrete_fields if f.name not in ("id", "image")],
        batch_size=2000,
    )


def _answers(image: Image, rows: list[tuple[Any, ...]]) -> tuple[list[list[int]], list[int], int | None]:
    label = image.dataset_label.index if image.dataset_label else None
    return [selected for _, selected, _ in rows], [main for _, _, main in rows], label


def _settings_of(images: Iterable[Image]) -> dict[int, SettingsVersion]:
    datasets = Dataset.objects.in_bulk({image.dataset_id for image in images})
    return {pk: current_settings(dataset) for pk, dataset in datasets.items()}


def _annotation(image: Image, settings: dict[int, SettingsVersion], result: Objects) -> Annotation:
    return Annotation(
        image=image,
        settings=settings[image.dataset_id],
        main_label=result.main_label,
        n_objects=result.n_objects,
        n_annotators=result.n_annotators,
        n_optimal_partitions=result.n_optimal_partitions,
        objects_found=result.objects,
        unplaced=result.unplaced,
        main_object=result.main_object,
        dataset_label_object=result.dataset_label_object,
        main_may_differ=result.main_may_differ,
        main_must_differ=result.main_must_differ,
    )


@transaction.atomic
def recompute(*, dataset: Dataset) -> None:
    """Have the next passes compute all results of a dataset again from its votes. Until then they stay as they are."""
    mark_for_aggregation(dataset=dataset)
    record(area=Area.CONFIG, action="results.recompute", subject=f"dataset {dataset}")


@transaction.atomic
def forget(*, dataset: Dataset) -> None:
    """Delete all derived data of a dataset, so that the next pass computes it anew. Votes and forms stay."""
    _wait_for_turn()
    Annotation.objects.filter(image__dataset=dataset).delete()
    CandidateSet.objects.filter(image__dataset=dataset).delete()
    SelectionFrequency.objects.filter(image__dataset=dataset).delete()
    StoppedPair.objects.filter(image__dataset=dataset).delete()
    ConfidenceTable.objects.filter(batch__dataset=dataset).delete()
    forget_measures(dataset=dataset)
    forget_agreement(dataset=dataset)
    mark_for_aggregation(dataset=dataset)
