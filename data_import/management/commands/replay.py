"""`./manage replay classify|contains FILE --dataset NAME`: load answers from elsewhere."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext
from tqdm import tqdm

from catalog.actions import BadName
from data_import.images.actions import without_dataset_label
from data_import.votes.actions import STEPS, Replayed, replay, replayed_kinds
from data_import.votes.files import BadFile
from workforce.kinds import kind_named


class Command(BaseCommand):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Not in the class: the kinds of task are read when the command runs.
        self.help = help_text()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(replayed_kinds()), help="kind of task of the answers")
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dataset", required=True, metavar="NAME", help="dataset; created if it does not exist")

    def handle(self, *args: Any, kind: str, file: Path, dataset: str, **options: Any) -> None:
        begin = time.monotonic()
        try:
            with tqdm(total=len(STEPS), file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
                result = replay(kind=kind, path=file, dataset_name=dataset, progress=lambda step: advance(bar, step))
        except BadName as error:
            raise CommandError(error.for_shell) from error
        except BadFile as error:
            message = gettext("%(reason)s No answers were loaded. %(way_out)s")
            raise CommandError((message % {"reason": error, "way_out": error.shell}).rstrip()) from error
        if replayed_kinds()[kind].needs_dataset_labels and result.n_unlabelled:
            self.stderr.write(without_dataset_label(result.n_unlabelled))
        if result.n_waiting:
            message = ngettext(
                "%(n)s image still has unanswered %(hits)s. It is annotated after these are answered, or after "
                "./manage close closes their batch.",
                "%(n)s images still have unanswered %(hits)s. They are annotated after these are answered, or after "
                "./manage close closes their batch.",
                result.n_waiting,
            )
            self.stderr.write(message % {"n": f"{result.n_waiting:,}", "hits": kind_named(kind).hits})
        self.stdout.write(summary(result, time.monotonic() - begin))


def help_text() -> str:
    kinds = sorted(replayed_kinds().items())
    columns = "; ".join(f"{name}: {votes.columns_described}" for name, votes in kinds)
    further = [f", for {name} {', '.join(votes.further)}" for name, votes in kinds if votes.further]
    return (
        "Load a file of answers (.csv or .csv.gz) as confirmed submissions, one worker per annotator or rater, or "
        f"per worker if the file has that column. Columns: {columns}. Optional, as exported: worker, role, "
        f"state, submitted_at{''.join(further)}. The columns settings_version and submission are not read: the "
        "answers get the dataset's current settings. A dataset that does not exist is created with the ImageNet "
        "classes. Apostrophes that the export added before = + - @ tab or carriage return are removed. Answers that "
        "are stored already stay unchanged. After a bad row, nothing is loaded."
    )


def advance(bar: "tqdm[Any]", step: str) -> None:
    bar.set_description(step, refresh=False)
    bar.update(STEPS.index(step) - bar.n)


def summary(result: Replayed, seconds: float) -> str:
    return (
        f"{result.dataset.name}: {result.n_images:,} images ({result.n_new_images:,} new), "
        f"{result.n_answers:,} answers ({result.n_new_answers:,} new), {seconds:.1f} s"
    )
