"""`./manage potential_labels --dataset NAME`: which labels people will be asked about, from the predictions."""

from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandParser
from numpy.typing import NDArray

from candidates.actions import find_potential_labels
from candidates.reads import distribution, ensemble_of, n_unpredicted, startable
from catalog.errors import as_command_errors
from catalog.models import Dataset
from catalog.reads import current_settings, dataset_named

WIDTH = 50


class Command(BaseCommand):
    help = (
        "Work out the potential labels of every image of a dataset: the first top_k labels of each classifier that "
        "the settings name (all that predicted, if they name none), and the dataset's own. Print how many there are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")

    def handle(self, *args: Any, dataset: str, **options: Any) -> None:
        with as_command_errors():
            found = dataset_named(dataset)
            n_labels = find_potential_labels(dataset=found)
        self.warn(found)
        counts = distribution(found)
        n_images = int(counts.sum())
        mean = n_labels / n_images if n_images else 0
        self.stdout.write(f"{n_labels:,} potential labels of {n_images:,} images, {mean:.2f} on average.")
        for line in histogram(counts):
            self.stdout.write(line)

    def warn(self, dataset: Dataset) -> None:
        ensemble = ensemble_of(dataset, current_settings(dataset))
        can_start = startable(ensemble)
        for name, n in n_unpredicted(dataset, ensemble).items():
            way_out = "./manage predict" if name in can_start else "a further file, ./manage import predictions,"
            self.stderr.write(f"{name} has not predicted {n:,} of the images: {way_out} completes it.")


def histogram(counts: NDArray[np.int64]) -> list[str]:
    """A line per number of labels, from the least that occurs to the most, with a bar.

    >>> histogram(np.array([0, 1, 4]))
    ['  1         1  ############', '  2         4  ##################################################']
    """
    found = np.flatnonzero(counts)
    numbers = range(found[0], found[-1] + 1) if found.size else range(0)
    most = counts.max(initial=1)
    return [f"{n:3} {counts[n]:9,}  {'#' * round(WIDTH * counts[n] / most)}".rstrip() for n in numbers]
