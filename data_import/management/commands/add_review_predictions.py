"""`./manage add_review_predictions REVIEW [--file FILE]`: add later predictions to a review."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from data_import.reviews.actions import add_predictions_of_file
from review_task.actions import Added, add_predictions
from review_task.models import Review
from review_task.reads import review_numbered


class Command(BaseCommand):
    help = (
        "Add what is new among predictions to a review: those of the classifiers on the site, or of a file. Verdicts "
        "stay, and class pages wait for their new labels alone. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("review", type=int, metavar="REVIEW", help="number of the review")
        parser.add_argument("--file", type=Path, metavar="FILE", help="a file as of ./manage open_review")
        parser.add_argument("--source", default="", metavar="NAME", help="only rows of a file with this dataset")
        parser.add_argument(
            "--predictions-only", action="store_true", help="leave out dataset labels that no model predicts"
        )

    def handle(self, *args: Any, review: int, file: Path | None, source: str, **options: Any) -> None:
        with as_command_errors():
            added = add(review_numbered(review), file, source, not options["predictions_only"])
        message = gettext("%(n_items)s new labels of %(n_images)s images, on %(n_pages)s class pages.")
        self.stdout.write(message % {name: f"{n:,}" for name, n in added._asdict().items()})


def add(review: Review, file: Path | None, source: str, with_dataset_label: bool) -> Added:
    if file is None:
        return add_predictions(review=review, with_dataset_label=with_dataset_label)
    return add_predictions_of_file(review=review, file=file, source=source, with_dataset_label=with_dataset_label)
