"""`./manage draw_examples DATASET SOURCE`: draw example images of each class from a training set."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext
from tqdm import tqdm

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from data_import.class_examples.actions import draw_examples, drawn_message


class Command(BaseCommand):
    help = (
        "Draw example images of each class from a training set, for people who label and review. Safe to repeat: a "
        "stopped draw goes on, and the same seed gives the same images. Images of the study are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument(
            "source",
            type=Path,
            metavar="SOURCE",
            help="a folder with a folder for each class, named by wnid, index or word, or a CSV with the columns "
            "path and label",
        )
        parser.add_argument("--per-class", type=int, default=100, metavar="N", help="images of a class, at most (100)")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed gives other images (0)")
        parser.add_argument("--replace", action="store_true", help="take the examples of another draw away")

    def handle(self, *args: Any, dataset: str, source: Path, **options: Any) -> None:
        figures = {name: options[name] for name in ("per_class", "seed", "replace")}
        with as_command_errors(), tqdm(unit=" classes", disable=None) as bar:
            try:
                drawn = draw_examples(
                    dataset=dataset_named(dataset),
                    source=source,
                    progress=lambda n_done, n_all: advance(bar, n_done, n_all),
                    **figures,
                )
            except KeyboardInterrupt:
                raise CommandError(
                    gettext("Stopped. The examples drawn so far are kept; the same command goes on.")
                ) from None
        self.stdout.write(drawn_message(drawn))
        for refusal in drawn.refusals:
            self.stderr.write(str(refusal))
        if drawn.refusals:
            n = len(drawn.refusals)
            message = ngettext(
                "%(n)s place was skipped; the reason is above.", "%(n)s places were skipped; the reasons are above.", n
            )
            self.stderr.write(message % {"n": f"{n:,}"})


def advance(bar: "tqdm[Any]", n_done: int, n_all: int) -> None:
    bar.total = n_all
    bar.update(n_done - bar.n)
