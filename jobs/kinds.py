"""Kinds of job: one record says what is done for a kind.

A record stands in the jobs.py of the room that does the work, above this one; the setting JOB_KINDS says where.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from jobs.models import Job


class Watch(Protocol):
    """`total`: how much there is to do; `done`: how much was done since the last time."""

    def total(self, n: int) -> None: ...

    def done(self, n: int) -> None: ...


@dataclass(frozen=True)
class JobKind:
    """`work` does a job and returns its report, lines for people; UserError says why it cannot be done.

    `afterwards` follows a job that ended well. A stop right before it leaves that undone.
    """

    work: Callable[[Job, Watch], list[str]]
    afterwards: Callable[[Job], None] | None = None


def kind_of(job: Job) -> JobKind:
    """Return the record of the job's kind."""
    return cast(JobKind, import_string(settings.JOB_KINDS[job.kind]))
