"""`./manage replay classify|contains FILE --dataset NAME`: loads answers that were given elsewhere."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from catalog.actions import BadName
from data_import.images.actions import without_dataset_label
from data_import.votes.actions import STEPS, Replayed, replay, replayed_kinds
from data_import.votes.files import BadFile
from workforce.kinds import kind_named


class Command(BaseCommand):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Not in the class: which kinds there are is asked when the command runs.
        self.help = described()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(replayed_kinds()), help="the kind of question the answers are to")
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dataset", required=True, metavar="NAME", help="where to load them; made if need be")

    def handle(self, *args: Any, kind: str, file: Path, dataset: str, **options: Any) -> None:
        begin = time.monotonic()
        try:
            with tqdm(total=len(STEPS), file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
                done = replay(kind=kind, path=file, dataset_name=dataset, progress=lambda step: advance(bar, step))
        except BadName as error:
            raise CommandError(error.for_shell) from error
        except BadFile as error:
            raise CommandError(f"{error} Nothing was loaded. {error.shell}".rstrip()) from error
        if replayed_kinds()[kind].needs_dataset_labels and done.n_unlabelled:
            self.stderr.write(without_dataset_label(done.n_unlabelled))
        if done.n_waiting:
            self.stderr.write(
                f"{done.n_waiting:,} images have {kind_named(kind).hits} that still wait for people: they are "
                "annotated when those are answered, or once ./manage close ends their batch."
            )
        self.stdout.write(summary(done, time.monotonic() - begin))


def described() -> str:
    kinds = sorted(replayed_kinds().items())
    needed = "; ".join(f"{name}: {votes.columns_described}" for name, votes in kinds)
    further = [f", for {name} {', '.join(votes.further)}" for name, votes in kinds if votes.further]
    return (
        "Load a file of answers (.csv or .csv.gz) as confirmed submissions, one worker per annotator or rater, or "
        f"per worker where the file has that column. Columns: {needed}. Optional, as exported: worker, role, "
        f"state, submitted_at{''.join(further)}; settings_version and submission are not read, the answers are "
        "recorded under the dataset's current settings. A dataset that does not exist is made, on the ImageNet "
        "classes. An apostrophe that the export put before = + - @ tab or carriage return is taken off again. "
        "Answers that are stored already are left alone; a bad row stops it and nothing is loaded."
    )


def advance(bar: "tqdm[Any]", step: str) -> None:
    bar.set_description(step, refresh=False)
    bar.update(STEPS.index(step) - bar.n)


def summary(done: Replayed, seconds: float) -> str:
    return (
        f"{done.dataset.name}: {done.n_images:,} images ({done.n_new_images:,} new), "
        f"{done.n_answers:,} answers ({done.n_new_answers:,} new), {seconds:.1f} s"
    )
