"""Everything that writes jobs. A job may be begun twice, as when its worker was killed: all it does may be repeated."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from celery import current_app
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Least

from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import now
from jobs.kinds import kind_of
from jobs.models import Job

log = logging.getLogger(__name__)

# Work that kills its worker at the same point every time must not be tried for ever.
MOST_BEGINNINGS = 5
SECONDS_BETWEEN_NOTES = 0.5
LONGEST_PROBLEM = 4000
FAULT = "This is a fault of ours; the log of the part setup says more. What was done before it stays."
# More than an import can refuse.
MOST_LINES_OF_REPORT = 250_000


class JobUnderWay(UserError):
    """The same kind of work is being done for the dataset already; the message says so."""


@transaction.atomic
def start_job(*, dataset: Dataset, kind: Job.Kind, arguments: dict[str, Any], asked_by: str) -> Job:
    """Ask for work. Raises JobUnderWay while work of that kind for that dataset is unfinished."""
    try:
        with transaction.atomic():
            job = Job.objects.create(dataset=dataset, kind=kind, arguments=arguments, asked_by=asked_by)
    except IntegrityError:
        raise JobUnderWay(
            f"{kind.label} is under way for {dataset} already: wait until it is finished, then ask again."
        ) from None
    # Only to be quick: the beat hints as well. By its name, as the task stands above this room's actions.
    transaction.on_commit(lambda: current_app.send_task("jobs.tasks.do_job", expires=15), robust=True)
    return job


@transaction.atomic
def note_outcome(*, job: Job, lines: list[str]) -> None:
    """Keep what came of a job with what it did, in one transaction: who begins it again must not do it again."""
    job.arguments = job.arguments | {"outcome": lines}
    Job.objects.filter(pk=job.pk).update(arguments=job.arguments)


@transaction.atomic
def stop_job(*, job: Job, by: str) -> None:
    """End it where it is: at its worker's next note, or at once if nobody is at it. What was done stays."""
    Job.objects.filter(pk=job.pk, finished_at=None, stopped_by="").update(stopped_by=by)
    with _held(job.pk) as ours:
        standing = Job.objects.filter(pk=job.pk, finished_at=None).first() if ours else None
        if standing is not None:
            _finish(standing, problem=_stopped(standing))


def _stopped(job: Job) -> str:
    return f"Stopped by {job.stopped_by}. What was done before stays."


class Stopped(Exception):
    """Somebody wants the work to end."""


@dataclass
class Watched:
    """Writes down how far a job is, at most twice a second: each note is a transaction.

    Raises Stopped, through the work, when somebody has asked for that.

    A job that is begun again starts from its beginning; its row keeps the furthest it has got.
    """

    job: Job
    n_done: int = 0
    noted_at: float = field(default_factory=time.monotonic)

    def total(self, n: int) -> None:
        Job.objects.filter(pk=self.job.pk).update(n_total=n, n_done=Least(F("n_done"), n))
        self.job.n_total, self.n_done = n, 0

    def done(self, n: int) -> None:
        self.n_done += n
        if time.monotonic() - self.noted_at > SECONDS_BETWEEN_NOTES:
            self.note()
            self.heed()

    def note(self) -> None:
        """A source that brings more than it said is no fault: the bar stands at its end meanwhile."""
        self.noted_at = time.monotonic()
        reached = self.n_done if self.job.n_total is None else min(self.n_done, self.job.n_total)
        Job.objects.filter(pk=self.job.pk, n_done__lt=reached).update(n_done=reached, beginnings=1)

    def heed(self) -> None:
        self.job.stopped_by = Job.objects.values_list("stopped_by", flat=True).get(pk=self.job.pk)
        if self.job.stopped_by:
            raise Stopped


def do_next_job() -> bool:
    """Do the oldest job that nobody is at. Returns whether there was one.

    A killed worker's lock goes with its connection, and the job to the next.
    """
    for pk in Job.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True):
        with _held(pk) as ours:
            # Looked at again: whoever held it until now may have finished it.
            job = Job.objects.filter(pk=pk, finished_at=None).select_related("dataset").first() if ours else None
            if job is not None:
                _do(job)
                return True
    return False


@contextmanager
def _held(pk: int) -> Iterator[bool]:
    """Whether the lock of that job is ours. It belongs to the connection (reads.AT_WORK looks who has it)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('job', %s))", [pk])
        (ours,) = cursor.fetchone()
    try:
        yield ours
    finally:
        # Where the connection is lost the lock is, too.
        with suppress(OperationalError, InterfaceError):
            if ours:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(hashtextextended('job', %s))", [pk])


def _do(job: Job) -> None:
    if job.beginnings >= MOST_BEGINNINGS:
        words = f"It was begun {job.beginnings} times, and its worker was ended each time before it got any further."
        _finish(job, problem=f"{words} The log of the part setup says more. What was done before stays.")
        return
    job.started_at = job.started_at or now()
    Job.objects.filter(pk=job.pk).update(started_at=job.started_at, beginnings=job.beginnings + 1)
    watched, kind = Watched(job), kind_of(job)
    try:
        watched.heed()
        report = kind.work(job, watched)
        watched.note()
    except Stopped:
        _finish(job, problem=_stopped(job))
    except UserError as error:
        _finish(job, problem=error.for_page)
    except (OperationalError, InterfaceError):
        # The database is away for a moment: the next hint tries again.
        raise
    except Exception:
        # What a fault says is for who reads the log: the page tells researchers where it is.
        log.exception("Job %s failed.", job.pk)
        _finish(job, problem=FAULT)
    else:
        _finish(job, report=report)
        if kind.afterwards is not None:
            kind.afterwards(job)


def _finish(job: Job, *, problem: str = "", report: list[str] | None = None) -> None:
    Job.objects.filter(pk=job.pk).update(
        finished_at=now(),
        started_at=job.started_at or now(),
        problem=_storable(problem)[:LONGEST_PROBLEM],
        report=[_storable(line) for line in (report or [])[:MOST_LINES_OF_REPORT]],
    )


def _storable(text: str) -> str:
    """Messages may quote file names, whose bytes need not be characters; Postgres keeps characters only."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
