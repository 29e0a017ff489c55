"""`./manage close BATCH`: no more hand-outs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from mturk.closing.actions import close_published
from mturk.models import Terms
from workforce.actions import close_batch
from workforce.reads import batch_named


class Command(BaseCommand):
    help = (
        "Hand out no more of a batch, and take its HITs off the marketplace. What people hold may still come in, and "
        "what came in is aggregated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", help="its number, or its address")

    def handle(self, *args: Any, **options: Any) -> None:
        with as_command_errors():
            batch = batch_named(options["batch"])
            was_closed = batch.closed_at is not None
            terms = Terms.objects.filter(batch=batch).first()
            if terms is None or was_closed:
                close_batch(batch=batch)
            else:
                close_published(terms=terms)
        self.stdout.write(f"Batch {batch.pk} ({batch}) {'was closed already' if was_closed else 'is closed'}.")
