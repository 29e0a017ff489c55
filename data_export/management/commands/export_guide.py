"""`./manage export_guide DATASET --format html|pdf [-o FILE]`: write the labelling guide as one document."""

import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from data_export.guide.pages import DOCUMENTS


class Command(BaseCommand):
    help = "Write the labelling guide of a study as one document, with its pictures inside."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("--format", required=True, choices=[*DOCUMENTS])
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: DATASET-guide.FORMAT")

    def handle(self, *args: Any, dataset: str, format: str, output: Path | None, **options: Any) -> None:
        file = output or Path(f"{re.sub(r'[^A-Za-z0-9._-]+', '-', dataset)}-guide.{format}")
        with as_command_errors():
            content = DOCUMENTS[format].make(dataset_named(dataset))
        record(area=Area.EXPORT, action="guide.export", subject=f"dataset {dataset}", after={"format": format})
        try:
            file.write_bytes(content)
        except OSError as error:
            message = gettext("Cannot write %(target)s: %(reason)s.")
            raise CommandError(message % {"target": file, "reason": error.strerror}) from error
        self.stdout.write(gettext("%(file)s was written.") % {"file": file})
