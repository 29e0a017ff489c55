"""Queries for the work of people who are named by the IDs of their platform."""

from dataclasses import dataclass

from catalog.models import Dataset
from studies.exclusions.effects.reads import effect_of_exclusion
from studies.links.actions import ids_in
from workforce.models import Worker
from workforce.platforms.reads import workers_of_platform_id
from workforce.reads import pseudonym


@dataclass(frozen=True)
class Withdrawal:
    """People by the IDs that somebody typed: their workers here, the numbers of their work, and the unknown IDs."""

    dataset: Dataset
    workers: list[Worker]
    unknown: list[str]
    n_submissions: int
    n_votes: int

    @property
    def pseudonyms(self) -> list[str]:
        return [pseudonym(self.dataset, worker.pk) for worker in self.workers]


def withdrawal_of(dataset: Dataset, text: str) -> Withdrawal:
    """Return the people behind IDs, one on each line. Raises UserError for a line that is no ID."""
    workers: dict[int, Worker] = {}
    unknown = []
    for each in ids_in(text):
        people = workers_of_platform_id(dataset, each)
        workers |= {worker.pk: worker for worker in people}
        unknown += [] if people else [each]
    people_in_order = [workers[pk] for pk in sorted(workers)]
    effects = [effect_of_exclusion(dataset, worker) for worker in people_in_order]
    n_submissions = sum(effect.n_submissions for effect in effects)
    n_votes = sum(effect.n_votes for effect in effects)
    return Withdrawal(dataset, people_in_order, unknown, n_submissions, n_votes)
