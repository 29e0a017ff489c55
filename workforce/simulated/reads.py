"""Queries on simulated people of a dataset, and on what they did."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from catalog.models import Dataset
from workforce.models import Batch, Submission, Worker
from workforce.simulated_ids import FIRST_SIMULATED, PREFIX

# Answers asked of simulated people alone, beyond those of the settings, have slots of these numbers.
FIRST_EXTRA_SLOT = 10_000


@dataclass(frozen=True)
class Simulated:
    """The numbers of simulated people of a dataset, and of their submissions."""

    n_people: int
    n_submissions: int

    def __bool__(self) -> bool:
        return bool(self.n_people)


def ids_begin_with(dataset: Dataset) -> str:
    """Return the beginning of the IDs of simulated people of a dataset: each works for one dataset alone."""
    return f"{PREFIX}{dataset.pk}-"


def simulated_people(dataset: Dataset) -> QuerySet[Worker]:
    people = Worker.objects.filter(pk__gte=FIRST_SIMULATED, identity__external_id__startswith=ids_begin_with(dataset))
    return people.order_by("pk")


def simulated_submissions(dataset: Dataset) -> QuerySet[Submission]:
    return Submission.objects.filter(hit__batch__dataset=dataset, worker__gte=FIRST_SIMULATED)


def simulated_in(dataset: Dataset) -> Simulated:
    n_people = simulated_people(dataset).count()
    # Nearly every study has none.
    return Simulated(n_people, simulated_submissions(dataset).count() if n_people else 0)


def simulated_answers() -> dict[int, Simulated]:
    """Return who answered simulated, and how often, by the id of the dataset; nothing for datasets without."""
    rows = Submission.objects.filter(worker__gte=FIRST_SIMULATED).order_by().values_list("hit__batch__dataset")
    counts = rows.annotate(Count("worker", distinct=True), Count("pk"))
    return {dataset: Simulated(n_people, n_submissions) for dataset, n_people, n_submissions in counts}


def has_answers_of_people(dataset: Dataset) -> bool:
    """Return whether real people answered, on this site or in a file of votes."""
    submissions = Submission.objects.filter(hit__batch__dataset=dataset, worker__lt=FIRST_SIMULATED)
    return submissions.exists()


def open_link_batches(dataset: Dataset) -> QuerySet[Batch]:
    """Return the open batches on study links, the oldest first."""
    return dataset.batches.filter(closed_at=None, marketplace=Batch.Marketplace.LINK).order_by("pk")
