"""`./manage import_mistakes FILE --dataset NAME --classifier NAME`: a panel's judgement of a classifier's mistakes."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import ngettext

from catalog.errors import as_command_errors
from data_import.mistakes.actions import import_mistakes


class Command(BaseCommand):
    help = (
        "Import a CSV file of judged mistakes: image, prediction (class index), category, severity, as the release "
        "imagenet-mistakes has them (Vasudevan et al. 2022). The panel takes a reviewer's seat in the classifier's "
        "open queue; without one, a queue is opened. A dataset that does not exist is created with the ImageNet "
        "classes, and images that it lacks are added without files. Apostrophes that the export added before = + - @ "
        "tab or carriage return are removed. `export mistakes` writes the same file. A bad row refuses the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dataset", required=True, metavar="NAME", help="dataset; created if it does not exist")
        parser.add_argument("--classifier", required=True, metavar="NAME", help="whose mistakes they are")
        parser.add_argument("--panel", default="", metavar="NAME", help="tells panels of a classifier apart")
        parser.add_argument("--title", default="", metavar="TEXT", help="of a new queue")

    def handle(self, *args: Any, file: Path, dataset: str, classifier: str, **options: Any) -> None:
        with as_command_errors():
            judged = import_mistakes(
                dataset=dataset, classifier=classifier, file=file, panel=options["panel"], title=options["title"]
            )
        message = ngettext(
            "%(title)s, review %(number)s: %(n)s mistake (%(items)s new in the queue, %(verdicts)s judged anew), "
            "%(images)s new images without files.",
            "%(title)s, review %(number)s: %(n)s mistakes (%(items)s new in the queue, %(verdicts)s judged anew), "
            "%(images)s new images without files.",
            judged.n_rows,
        )
        values = {"title": judged.review.title, "number": judged.review.pk, "n": f"{judged.n_rows:,}"}
        values |= {"items": f"{judged.n_new_items:,}", "verdicts": f"{judged.n_new_verdicts:,}"}
        self.stdout.write(message % (values | {"images": f"{judged.n_new_images:,}"}))
