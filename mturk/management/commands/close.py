"""`./manage close BATCH`: close a batch for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from mturk.closing.actions import close_published
from mturk.models import Terms
from workforce.actions import close_batch
from workforce.reads import batch_named


class Command(BaseCommand):
    help = (
        "Close a batch for good and take its HITs off the marketplace. No new work is assigned. Work in progress can "
        "still be submitted, and all answers are aggregated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", help="number or address of the batch")

    def handle(self, *args: Any, **options: Any) -> None:
        with as_command_errors():
            batch = batch_named(options["batch"])
            was_closed = batch.closed_at is not None
            terms = Terms.objects.filter(batch=batch).first()
            if terms is None or was_closed:
                close_batch(batch=batch)
            else:
                close_published(terms=terms)
        if was_closed:
            words = gettext("Batch %(batch)s (%(words)s) was already closed.")
        else:
            words = gettext("Batch %(batch)s (%(words)s) is closed.")
        self.stdout.write(words % {"batch": batch.pk, "words": batch})
