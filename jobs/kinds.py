"""Kinds of job: one record names the work of a kind.

The record is in the jobs.py of the room that does the work, above this one; the setting JOB_KINDS names its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from access.permissions.reads import May
from jobs.models import Job

PERMISSIONS = {
    Job.Kind.IMPORT_IMAGES: May.EDIT_STUDY,
    Job.Kind.PREDICT: May.RUN_CLASSIFIERS,
    Job.Kind.POTENTIAL_LABELS: May.RUN_CLASSIFIERS,
    Job.Kind.OPEN_CONTAINS: May.OPEN_BATCHES,
    Job.Kind.SIMULATE: May.OPEN_BATCHES,
}


class Watch(Protocol):
    """The watcher of a job's progress. `total`: the amount of work; `done`: the amount done since the last call."""

    def total(self, n: int) -> None: ...

    def done(self, n: int) -> None: ...


@dataclass(frozen=True)
class JobKind:
    """A kind of job. `work` does a job and returns its report, lines for people; UserError has the reason of a failure.

    `afterwards` follows a successful job. An interruption right before it leaves that undone.
    """

    work: Callable[[Job, Watch], list[str]]
    afterwards: Callable[[Job], None] | None = None


def kind_of(job: Job) -> JobKind:
    """Return the record of the job's kind."""
    return cast(JobKind, import_string(settings.JOB_KINDS[job.kind]))


def permission_for(kind: Job.Kind) -> May:
    """Return the permission that a person needs to start, stop and read a job of a kind."""
    return PERMISSIONS[kind]
