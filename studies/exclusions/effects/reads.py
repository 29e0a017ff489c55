"""Queries for what an exclusion of all work of a worker would take away, and what readmitting would bring back.

The numbers are those of the votes that are counted now; answers that are not aggregated yet are left out.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from catalog.models import Dataset
from studies.exclusions.actions import OF_THE_PERSON, OF_THE_PERSON_BEFORE
from workforce.models import Exclusion, Submission, Worker

# Of the pairs of votes with `counted` as given: the votes that they need (of each batch that asks them, 0 of replayed
# ones), and the votes that they have.
PAIRS = """
    WITH pair AS (
        SELECT DISTINCT image_id, label_id FROM contains_task_containsvote
        WHERE submission_id = ANY(%(submissions)s) AND role = 'question' AND counted = %(counted)s
    ), asked AS (
        SELECT DISTINCT pair.image_id, pair.label_id, hit.batch_id
        FROM pair JOIN contains_task_gridcell cell ON cell.image_id = pair.image_id AND cell.role = 'question'
        JOIN contains_task_grid grid ON grid.id = cell.grid_id AND grid.label_id = pair.label_id
        JOIN workforce_hit hit ON hit.id = grid.hit_id
    ), needed AS (
        SELECT asked.image_id, asked.label_id, sum(
            CASE WHEN batch.marketplace = 'replay' THEN 0 ELSE coalesce(batch.min_votes, version.contains_answers) END
        ) AS n
        FROM asked JOIN workforce_batch batch ON batch.id = asked.batch_id
        JOIN catalog_settingsversion version ON version.id = batch.settings_id GROUP BY 1, 2
    )
    SELECT needed.image_id, needed.n, coalesce(frequency.n_shown, 0)
    FROM needed LEFT JOIN aggregation_selectionfrequency frequency
      ON frequency.image_id = needed.image_id AND frequency.label_id = needed.label_id
"""
FORMS = """
    SELECT vote.image_id,
        CASE WHEN batch.marketplace = 'replay' THEN 0 ELSE version.classify_answers END,
        (SELECT count(*) FROM classify_task_classifyvote other WHERE other.image_id = vote.image_id AND other.counted)
    FROM classify_task_classifyvote vote JOIN workforce_submission submission ON submission.id = vote.submission_id
    JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
    JOIN catalog_settingsversion version ON version.id = batch.settings_id
    WHERE vote.submission_id = ANY(%(submissions)s) AND vote.role = 'question' AND vote.counted = %(counted)s
"""


@dataclass(frozen=True)
class Effect:
    """The effect on a dataset's numbers. A question is a pair of image and label, or the form of an image.

    Attributes:
        n_submissions: submissions that would be excluded, or included again.
        n_votes: votes that would no longer count, or count again.
        n_images: images whose numbers would change.
        n_short: questions with fewer votes than the study asks for, now.
        n_short_after: the same afterwards.
        n_images_short_after: images with such a question afterwards.
    """

    n_submissions: int
    n_votes: int
    n_images: int
    n_short: int
    n_short_after: int
    n_images_short_after: int

    @property
    def n_newly_short(self) -> int:
        return max(0, self.n_short_after - self.n_short)

    @property
    def n_completed(self) -> int:
        return max(0, self.n_short - self.n_short_after)


def submissions_that_count(dataset: Dataset, worker: Worker) -> list[int]:
    """Return the submissions (ids) that an exclusion of all work of the worker would exclude."""
    standing = Exclusion.objects.filter(lifted_at=None).values("submission")
    theirs = Submission.objects.filter(worker=worker, hit__batch__dataset=dataset)
    return list(theirs.exclude(pk__in=standing).values_list("pk", flat=True))


def submissions_excluded(dataset: Dataset, worker: Worker) -> list[int]:
    """Return the submissions (ids) that were excluded with all work of the worker, and are still."""
    theirs = Exclusion.objects.filter(submission__worker=worker, submission__hit__batch__dataset=dataset)
    of_person = [
        pk
        for pk, reason in theirs.filter(lifted_at=None).values_list("submission", "reason")
        if reason.startswith((OF_THE_PERSON, OF_THE_PERSON_BEFORE))
    ]
    return sorted(of_person)


def effect_of_exclusion(dataset: Dataset, worker: Worker) -> Effect:
    return _effect(submissions_that_count(dataset, worker), counted=True)


def effect_of_readmission(dataset: Dataset, worker: Worker) -> Effect:
    return _effect(submissions_excluded(dataset, worker), counted=False)


def _effect(submissions: list[int], *, counted: bool) -> Effect:
    values = {"submissions": submissions, "counted": counted}
    questions = [*_rows(PAIRS, values), *_rows(FORMS, values)]
    change = -1 if counted else 1
    short_after = [image for image, n_needed, n in questions if n + change < n_needed]
    return Effect(
        n_submissions=len(submissions),
        n_votes=len(questions),
        n_images=len({image for image, _, _ in questions}),
        n_short=sum(n < n_needed for _, n_needed, n in questions),
        n_short_after=len(short_after),
        n_images_short_after=len(set(short_after)),
    )


def _rows(query: str, values: dict[str, Any]) -> list[tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [(image, int(n_needed), n) for image, n_needed, n in cursor.fetchall()]
