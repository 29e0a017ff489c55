"""`./manage potential_labels --dataset NAME`: compute the labels that people are asked about, from predictions."""

from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext, ngettext
from numpy.typing import NDArray

from candidates.actions import find_potential_labels
from candidates.reads import distribution, ensemble_of, n_unpredicted, startable
from catalog.errors import as_command_errors
from catalog.models import Dataset
from catalog.reads import current_settings, dataset_named

WIDTH = 50


class Command(BaseCommand):
    help = (
        "Compute the potential labels of every image of a dataset, and print how many there are: the first top_k "
        "labels of each classifier in the settings (without any, of all with predictions), and the dataset label."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")

    def handle(self, *args: Any, dataset: str, **options: Any) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
            n_labels = find_potential_labels(dataset=study)
        self.warn(study)
        counts = distribution(study)
        n_images = int(counts.sum())
        mean = n_labels / n_images if n_images else 0
        message = ngettext(
            "Potential labels of %(n_images)s image: %(n_labels)s (%(mean)s per image).",
            "Potential labels of %(n_images)s images: %(n_labels)s (%(mean)s per image).",
            n_images,
        )
        values = {"n_images": f"{n_images:,}", "n_labels": f"{n_labels:,}", "mean": f"{mean:.2f}"}
        self.stdout.write(message % values)
        for line in histogram(counts):
            self.stdout.write(line)

    def warn(self, dataset: Dataset) -> None:
        ensemble = ensemble_of(dataset, current_settings(dataset))
        can_start = startable(ensemble)
        for name, n in n_unpredicted(dataset, ensemble).items():
            message = ngettext("%(name)s has not predicted %(n)s image.", "%(name)s has not predicted %(n)s images.", n)
            way_out = (
                gettext("Run ./manage predict.")
                if name in can_start
                else gettext("Import another file with ./manage import predictions.")
            )
            self.stderr.write(f"{message % {'name': name, 'n': f'{n:,}'}} {way_out}")


def histogram(counts: NDArray[np.int64]) -> list[str]:
    """Draw a line with a bar per number of labels, from the least that occurs to the most.

    >>> histogram(np.array([0, 1, 4]))
    ['  1         1  ############', '  2         4  ##################################################']
    """
    sizes = np.flatnonzero(counts)
    numbers = range(sizes[0], sizes[-1] + 1) if sizes.size else range(0)
    most = counts.max(initial=1)
    return [f"{n:3} {counts[n]:9,}  {'#' * round(WIDTH * counts[n] / most)}".rstrip() for n in numbers]
