"""Queries for questions with fewer votes than answers, and for the answers that are still to be asked for.

An answer is lost to a question if it fills a slot and is not excluded, but gives no vote: the photograph was not loaded
or not seen, or “maybe” counts as nothing. Each lost answer is asked for again, from somebody else, up to the number in
the settings of the batch. Answers that a researcher excluded are replaced by a place on the same grid or form
(`workforce.replacements`), whatever they gave; a closed batch asks nothing.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Exists, OuterRef

from catalog.models import Dataset
from classify_task.models import ClassifyVote, Form
from contains_task.models import ContainsVote, GridCell
from workforce.models import HIT, Batch, Exclusion, Submission
from workforce.replacements.reads import Balance, lacking_hits

# By index: few answers have an unseen photograph, or a maybe.
LOST = """
    WITH current AS (  -- settings of each dataset
        SELECT DISTINCT ON (dataset_id) dataset_id, maybe_counts FROM catalog_settingsversion
        ORDER BY dataset_id, version DESC
    ), touched AS (
        SELECT DISTINCT hit.batch_id, grid.label_id FROM workforce_submission submission
        JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN contains_task_grid grid ON grid.hit_id = hit.id
        WHERE submission.id = ANY(%(submissions)s)
    ), lost AS (
        SELECT hit.batch_id, hit.initial, grid.label_id, cell.image_id, submission.id
        FROM workforce_submission submission JOIN workforce_hit hit ON hit.id = submission.hit_id
        JOIN contains_task_grid grid ON grid.hit_id = hit.id
        JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
        JOIN catalog_image image ON image.id = cell.image_id
        WHERE submission.answer ? 'unseen' AND submission.answer -> 'unseen' ? image.public_id
          AND {unseen}
        UNION ALL
        SELECT hit.batch_id, hit.initial, vote.label_id, vote.image_id, submission.id
        FROM contains_task_containsvote vote JOIN workforce_submission submission ON submission.id = vote.submission_id
        JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
        JOIN current ON current.dataset_id = batch.dataset_id AND current.maybe_counts = 'nothing'
        WHERE vote.maybe AND vote.counted AND {maybe}
    )
    SELECT lost.batch_id, lost.label_id, lost.image_id, lost.initial, count(*),
           least(count(*), settings.most_further_answers) - coalesce((
               SELECT sum(hit.n_further) FROM contains_task_gridcell cell
               JOIN contains_task_grid grid ON grid.id = cell.grid_id AND grid.label_id = lost.label_id
               JOIN workforce_hit hit ON hit.id = grid.hit_id AND hit.batch_id = lost.batch_id
               WHERE cell.image_id = lost.image_id AND cell.role = 'question'
           ), 0)
    FROM lost JOIN workforce_submission submission USING (id)
    JOIN workforce_batch batch ON batch.id = lost.batch_id JOIN catalog_settingsversion settings
      ON settings.id = batch.settings_id
    WHERE submission.state = 'confirmed' AND batch.closed_at IS NULL AND NOT EXISTS (
        SELECT FROM workforce_exclusion exclusion
        WHERE exclusion.submission_id = submission.id AND exclusion.lifted_at IS NULL
    )
    GROUP BY lost.batch_id, lost.label_id, lost.image_id, lost.initial, settings.most_further_answers
    ORDER BY lost.batch_id, lost.label_id, lost.image_id
"""
OF_TOUCHED_CLASSES = LOST.format(
    unseen="(hit.batch_id, grid.label_id) IN (SELECT batch_id, label_id FROM touched)",
    maybe="(hit.batch_id, vote.label_id) IN (SELECT batch_id, label_id FROM touched)",
)
OF_BATCH = LOST.format(unseen="hit.batch_id = %(batch)s", maybe="hit.batch_id = %(batch)s")
OF_IMAGES = LOST.format(unseen="cell.image_id = ANY(%(images)s)", maybe="vote.image_id = ANY(%(images)s)")
# Classes with an answer that is missing, or not aggregated yet; of adaptive batches to their initial subset.
BUSY = """
    SELECT DISTINCT grid.label_id FROM workforce_hit hit JOIN contains_task_grid grid ON grid.hit_id = hit.id
    WHERE hit.batch_id = %(batch)s AND grid.label_id = ANY(%(labels)s) AND (hit.initial OR NOT %(adaptive)s) AND (
        hit.closed_at IS NULL AND EXISTS (
            SELECT FROM workforce_slot slot WHERE slot.hit_id = hit.id AND slot.state IN ('free', 'leased')
        ) OR EXISTS (
            SELECT FROM workforce_submission submission WHERE submission.hit_id = hit.id
              AND submission.aggregated_at IS NULL AND submission.id <> ALL(%(submissions)s)
        )
    )
"""


class LostPair(NamedTuple):
    """A pair of a batch with lost answers; `n_to_ask` further ones may still be asked for, 0 or less if none."""

    batch_id: int
    label_id: int
    image_id: int
    initial: bool
    n_lost: int
    n_to_ask: int


def lost_pairs(submission_ids: list[int]) -> list[LostPair]:
    """Return the pairs with lost answers in the open batches and classes that these submissions answer."""
    return _pairs(OF_TOUCHED_CLASSES, submissions=submission_ids)


def given_up(batch: Batch) -> set[tuple[int, int]]:
    """Return (label, image) pairs of ids, outside the initial subset, that lost more answers than may be replaced."""
    pairs = _pairs(OF_BATCH, batch=batch.pk)
    most = batch.settings.most_further_answers
    return {(pair.label_id, pair.image_id) for pair in pairs if not pair.initial and pair.n_lost > most}


def _pairs(query: str, **values: Any) -> list[LostPair]:
    parameters: dict[str, Any] = {"submissions": []} | values
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [LostPair(*row) for row in cursor.fetchall()]


def busy_labels(batch: Batch, label_ids: Iterable[int], submission_ids: list[int]) -> set[int]:
    """Return the classes whose round is not over: an answer is missing, or neither aggregated nor among these.

    In an adaptive batch only the initial subset is asked about in turn, and its table waits for it alone.
    """
    values: dict[str, Any] = {"batch": batch.pk, "labels": list(label_ids), "submissions": submission_ids}
    values["adaptive"] = batch.is_adaptive
    with connection.cursor() as cursor:
        cursor.execute(BUSY, values)
        return {label_id for (label_id,) in cursor.fetchall()}


def is_asked_in_turn(batch: Batch, pair: LostPair) -> bool:
    """Return whether further answers replace lost ones; an adaptive batch decides by the votes outside its initial
    subset."""
    return pair.initial or not batch.is_adaptive


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Return the images of pairs for which further answers will be asked for, once their class's round is over."""
    pairs = [pair for pair in _pairs(OF_IMAGES, images=list(image_ids)) if pair.n_to_ask > 0]
    batches = Batch.objects.in_bulk({pair.batch_id for pair in pairs})
    return {pair.image_id for pair in pairs if is_asked_in_turn(batches[pair.batch_id], pair)}


def rounds_of(pairs: Iterable[LostPair]) -> list[dict[int, list[int]]]:
    """Return images by label for each round: one more person is asked about a pair in each of its rounds.

    >>> rounds_of([LostPair(1, 7, 3, False, 2, 2), LostPair(1, 7, 4, False, 1, 1), LostPair(1, 8, 3, False, 9, 0)])
    [{7: [3, 4]}, {7: [3]}]
    """
    rounds: list[dict[int, list[int]]] = []
    for pair in pairs:
        for number in range(pair.n_to_ask):
            if number == len(rounds):
                rounds.append(defaultdict(list))
            rounds[number][pair.label_id].append(pair.image_id)
    return [dict(images_by_label) for images_by_label in rounds]


def forms_with_lost_answers(submission_ids: list[int]) -> list[tuple[HIT, int]]:
    """Return the open forms that these submissions answer and that lost answers, each with the number of them."""
    excluded = Exclusion.objects.filter(submission=OuterRef("pk"), lifted_at=None)
    lost = Submission.objects.filter(~Exists(excluded), answer__has_key="unseen", state=Submission.State.CONFIRMED)
    touched = Submission.objects.filter(pk__in=submission_ids, answer__has_key="unseen").values("hit")
    counts = dict(lost.filter(hit__in=touched).order_by().values_list("hit").annotate(n=Count("pk")))
    forms = HIT.objects.filter(pk__in=counts, form__isnull=False, closed_at=None, batch__closed_at=None)
    return [(hit, counts[hit.pk]) for hit in forms.select_related("batch__settings").order_by("pk")]


@dataclass(frozen=True)
class MissingAnswers:
    """Excluded answers that nobody is asked for: votes on pairs, and on forms, and the images that they concern.

    `n_people`: further answers to grids and forms, each by one person. `n_closed`: votes of these that belong to closed
    batches, which ask nobody.
    """

    n_answers: int
    n_images: int
    n_people: int
    n_closed: int

    @property
    def n_open(self) -> int:
        """Return the number of votes that open batches can ask for."""
        return self.n_answers - self.n_closed

    def __bool__(self) -> bool:
        return self.n_answers > 0


def missing_answers(dataset: Dataset) -> MissingAnswers:
    """Return what exclusions took from a dataset and nobody is asked for, by settings or since its batch is closed."""
    n_open, images, n_people = _missing(lacking_hits(dataset))
    n_closed, of_closed, _ = _missing(lacking_hits(dataset, still_open=False))
    return MissingAnswers(n_open + n_closed, len(images | of_closed), n_people, n_closed)


def _missing(balances: list[Balance]) -> tuple[int, set[int], int]:
    """Return the numbers of votes, the images, and the number of people to ask."""
    asked = {balance.hit_id: balance.n_missing for balance in balances}
    cells = GridCell.objects.filter(grid__hit__in=asked, role="question").values_list("grid__hit", "image")
    questions = [*cells, *Form.objects.filter(hit__in=asked).values_list("hit", "image")]
    return sum(asked[hit] for hit, _ in questions), {image for _, image in questions}, sum(asked.values())


def n_surplus_votes(dataset: Dataset) -> int:
    """Return the number of votes that are paid, but more than was asked for, and in no frequency or annotation."""
    of_grids = ContainsVote.objects.filter(surplus=True, submission__hit__batch__dataset=dataset)
    return of_grids.count() + ClassifyVote.objects.filter(surplus=True, image__dataset=dataset).count()
