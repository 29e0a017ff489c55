"""`./manage export KIND --dataset NAME --format csv|jsonl [-o FILE]`: what a dataset has, as a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from candidates.prediction_files.reads import export_predictions
from catalog.errors import as_command_errors
from catalog.reads import UnknownDataset, dataset_named
from data_export.files import whole_file
from data_export.reads import FORMATS, exported_files, one_moment, write_rows

# What predictions of one classifier can be written as.
TABLES = ("npz", "csv", "parquet")


class Command(BaseCommand):
    help = (
        "Write the annotations, selection frequencies, votes, predictions or potential labels of a dataset, as they "
        "are at one moment. Labels are class indexes. In csv a list is JSON (the selected labels of a vote have spaces "
        "between), an empty cell means that there is none, and text that starts with = + - @ tab or carriage return "
        "gets an apostrophe before it, so that no spreadsheet computes it; replay takes it off again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(exported_files()), help="what to write")
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--format", required=True, choices=[*FORMATS, "npz", "parquet"])
        parser.add_argument(
            "--classifier",
            metavar="NAME",
            help="predictions of this one alone, in npz, csv or parquet, as `import predictions` reads them",
        )
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
        parser.add_argument("--names", action="store_true", help="add the labels' WordNet ids and words")

    def handle(
        self, *args: Any, kind: str, dataset: str, format: str, output: Path | None, names: bool, **options: Any
    ) -> None:
        if options["classifier"] or format in ("npz", "parquet"):
            return self.table(kind, dataset, format, output, names, options["classifier"])
        try:
            with one_moment():
                found = dataset_named(dataset)
                with whole_file(output) if output else standard_output(self.stdout) as out:
                    n_rows = write_rows(exported_files()[kind], found, format, names, out)
        except UnknownDataset as error:
            raise CommandError(error.for_shell) from error
        except BrokenPipeError:
            # Whoever read our output has had enough; what is left in the buffer has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise CommandError(f"Cannot write {output or 'to standard output'}: {error.strerror}.") from error
        if output:
            self.stdout.write(f"{output}: {n_rows:,} rows")

    def table(
        self, kind: str, dataset: str, format: str, output: Path | None, names: bool, classifier: str | None
    ) -> None:
        """Predictions of one classifier, for other programs and for `import predictions`."""
        if kind != "predictions" or not classifier or not output or names or format not in TABLES:
            raise CommandError(
                "Predictions of one classifier, and npz and parquet, are written by: export predictions --dataset NAME "
                "--classifier NAME --format npz|csv|parquet -o FILE"
            )
        if output.suffix.lower() != f".{format}":
            raise CommandError(f"{output} should end in .{format}: that is how the file is known for what it is.")
        try:
            with as_command_errors():
                n_rows = export_predictions(dataset=dataset_named(dataset), classifier=classifier, file=output)
        except OSError as error:
            raise CommandError(f"Cannot write {output}: {error.strerror}.") from error
        self.stdout.write(f"{output}: {n_rows:,} rows")


@contextmanager
def standard_output(wrapped: Any) -> Iterator[TextIO]:
    """What the command was given to write to, as it is: no translation of line ends, UTF-8 wherever it runs."""
    out: TextIO = wrapped._out
    if out is sys.stdout and isinstance(out, TextIOWrapper):
        out.reconfigure(encoding="utf-8", newline="\n")
    yield out
    out.flush()
