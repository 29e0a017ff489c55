"""Queries on HITs that ask for fewer, or more, replacements than they have excluded answers.

A HIT wants as many answers as it was opened with, and asks for one more for each answer that is excluded at present
(`HIT.n_replacements`). So it does not matter in which order answers were excluded, replaced and readmitted. Left out
are replayed batches, and pairs outside the initial subset of an adaptive batch: its rule decides by the votes.
"""

from typing import Any, NamedTuple

from django.db import connection

from catalog.models import Dataset
from workforce.models import HIT

UNBALANCED = """
    WITH current AS (  -- settings of each dataset
        SELECT DISTINCT ON (dataset_id) dataset_id, asks_again, most_replacements FROM catalog_settingsversion
        ORDER BY dataset_id, version DESC
    )
    SELECT hit.id, hit.batch_id, count(exclusion.id), hit.n_replacements,
           current.asks_again, current.most_replacements
    FROM workforce_hit hit JOIN workforce_batch batch ON batch.id = hit.batch_id
    JOIN current ON current.dataset_id = batch.dataset_id
    LEFT JOIN workforce_submission submission ON submission.hit_id = hit.id AND submission.state = 'confirmed'
    LEFT JOIN workforce_exclusion exclusion
      ON exclusion.submission_id = submission.id AND exclusion.lifted_at IS NULL
    WHERE {which} AND batch.marketplace <> 'replay' AND (batch.max_votes IS NULL OR hit.initial)
    GROUP BY hit.id, current.asks_again, current.most_replacements
    HAVING count(exclusion.id) <> hit.n_replacements
    ORDER BY hit.batch_id, hit.id
"""
OF_SUBMISSIONS = UNBALANCED.format(
    which="""hit.id IN (SELECT hit_id FROM workforce_submission WHERE id = ANY(%(submissions)s))
      AND hit.closed_at IS NULL AND batch.closed_at IS NULL"""
)
OF_HIT = UNBALANCED.format(which="hit.id = %(hit)s AND hit.closed_at IS NULL AND batch.closed_at IS NULL")
# Few HITs have an excluded answer: the others are not read.
OF_DATASET = UNBALANCED.format(
    which="""batch.dataset_id = %(dataset)s AND (hit.closed_at IS NULL AND batch.closed_at IS NULL) = %(open)s
      AND hit.id IN (
        SELECT excluded.hit_id FROM workforce_exclusion standing
        JOIN workforce_submission excluded ON excluded.id = standing.submission_id WHERE standing.lifted_at IS NULL
      )"""
)


class Balance(NamedTuple):
    """The excluded answers to a HIT, its replacements, and whether, and how often at most, the study asks again."""

    hit_id: int
    batch_id: int
    n_excluded: int
    n_replacements: int
    asks_again: bool
    most: int

    @property
    def n_missing(self) -> int:
        """Return the number of excluded answers that nobody is asked for; 0 or less if there are none.

        >>> Balance(1, 1, n_excluded=3, n_replacements=1, asks_again=False, most=9).n_missing
        2
        """
        return self.n_excluded - self.n_replacements

    @property
    def n_asked_by_itself(self) -> int:
        """Return how many of these the study asks for without a person.

        >>> Balance(1, 1, n_excluded=3, n_replacements=1, asks_again=True, most=2).n_asked_by_itself
        1
        """
        return min(self.n_excluded, self.most) - self.n_replacements if self.asks_again else 0


def balances_of(submission_ids: list[int]) -> list[Balance]:
    """Return the open HITs that these submissions answer and that ask for too few, or too many, replacements."""
    return _balances(OF_SUBMISSIONS, submissions=submission_ids)


def balance_of(hit: HIT) -> Balance | None:
    """Return the balance of an open HIT, if it asks for too few, or too many, replacements."""
    return next(iter(_balances(OF_HIT, hit=hit.pk)), None)


def lacking_hits(dataset: Dataset, *, still_open: bool = True) -> list[Balance]:
    """Return the HITs of a dataset with excluded answers that nobody is asked for: open ones, or closed ones."""
    return [b for b in _balances(OF_DATASET, dataset=dataset.pk, open=still_open) if b.n_missing > 0]


def _balances(query: str, **values: Any) -> list[Balance]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [Balance(*row) for row in cursor.fetchall()]
