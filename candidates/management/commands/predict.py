"""`./manage predict --dataset NAME [--classifier NAME ...]`: predict the labels of images with classifiers."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from celery import current_app
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext, gettext_lazy, ngettext
from kombu.exceptions import OperationalError as QueueError
from tqdm import tqdm

from candidates.actions import predict_next_portions
from candidates.models import Run, Unpredicted
from candidates.reads import progress_of
from candidates.runs.actions import hint, open_runs, requested_classifiers
from catalog.errors import as_command_errors
from catalog.reads import dataset_named

LOOK_SECONDS = 0.3
# A worker, if there is one, has loaded its classifier and made progress by then.
PATIENCE_SECONDS = 20
# A server that crashed is up again in seconds, one that has much to recover in a minute.
DATABASE_SECONDS = 180
REASONS_SHOWN = 20
NOTHING_DONE = gettext_lazy(
    "No progress for %(seconds)s s. Start a worker with ./run, or repeat the command with --here to predict in this "
    "process."
)
QUEUE_AWAY = gettext_lazy(
    "The queue does not answer, so the workers are not woken. They resume when it is back. To predict in this process, "
    "repeat the command with --here."
)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Report:
    """The lines printed at the end: on each classifier, on images left out, on failed runs."""

    classifiers: list[str]
    left_out: list[str]
    problems: list[str]


class Command(BaseCommand):
    help = (
        "Run classifiers over the images of a dataset that they have not predicted yet. Celery workers on the queue "
        "`predict` do the work (./run has one), and this command waits for them. They continue if you interrupt it; "
        "repeat the command to wait again."
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
        how.add_argument("--here", action="store_true", help="predict in this process, beside any workers")
        how.add_argument("--no-wait", action="store_true", help="leave the work to the background processes and exit")

    def handle(self, *args: Any, dataset: str, classifier: list[str], here: bool, **options: Any) -> None:
        with as_command_errors():
            study = self.patiently(dataset_named, dataset)
            opened = self.patiently(open_runs, dataset=study, names=requested_classifiers(study, classifier))
        runs = [run for run in opened.values() if run is not None]
        if not here:
            self.patiently(hint)
            if runs and not queue_answers():
                self.stderr.write(str(QUEUE_AWAY))
        if options["no_wait"]:
            self.stdout.write(f"{pending_line(runs)} {gettext('Repeat the command to wait for the workers.')}")
            return
        try:
            self.work(runs) if here else self.wait(runs)
        except KeyboardInterrupt:
            message = gettext("Stopped. All predictions so far are kept; repeat the command to resume.")
            raise CommandError(message) from None
        self.report(self.patiently(report_of, opened))

    def patiently(self, step: Callable[..., Answer], *args: Any, **options: Any) -> Answer:
        """Return the result of `step`, which is retried while the database does not answer; each try is atomic."""
        lost_at = None
        while True:
            try:
                answer = step(*args, **options)
            except (OperationalError, InterfaceError) as error:
                # The next try opens a new one.
                connection.close()
                lost_at = lost_at or self.report_loss(error)
                if time.monotonic() > lost_at + DATABASE_SECONDS:
                    message = gettext(
                        "The database has not answered for %(seconds)s s (%(reason)s). All predictions so far are "
                        "kept; repeat the command to resume."
                    )
                    values = {"seconds": DATABASE_SECONDS, "reason": first_line(error)}
                    raise CommandError(message % values) from error
                time.sleep(LOOK_SECONDS)
            else:
                if lost_at:
                    self.say(gettext("The database answers again."))
                    self.back = time.monotonic()
                return answer

    def report_loss(self, error: Exception) -> float:
        """Print that the database does not answer. Returns the time."""
        message = gettext("The database does not answer (%(reason)s): waiting for it.")
        self.say(message % {"reason": first_line(error)})
        return time.monotonic()

    def say(self, message: str) -> None:
        """Print a line above the bar, if there is one."""
        tqdm.write(message, file=self.stderr, end="")

    def work(self, runs: Collection[Run]) -> None:
        with self.patiently(bar_over, runs) as bar:
            for run in runs:
                bar.set_description(run.classifier.name)
                while self.patiently(predict_next_portions, run=run, progress=bar.update):
                    # The bar goes back by the images of a portion that had to be started anew.
                    bar.update(self.patiently(progress_of, runs)[0] - bar.n)
        # Workers finish the portions that they have started.
        if not self.patiently(all_ended, runs):
            self.wait(runs)

    def wait(self, runs: Collection[Run]) -> None:
        moved, warned = time.monotonic(), False
        with self.patiently(bar_over, runs) as bar:
            while not self.patiently(all_ended, runs):
                time.sleep(LOOK_SECONDS)
                step = self.patiently(progress_of, runs)[0] - bar.n
                bar.update(step)
                moved = time.monotonic() if step else max(moved, self.back)
                if not warned and time.monotonic() > moved + PATIENCE_SECONDS:
                    warned = True
                    self.say(NOTHING_DONE % {"seconds": PATIENCE_SECONDS} if queue_answers() else str(QUEUE_AWAY))

    def report(self, report: Report) -> None:
        for line in report.classifiers:
            self.stdout.write(line)
        for line in report.left_out:
            self.stderr.write(line)
        if report.problems:
            raise CommandError("\n".join(report.problems))


def report_of(opened: dict[str, Run | None]) -> Report:
    runs = refreshed([run for run in opened.values() if run is not None])
    classifiers = [classifier_line(name, run) for name, run in opened.items()]
    problems = [f"{run.classifier}: {run.problem_for_shell}" for run in runs if run.problem]
    if problems:
        problems.append(f"{pending_line(runs)} {gettext('Repeat the command to retry.')}")
    return Report(classifiers, unpredicted(runs), problems)


def classifier_line(name: str, run: Run | None) -> str:
    if run is None:
        return gettext("%(name)s: all images were predicted already.") % {"name": name}
    n_images = progress_of([run])[0]
    message = ngettext("%(name)s: %(n)s image processed.", "%(name)s: %(n)s images processed.", n_images)
    return message % {"name": name, "n": f"{n_images:,}"}


def pending_line(runs: Collection[Run]) -> str:
    n_pending = left_of(runs)
    if not n_pending:
        return gettext("No predictions are pending.")
    message = ngettext("%(n)s prediction is pending.", "%(n)s predictions are pending.", n_pending)
    return message % {"n": f"{n_pending:,}"}


def unpredicted(runs: Collection[Run]) -> list[str]:
    left_out = Unpredicted.objects.filter(run__in=runs).select_related("run__classifier", "image").order_by("id")
    lines = [f"{bad.run.classifier}, {bad.image}: {bad.reason}" for bad in left_out[:REASONS_SHOWN]]
    n_more = left_out.count() - REASONS_SHOWN
    more = ngettext("and %(n)s more image", "and %(n)s more images", n_more) % {"n": f"{n_more:,}"}
    return [*lines, more] if n_more > 0 else lines


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
    """Tell whether each run is finished, or stopped with a reason."""
    return all(run.finished_at or run.problem for run in refreshed(runs))


def bar_over(runs: Collection[Run]) -> tqdm:
    n_done, total = progress_of(runs)
    # On a terminal only: in a log a moving bar is noise.
    return tqdm(total=total, initial=n_done, unit=" images", disable=None)


def left_of(runs: Collection[Run]) -> int:
    n_done, total = progress_of(runs)
    return total - n_done


def refreshed(runs: Collection[Run]) -> list[Run]:
    return list(Run.objects.filter(pk__in=[run.pk for run in runs]).select_related("classifier").order_by("pk"))
