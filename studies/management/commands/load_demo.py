"""`./manage load_demo`: open the demo study of a new site."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext, gettext_lazy

from candidates.runs.actions import requested_classifiers
from catalog.errors import as_command_errors
from catalog.models import Dataset
from review_task.reads import open_reviews
from studies.demo.actions import DEMO, NameInUse, is_open, open_batches, open_demo, store_demo
from studies.opening.actions import address_of, address_of_review
from studies.simulation.actions import LIVING, answers_stored, simulate
from workforce.kinds import kind_named

# A network is loaded and looks at 25 photographs in about this time, on two cores.
SECONDS_PER_NETWORK = 2
WAY_OUT = gettext_lazy(
    "The demo study is not open; everything else works without it. To open it, restart ./run, which also installs "
    "missing networks, or use ./manage load_demo --here."
)


class Command(BaseCommand):
    help = (
        "Open the demo study if it is not open: store its photographs, predict their labels with "
        "the installed classifiers, and open grids for these labels. Print the addresses of its "
        "batches. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--store", action="store_true", help="only store the photographs")
        parser.add_argument(
            "--living", action="store_true", help="then let simulated people fill it; needs the running site"
        )
        modes.add_argument("--here", action="store_true", help="predict in this process, without workers")

    def handle(self, *args: Any, store: bool, here: bool, living: bool, **options: Any) -> None:
        with as_command_errors():
            try:
                dataset = store_demo()
            except NameInUse as error:
                # No reason for a site not to start.
                if not store:
                    self.stderr.write(error.for_shell)
                return
        if store:
            return
        if not is_open(dataset):
            self.open(dataset, here)
        for batch in open_batches(dataset):
            title = f"demo {kind_named(batch.kind).hits}"
            self.stdout.write(f"  {title:12} {address_of(batch)}?worker=you")
        for review in open_reviews([dataset.pk])[dataset.pk]:
            self.stdout.write(f"  {'demo review':12} {address_of_review(review)}")
        if living:
            self.live(dataset)

    def live(self, dataset: Dataset) -> None:
        """Let simulated people fill the demo study."""
        self.stdout.write(gettext("Demo study: simulated people fill it now. The page “Datasets” can remove them."))
        self.stdout.flush()
        with as_command_errors():
            self.stdout.write(gettext("Demo study:") + f" {answers_stored(simulate(dataset=dataset, plan=LIVING))}")

    def open(self, dataset: Dataset, here: bool) -> None:
        try:
            with as_command_errors():
                self.predict(dataset, here)
                opened = open_demo(dataset=dataset)
        except (CommandError, DatabaseError) as error:
            raise CommandError(f"{error}\n{WAY_OUT}") from error
        if opened is not None:
            message = gettext("Demo study: %(n_grids)s grids were opened for %(n_labels)s potential labels.")
            self.stdout.write(message % {"n_grids": opened.n_grids, "n_labels": opened.n_pairs})

    def predict(self, dataset: Dataset, here: bool) -> None:
        names = requested_classifiers(dataset, [])
        message = gettext(
            "Demo study: %(classifiers)s now predict the labels of %(n_photographs)s photographs. "
            "The grids open in about %(seconds)s s."
        )
        figures = {
            "classifiers": ", ".join(names),
            "n_photographs": dataset.images.count(),
            "seconds": SECONDS_PER_NETWORK * len(names),
        }
        self.stdout.write(message % figures)
        # Without a terminal the line would appear only at the end.
        self.stdout.flush()
        call_command("predict", dataset=DEMO, here=here, stdout=self.stdout, stderr=self.stderr)
