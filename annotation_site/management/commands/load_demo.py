"""`./manage load_demo`: the study that a new site starts with."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from annotation_site.demo_study import DEMO, NameInUse, load_demo
from annotation_site.refusals import as_command_errors
from annotation_site.study import address_of
from candidates.models import PotentialLabel


class Command(BaseCommand):
    help = "Load the demo study, unless it is there, and print the addresses at which to try it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--predict", action="store_true", help="then have its potential labels made by the installed classifiers"
        )

    def handle(self, *args: Any, predict: bool, **options: Any) -> None:
        with as_command_errors():
            try:
                batches = load_demo()
            except NameInUse as error:
                # No reason for a site not to start.
                self.stderr.write(str(error))
                return
        if predict:
            self.predict()
            return
        for batch in batches:
            self.stdout.write(f"demo, {batch.kind:8} {address_of(batch)}?worker=you")

    def predict(self) -> None:
        """By the workers, with a progress bar on a terminal; nothing if it was done before."""
        if PotentialLabel.objects.filter(image__dataset__name=DEMO).exists():
            return
        words = {"dataset": DEMO, "stdout": self.stdout, "stderr": self.stderr}
        call_command("predict", **words)
        call_command("potential_labels", **words)
