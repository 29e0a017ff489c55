"""`./manage export KIND --dataset NAME --format csv|jsonl [-o FILE]`: write rows of a dataset to a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from candidates.prediction_files.reads import export_predictions
from catalog.errors import as_command_errors
from catalog.reads import UnknownDataset, dataset_named
from data_export.files import whole_file
from data_export.reads import FORMATS, check_accepts_simulated, exported_files, one_snapshot, write_rows

# Formats of the predictions of one classifier.
TABLES = ("npz", "csv", "parquet")


class Command(BaseCommand):
    help = (
        "Write the annotations, selection frequencies, votes, predictions or potential labels of a dataset, all of "
        "one moment. Labels are class indexes. In csv, lists are JSON (the selected labels of a vote are separated by "
        "spaces), and an empty cell means that there is no value. Text that starts with = + - @ tab or carriage return "
        "gets an apostrophe, so that spreadsheets do not compute it; replay removes the apostrophe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(exported_files()), help="rows to write")
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--format", required=True, choices=[*FORMATS, "npz", "parquet"])
        parser.add_argument(
            "--classifier",
            metavar="NAME",
            help="write this classifier's predictions, in npz, csv or parquet, as `import predictions` reads them",
        )
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
        parser.add_argument("--names", action="store_true", help="add the labels' WordNet ids and words")
        parser.add_argument(
            "--with-simulated",
            action="store_true",
            help="write annotations and frequencies even if answers of simulated people count in them",
        )

    def handle(
        self, *args: Any, kind: str, dataset: str, format: str, output: Path | None, names: bool, **options: Any
    ) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
            if not options["with_simulated"]:
                check_accepts_simulated(study, kind)
            named = f"{kind} of dataset {study}"
        record(area=Area.EXPORT, action="rows.export", subject=named, after={"format": format, "names": names})
        if options["classifier"] or format in ("npz", "parquet"):
            return self.table(kind, dataset, format, output, names, options["classifier"])
        try:
            with one_snapshot():
                study = dataset_named(dataset)
                with whole_file(output) if output else standard_output(self.stdout) as out:
                    n_rows = write_rows(exported_files()[kind], study, format, names, out)
        except UnknownDataset as error:
            raise CommandError(error.for_shell) from error
        except BrokenPipeError:
            # The reader of our output has closed it: the rest of the buffer must go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            target = output or gettext("standard output")
            raise CommandError(cannot_write(target, error)) from error
        if output:
            self.stdout.write(rows_written(output, n_rows))

    def table(
        self, kind: str, dataset: str, format: str, output: Path | None, names: bool, classifier: str | None
    ) -> None:
        """Write the predictions of one classifier, for other programs and for `import predictions`."""
        if kind != "predictions" or not classifier or not output or names or format not in TABLES:
            raise CommandError(
                gettext(
                    "For predictions of one classifier, and for npz or parquet, write: export predictions --dataset "
                    "NAME --classifier NAME --format npz|csv|parquet -o FILE"
                )
            )
        if output.suffix.lower() != f".{format}":
            message = gettext("The name of the file must end in .%(format)s: %(file)s")
            raise CommandError(message % {"format": format, "file": output})
        try:
            with as_command_errors():
                n_rows = export_predictions(dataset=dataset_named(dataset), classifier=classifier, file=output)
        except OSError as error:
            raise CommandError(cannot_write(output, error)) from error
        self.stdout.write(rows_written(output, n_rows))


def cannot_write(target: Path | str, error: OSError) -> str:
    return gettext("Cannot write %(target)s: %(reason)s.") % {"target": target, "reason": error.strerror}


def rows_written(file: Path, n_rows: int) -> str:
    message = ngettext("%(file)s: %(n)s row was written.", "%(file)s: %(n)s rows were written.", n_rows)
    return message % {"file": file, "n": f"{n_rows:,}"}


@contextmanager
def standard_output(wrapped: Any) -> Iterator[TextIO]:
    """Open the command's standard output for UTF-8 text with line ends as written, on every system."""
    out: TextIO = wrapped._out
    if out is sys.stdout and isinstance(out, TextIOWrapper):
        out.reconfigure(encoding="utf-8", newline="\n")
    yield out
    out.flush()
