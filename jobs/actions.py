"""Writes of jobs. A job may be started twice, as when its worker was killed: its work must be idempotent.

It is done in the name of whoever asked for it, if that person still may.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from celery import current_app
from django.contrib.auth.models import User
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Least
from django.utils.translation import gettext, gettext_lazy, ngettext

from access.permissions.reads import permissions_in
from audit.reads import Actor, acting
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import now
from jobs.kinds import kind_of, permission_for
from jobs.models import Job

log = logging.getLogger(__name__)

# Work that kills its worker at the same point every time must not be retried for ever.
MOST_BEGINNINGS = 5
SECONDS_BETWEEN_NOTES = 0.5
LONGEST_PROBLEM = 4000
FAULT = gettext_lazy(
    "The site had an internal error. The log of its setup process shows the cause. "
    "Everything done before the error is kept."
)
# More than an import can refuse.
MOST_LINES_OF_REPORT = 250_000


class JobUnderWay(UserError):
    """An error: a job of that kind is in progress for the dataset."""


class NoLongerAllowed(UserError):
    """An error: whoever asked for a job may not have it done any more."""


@transaction.atomic
def start_job(*, dataset: Dataset, kind: Job.Kind, arguments: dict[str, Any], asked_by: str) -> Job:
    """Queue a job. Raises JobUnderWay while a job of that kind for that dataset is unfinished."""
    try:
        with transaction.atomic():
            job = Job.objects.create(dataset=dataset, kind=kind, arguments=arguments, asked_by=asked_by)
    except IntegrityError:
        message = gettext(
            "“%(kind)s” is already in progress for dataset “%(dataset)s”. Wait for it to finish, then try again."
        )
        raise JobUnderWay(message % {"kind": kind.label, "dataset": dataset}) from None
    # Only for speed: the beat sends hints as well. By name, as the task imports this module.
    transaction.on_commit(lambda: current_app.send_task("jobs.tasks.do_job", expires=15), robust=True)
    return job


@transaction.atomic
def note_outcome(*, job: Job, lines: list[str]) -> None:
    """Store the outcome of a job in the transaction of its work, so that a restart does not repeat the work."""
    job.arguments = job.arguments | {"outcome": lines}
    Job.objects.filter(pk=job.pk).update(arguments=job.arguments)


@transaction.atomic
def stop_job(*, job: Job, by: str) -> None:
    """Stop a job: at its worker's next note, or at once if no worker has it. Work done so far is kept."""
    Job.objects.filter(pk=job.pk, finished_at=None, stopped_by="").update(stopped_by=by)
    with _held(job.pk) as ours:
        waiting = Job.objects.filter(pk=job.pk, finished_at=None).first() if ours else None
        if waiting is not None:
            _finish(waiting, problem=_stopped(waiting))


def _stopped(job: Job) -> str:
    return gettext("Stopped by %(user)s. Everything done before is kept.") % {"user": job.stopped_by}


class Stopped(Exception):
    """A signal that ends the work, as a researcher stopped the job."""


@dataclass
class Watched:
    """The progress of a job, written at most twice a second: each note is a transaction.

    Raises Stopped, through the work, when a researcher has stopped the job.

    A job that is started again begins at zero; its row keeps the furthest progress.
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
        """Write the progress; a source with more than it announced leaves the bar at its end."""
        self.noted_at = time.monotonic()
        reached = self.n_done if self.job.n_total is None else min(self.n_done, self.job.n_total)
        Job.objects.filter(pk=self.job.pk, n_done__lt=reached).update(n_done=reached, beginnings=1)

    def heed(self) -> None:
        self.job.stopped_by = Job.objects.values_list("stopped_by", flat=True).get(pk=self.job.pk)
        if self.job.stopped_by:
            raise Stopped


def do_next_job() -> bool:
    """Do the oldest job that no worker has. Returns whether there was one.

    A killed worker's lock ends with its connection, and the next worker gets the job.
    """
    for pk in Job.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True):
        with _held(pk) as ours:
            # Read again: the last holder of the lock may have finished the job.
            job = Job.objects.filter(pk=pk, finished_at=None).select_related("dataset").first() if ours else None
            if job is not None:
                _do(job)
                return True
    return False


@contextmanager
def _held(pk: int) -> Iterator[bool]:
    """Try to take the lock of a job; yield whether it is ours. It belongs to the connection (see reads.AT_WORK)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('job', %s))", [pk])
        (ours,) = cursor.fetchone()
    try:
        yield ours
    finally:
        # A lost connection has lost the lock, too.
        with suppress(OperationalError, InterfaceError):
            if ours:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(hashtextextended('job', %s))", [pk])


def _do(job: Job) -> None:
    if job.beginnings >= MOST_BEGINNINGS:
        message = ngettext(
            (
                "The job failed after %(n)s attempt: the process was killed before any progress. Check "
                "the log of the setup process. Everything done before is kept."
            ),
            (
                "The job failed after %(n)s attempts: each time, the process was killed before any "
                "progress. Check the log of the setup process. Everything done before is kept."
            ),
            job.beginnings,
        )
        _finish(job, problem=message % {"n": job.beginnings})
        return
    job.started_at = job.started_at or now()
    Job.objects.filter(pk=job.pk).update(started_at=job.started_at, beginnings=job.beginnings + 1)
    watched, kind = Watched(job), kind_of(job)
    try:
        watched.heed()
        asker = _asker(job)
        with acting(lambda: asker):
            report = kind.work(job, watched)
        watched.note()
    except Stopped:
        _finish(job, problem=_stopped(job))
    except UserError as error:
        _finish(job, problem=error.for_page)
    except (OperationalError, InterfaceError):
        # The database does not answer for a moment: the next hint is a retry.
        raise
    except Exception:
        # The text of such an error is for readers of the log: the page tells researchers where to look.
        log.exception("Job %s failed.", job.pk)
        _finish(job, problem=str(FAULT))
    else:
        _finish(job, report=report)
        if kind.afterwards is not None:
            kind.afterwards(job)


def _asker(job: Job) -> Actor:
    """Return who asked for a job. Raises NoLongerAllowed if this person may not start such a job now."""
    user = User.objects.filter(username=job.asked_by).first()
    if user is None or permission_for(Job.Kind(job.kind)) not in permissions_in(user, job.dataset):
        words = gettext(
            "%(user)s started this job but may no longer do this in the study, so it ended. Everything done before is "
            "kept. Someone who may can start it again."
        )
        raise NoLongerAllowed(words % {"user": job.asked_by})
    return Actor(user.get_username(), user.pk)


def _finish(job: Job, *, problem: str = "", report: list[str] | None = None) -> None:
    Job.objects.filter(pk=job.pk).update(
        finished_at=now(),
        started_at=job.started_at or now(),
        problem=_storable(problem)[:LONGEST_PROBLEM],
        report=[_storable(line) for line in (report or [])[:MOST_LINES_OF_REPORT]],
    )


def _storable(text: str) -> str:
    """Return text that Postgres can store: messages may quote file names, whose bytes need not be characters."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
