"""`./manage predict --dataset NAME [--classifier NAME ...]`: the labels that classifiers rank highest, per image."""

import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from kombu.exceptions import OperationalError
from tqdm import tqdm

from annotation_site.prediction import open_runs, wanted_classifiers
from annotation_site.refusals import as_command_errors
from candidates.actions import predict_next_portion
from candidates.models import Run, Unpredicted
from candidates.reads import portions_to_do, progress_of
from candidates.tasks import predict_portion
from catalog.models import Dataset
from catalog.reads import dataset_named

# More workers than this are woken one by one, by the beat.
MOST_HINTS = 32
LOOK_SECONDS = 0.3
# By then a worker has loaded its classifier and done something, if there is one.
PATIENCE_SECONDS = 20
REASONS_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Run classifiers over the images of a dataset that they have not predicted yet. The work is done by Celery "
        "workers on the queue `predict` (./run has one); this command waits for them and may be stopped: they go on, "
        "and the same command waits again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument(
            "--classifier", nargs="+", default=[], metavar="NAME",
            help="such as efficientnet-lite0, efficientnet-lite0@flip, onnx:/models/mine.onnx, torchvision:resnet50 "
            "(default: those of the dataset's settings, or all that are installed)",
        )  # fmt: skip
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--here", action="store_true", help="do it in this process, whatever workers do")
        how.add_argument("--no-wait", action="store_true", help="leave it to the workers and end")

    def handle(self, *args: Any, dataset: str, classifier: list[str], here: bool, **options: Any) -> None:
        with as_command_errors():
            found = dataset_named(dataset)
            opened = open_runs(dataset=found, names=wanted_classifiers(found, classifier))
        runs = [run for run in opened.values() if run is not None]
        if not here:
            hint()
        if options["no_wait"]:
            self.stdout.write(f"{left_of(runs):,} predictions to do; the same command waits for them.")
            return
        try:
            self.work(runs) if here else self.wait(runs)
        except KeyboardInterrupt:
            raise CommandError("Stopped. What is predicted stays; the same command goes on from there.") from None
        self.report(found, opened)

    def work(self, runs: Collection[Run]) -> None:
        with bar_over(runs) as bar:
            for run in runs:
                bar.set_description(run.classifier.name)
                while predict_next_portion(run=run, progress=bar.update):
                    pass
        # Portions that a worker is at are not ours to do.
        if not all_ended(runs):
            self.wait(runs)

    def wait(self, runs: Collection[Run]) -> None:
        moved, told = time.monotonic(), False
        with bar_over(runs) as bar:
            while not all_ended(runs):
                time.sleep(LOOK_SECONDS)
                step = progress_of(runs)[0] - bar.n
                bar.update(step)
                moved = time.monotonic() if step else moved
                if not told and time.monotonic() > moved + PATIENCE_SECONDS:
                    told = True
                    bar.write(
                        f"Nothing was done for {PATIENCE_SECONDS} s. Workers do it: ./run starts one. "
                        "To do it in this process: the same command with --here.",
                        file=self.stderr,
                    )

    def report(self, dataset: Dataset, opened: dict[str, Run | None]) -> None:
        runs = refreshed([run for run in opened.values() if run is not None])
        for name, run in opened.items():
            left = "all images were predicted already" if run is None else f"{progress_of([run])[0]:,} images looked at"
            self.stdout.write(f"{name}: {left}.")
        self.list_unpredicted(runs)
        problems = [f"{run.classifier}: {run.problem}" for run in runs if run.problem]
        if problems:
            raise CommandError(
                "\n".join([*problems, f"{left_of(runs):,} predictions are not made; the same command tries again."])
            )

    def list_unpredicted(self, runs: Collection[Run]) -> None:
        left_out = Unpredicted.objects.filter(run__in=runs).select_related("run__classifier", "image").order_by("id")
        for bad in left_out[:REASONS_SHOWN]:
            self.stderr.write(f"{bad.run.classifier}, {bad.image}: {bad.reason}")
        if (n := left_out.count()) > REASONS_SHOWN:
            self.stderr.write(f"and {n - REASONS_SHOWN:,} more")


def hint() -> None:
    """Wake the workers; those that hear nothing, as when the broker is away, are woken by the beat."""
    with suppress(OperationalError):
        for _ in range(min(MOST_HINTS, portions_to_do().count())):
            predict_portion.delay()


def all_ended(runs: Collection[Run]) -> bool:
    """Whether each of the runs is finished, or stands still and says why."""
    return all(run.finished_at or run.problem for run in refreshed(runs))


def bar_over(runs: Collection[Run]) -> tqdm:
    done, total = progress_of(runs)
    # On a terminal only: in a log a moving bar is noise.
    return tqdm(total=total, initial=done, unit=" images", disable=None)


def left_of(runs: Collection[Run]) -> int:
    done, total = progress_of(runs)
    return total - done


def refreshed(runs: Collection[Run]) -> list[Run]:
    return list(Run.objects.filter(pk__in=[run.pk for run in runs]).select_related("classifier").order_by("pk"))
