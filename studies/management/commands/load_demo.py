"""`./manage load_demo`: the study that a new site starts with."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from candidates.runs.actions import requested_classifiers
from catalog.errors import as_command_errors
from catalog.models import Dataset
from studies.demo.actions import DEMO, NameInUse, is_open, open_batches, open_demo, store_demo
from studies.opening.actions import address_of
from workforce.kinds import kind_named

# A network is loaded and looks at 25 photographs in about this time, on two cores.
SECONDS_PER_NETWORK = 2
WAY_OUT = (
    "The demo study is not open; all else works without it. ./run, started again, goes on from here, and installs "
    "networks that are missing; so does ./manage load_demo --here."
)


class Command(BaseCommand):
    help = (
        "Open the demo study, unless it is open: store its photographs, have the installed classifiers predict their "
        "labels, open grids for these. Print the addresses at which to try it. May be stopped; it goes on from there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--store", action="store_true", help="only store the photographs")
        how.add_argument("--here", action="store_true", help="predict in this process, whatever workers do")

    def handle(self, *args: Any, store: bool, here: bool, **options: Any) -> None:
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
            called = f"demo {kind_named(batch.kind).hits}"
            self.stdout.write(f"  {called:12} {address_of(batch)}?worker=you")

    def open(self, dataset: Dataset, here: bool) -> None:
        try:
            with as_command_errors():
                self.predict(dataset, here)
                opened = open_demo(dataset=dataset)
        except (CommandError, DatabaseError) as error:
            raise CommandError(f"{error}\n{WAY_OUT}") from error
        if opened is not None:
            pairs, grids = opened.n_pairs, opened.n_grids
            self.stdout.write(f"The demo study: {pairs} potential labels are asked about in {grids} grids.")

    def predict(self, dataset: Dataset, here: bool) -> None:
        names = requested_classifiers(dataset, [])
        self.stdout.write(
            f"The demo study: the labels of {dataset.images.count()} photographs are predicted by {', '.join(names)}; "
            f"its grids open in about {SECONDS_PER_NETWORK * len(names)} s."
        )
        # Where this is no terminal it would come with the end only.
        self.stdout.flush()
        call_command("predict", dataset=DEMO, here=here, stdout=self.stdout, stderr=self.stderr)
