"""`./manage predict --dataset NAME [--classifier NAME ...]`: the labels that classifiers rank highest, per image."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from celery import current_app
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as QueueError
from tqdm import tqdm

from candidates.actions import predict_next_portions
from candidates.models import Run, Unpredicted
from candidates.reads import progress_of
from candidates.runs.actions import hint, open_runs, wanted_classifiers
from catalog.errors import as_command_errors
from catalog.reads import dataset_named

LOOK_SECONDS = 0.3
# By then a worker has loaded its classifier and done something, if there is one.
PATIENCE_SECONDS = 20
# A server that crashed is up again in seconds, one that has much to recover in a minute.
DATABASE_SECONDS = 180
REASONS_SHOWN = 20
NOTHING_DONE = (
    f"Nothing was done for {PATIENCE_SECONDS} s. Workers do it: ./run starts one. "
    "To do it in this process: the same command with --here."
)
QUEUE_AWAY = (
    "The queue does not answer, so workers cannot be woken: they go on by themselves once it is back. "
    "To do it in this process: the same command with --here."
)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Report:
    """What is said in the end, in lines: of each classifier, of images left out, of runs that stand still."""

    classifiers: list[str]
    left_out: list[str]
    problems: list[str]


class Command(BaseCommand):
    help = (
        "Run classifiers over the images of a dataset that they have not predicted yet. The work is done by Celery "
        "workers on the queue `predict` (./run has one); this command waits for them and may be stopped: they go on, "
        "and the same command waits again."
    )

    # When the database last came back.
    back = 0.0

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument(
            "--classifier",
            nargs="+",
            default=[],
            metavar="NAME",
            help="such as efficientnet-lite0, efficientnet-lite0@flip, onnx:/models/mine.onnx, torchvision:resnet50 "
            "(default: those of the dataset's settings, or all that are installed)",
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--here", action="store_true", help="do it in this process, whatever workers do")
        how.add_argument("--no-wait", action="store_true", help="leave it to the workers and end")

    def handle(self, *args: Any, dataset: str, classifier: list[str], here: bool, **options: Any) -> None:
        with as_command_errors():
            found = self.patiently(dataset_named, dataset)
            opened = self.patiently(open_runs, dataset=found, names=wanted_classifiers(found, classifier))
        runs = [run for run in opened.values() if run is not None]
        if not here:
            self.patiently(hint)
            if runs and not queue_answers():
                self.stderr.write(QUEUE_AWAY)
        if options["no_wait"]:
            self.stdout.write(f"{left_of(runs):,} predictions to do; the same command waits for them.")
            return
        try:
            self.work(runs) if here else self.wait(runs)
        except KeyboardInterrupt:
            raise CommandError("Stopped. What is predicted stays; the same command goes on from there.") from None
        self.report(self.patiently(report_of, opened))

    def patiently(self, step: Callable[..., Answer], *args: Any, **options: Any) -> Answer:
        """What `step` returns. It is tried again while the database is away; what it began is rolled back."""
        gone = None
        while True:
            try:
                answer = step(*args, **options)
            except (OperationalError, InterfaceError) as error:
                # The next try makes a new one.
                connection.close()
                gone = gone or self.say_gone(error)
                if time.monotonic() > gone + DATABASE_SECONDS:
                    raise CommandError(
                        f"The database has not answered for {DATABASE_SECONDS} s ({first_line(error)}). "
                        "What is predicted stays; the same command goes on from there."
                    ) from error
                time.sleep(LOOK_SECONDS)
            else:
                if gone:
                    self.say("The database answers again.")
                    self.back = time.monotonic()
                return answer

    def say_gone(self, error: Exception) -> float:
        """Returns when that was."""
        self.say(f"The database does not answer ({first_line(error)}): waiting for it.")
        return time.monotonic()

    def say(self, message: str) -> None:
        """Above the bar, if there is one."""
        tqdm.write(message, file=self.stderr, end="")

    def work(self, runs: Collection[Run]) -> None:
        with self.patiently(bar_over, runs) as bar:
            for run in runs:
                bar.set_description(run.classifier.name)
                while self.patiently(predict_next_portions, run=run, progress=bar.update):
                    # What was shown of a portion that had to be begun anew is taken back.
                    bar.update(self.patiently(progress_of, runs)[0] - bar.n)
        # Portions that a worker is at are not ours to do.
        if not self.patiently(all_ended, runs):
            self.wait(runs)

    def wait(self, runs: Collection[Run]) -> None:
        moved, told = time.monotonic(), False
        with self.patiently(bar_over, runs) as bar:
            while not self.patiently(all_ended, runs):
                time.sleep(LOOK_SECONDS)
                step = self.patiently(progress_of, runs)[0] - bar.n
                bar.update(step)
                moved = time.monotonic() if step else max(moved, self.back)
                if not told and time.monotonic() > moved + PATIENCE_SECONDS:
                    told = True
                    self.say(NOTHING_DONE if queue_answers() else QUEUE_AWAY)

    def report(self, found: Report) -> None:
        for line in found.classifiers:
            self.stdout.write(line)
        for line in found.left_out:
            self.stderr.write(line)
        if found.problems:
            raise CommandError("\n".join(found.problems))


def report_of(opened: dict[str, Run | None]) -> Report:
    runs = refreshed([run for run in opened.values() if run is not None])
    classifiers = []
    for name, run in opened.items():
        left = "all images were predicted already" if run is None else f"{progress_of([run])[0]:,} images looked at"
        classifiers.append(f"{name}: {left}.")
    problems = [f"{run.classifier}: {run.problem_for_shell}" for run in runs if run.problem]
    if problems:
        problems.append(f"{left_of(runs):,} predictions are not made; the same command tries again.")
    return Report(classifiers, unpredicted(runs), problems)


def unpredicted(runs: Collection[Run]) -> list[str]:
    left_out = Unpredicted.objects.filter(run__in=runs).select_related("run__classifier", "image").order_by("id")
    lines = [f"{bad.run.classifier}, {bad.image}: {bad.reason}" for bad in left_out[:REASONS_SHOWN]]
    more = left_out.count() - REASONS_SHOWN
    return [*lines, f"and {more:,} more"] if more > 0 else lines


def queue_answers() -> bool:
    try:
        with current_app.connection_for_write() as queue:
            queue.ensure_connection(max_retries=1)
    except QueueError:
        return False
    return True


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


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
