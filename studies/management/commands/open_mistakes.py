"""`./manage open_mistakes --dataset NAME --classifier NAME`: a queue of a classifier's mistakes for reviewers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from review_task.mistakes.reads import classifier_named
from review_task.mistakes.texts.reads import opened_message
from studies.mistakes.actions import open_mistake_queue


class Command(BaseCommand):
    help = (
        "Open a queue of the images whose label a classifier gets wrong, for reviewers to judge with a category and a "
        "severity (Vasudevan et al. 2022). An image's labels are those that reviewers found correct; without a review "
        "those of its annotation, and without one the dataset's label. New mistakes join the classifier's open queue."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--classifier", required=True, metavar="NAME", help="its predictions must be imported")
        parser.add_argument("--reviewers", type=int, default=1, metavar="N", help="reviewers of each mistake (1)")
        parser.add_argument("--title", default="", metavar="TEXT")

    def handle(self, *args: Any, dataset: str, classifier: str, reviewers: int, title: str, **options: Any) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
            row = classifier_named(study, classifier)
            opened = open_mistake_queue(dataset=study, classifier=row, n_reviewers=reviewers, title=title)
        for line in opened_message(opened):
            self.stdout.write(line)
