"""`./manage open_review --dataset NAME [--file FILE]`: open a review by experts."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from data_import.reviews.actions import open_review_of_file
from review_task.actions import open_review
from review_task.reads import progress

FILE_HELP = (
    "a .csv or .csv.gz with the columns image, label and, optionally, dataset_label, n_models and dataset; labels are "
    "class indexes from 0. Images that the dataset lacks are added without a file"
)


class Command(BaseCommand):
    help = (
        "Open a review by experts: every distinct prediction, on a page for each class. Predictions are the first rank "
        "of each classifier on the site, or those of a file. Reviewers are members of the study."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME", help="with a file, created if there is none")
        parser.add_argument("--title", default="", help="the review's name on pages (its dataset's)")
        parser.add_argument("--reviewers", type=int, default=1, metavar="N", help="reviewers of each class (1)")
        parser.add_argument("--file", type=Path, metavar="FILE", help=FILE_HELP)
        parser.add_argument("--source", default="", metavar="NAME", help="only rows of a file with this dataset")
        parser.add_argument("--label-set", metavar="NAME", help="label set of a new dataset (ImageNet)")
        parser.add_argument(
            "--predictions-only", action="store_true", help="leave out dataset labels that no model predicts"
        )
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the order of images (0)")

    def handle(self, *args: Any, dataset: str, file: Path | None, **options: Any) -> None:
        figures = {
            "title": options["title"] or dataset,
            "n_reviewers": options["reviewers"],
            "with_dataset_label": not options["predictions_only"],
            "seed": options["seed"],
        }
        with as_command_errors():
            if file is None:
                review = open_review(dataset=dataset_named(dataset), **figures)
            else:
                source = {"label_set": options["label_set"], "source": options["source"]}
                review = open_review_of_file(name=dataset, file=file, **source, **figures)
        state = progress(review)
        message = gettext(
            "Review %(pk)s of “%(dataset)s”: %(n_images)s images, %(n_items)s labels to judge, %(n_pages)s class pages."
        )
        counts = {name: f"{getattr(state, name):,}" for name in ("n_images", "n_items", "n_pages")}
        self.stdout.write(message % {"pk": review.pk, "dataset": dataset, **counts})
