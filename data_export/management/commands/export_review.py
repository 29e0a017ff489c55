"""`./manage export_review --dataset NAME -o FILE`: write a whole review, or its label sets as one document."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from data_export.files import whole_file
from data_export.reads import one_snapshot
from data_export.reviews.reads import check_not_blinded, review_named, written_review


class Command(BaseCommand):
    help = (
        "Write a review of a dataset. As jsonl, all that was asked and said, with pseudonyms, for import_review. As "
        "json, the label sets as one document, with the keys of the release of Shankar et al. 2020: image_labels, "
        "initial_annots, image_map and wnid_map."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--review", metavar="TITLE", default="", help="default: the newest")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", required=True, help="ends in .jsonl or .json")

    def handle(self, *args: Any, dataset: str, review: str, output: Path, **options: Any) -> None:
        if output.suffix not in (".json", ".jsonl"):
            raise CommandError(gettext("The name of the file must end in .json or .jsonl: %(file)s") % {"file": output})
        with as_command_errors():
            chosen = review_named(dataset_named(dataset), review)
            check_not_blinded(chosen, output.suffix[1:])
        subject = f"review “{chosen}” of dataset {dataset}"
        record(area=Area.EXPORT, action="review.export", subject=subject, after={"format": output.suffix[1:]})
        try:
            with one_snapshot(), whole_file(output) as out:
                for line in written_review(chosen, output.suffix[1:]):
                    out.write(line)
        except OSError as error:
            message = gettext("Cannot write %(target)s: %(reason)s.")
            raise CommandError(message % {"target": output, "reason": error.strerror}) from error
        self.stdout.write(gettext("%(file)s: review “%(review)s”") % {"file": output, "review": chosen})
