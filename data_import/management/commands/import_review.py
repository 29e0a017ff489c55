"""`./manage import_review FILE --dataset NAME`: load a review, or label sets, from elsewhere."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from catalog.actions import BadName
from data_import.votes.files import BadFile
from data_import.whole_reviews.actions import import_review
from review_task.models import Item, Verdict


class Command(BaseCommand):
    help = (
        "Load a whole review as “export_review” writes it (.jsonl), or label sets: one JSON document with the keys of "
        "the release of Shankar et al. 2020 (image_labels, initial_annots, image_map, wnid_map), or rows with image, "
        "label and state as “export label_sets” writes them (.csv, .jsonl). Files may end in .gz, but for csv. A "
        "dataset that does not exist is created with the ImageNet classes; images that it lacks are added without "
        "files. Pickles are refused. After a fault, nothing is loaded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dataset", required=True, metavar="NAME", help="dataset; created if it does not exist")
        parser.add_argument("--title", default="", help="name of the review for label sets; default: the file's name")

    def handle(self, *args: Any, file: Path, dataset: str, title: str, **options: Any) -> None:
        begin = time.monotonic()
        try:
            review = import_review(dataset_name=dataset, path=file, title=title)
        except BadName as error:
            raise CommandError(error.for_shell) from error
        except BadFile as error:
            message = gettext("%(reason)s Nothing was loaded. %(way_out)s")
            raise CommandError((message % {"reason": error, "way_out": error.shell}).rstrip()) from error
        items = Item.objects.filter(page__review=review)
        figures = {
            "dataset": dataset,
            "review": review.title,
            "n_images": f"{items.values('image').distinct().count():,}",
            "n_items": f"{items.count():,}",
            "n_verdicts": f"{Verdict.objects.filter(item__page__review=review).count():,}",
            "seconds": f"{time.monotonic() - begin:.1f}",
        }
        message = gettext(
            "%(dataset)s: review “%(review)s”, %(n_images)s images, %(n_items)s labels, %(n_verdicts)s verdicts, "
            "%(seconds)s s"
        )
        self.stdout.write(message % figures)
