"""`./manage load_demo`: the study that a new site starts with."""

from typing import Any

from django.core.management.base import BaseCommand

from annotation_site.demo_study import NameInUse, load_demo
from annotation_site.refusals import as_command_errors
from annotation_site.study import address_of


class Command(BaseCommand):
    help = "Load the demo study, unless it is there, and print the addresses at which to try it."

    def handle(self, *args: Any, **options: Any) -> None:
        with as_command_errors():
            try:
                batches = load_demo()
            except NameInUse as error:
                # No reason for a site not to start.
                self.stderr.write(str(error))
                return
        for batch in batches:
            self.stdout.write(f"demo, {batch.kind:8} {address_of(batch)}?worker=you")
