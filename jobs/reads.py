"""Queries on jobs that pages and tasks share."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import BooleanField, F, Func, IntegerField, JSONField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from catalog.models import Dataset
from catalog.reads import now
from jobs.models import Job

LINES_SHOWN = 40
# After so long without a worker a page says what may be wrong.
LONG_WAIT = timedelta(seconds=20)
# Whether somebody holds the lock that actions.do_next_job takes: it goes with the connection of who is killed.
AT_WORK = """
    EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (classid::bigint << 32 | objid::bigint) = hashtextextended('job', annotation_site_job.id)
    )
"""
FIRST_LINES = f"jsonb_path_query_array(annotation_site_job.report, '$[0 to {LINES_SHOWN - 1}]')"


def unfinished_jobs() -> QuerySet[Job]:
    return Job.objects.filter(finished_at=None).order_by("pk")


@dataclass(frozen=True)
class JobShown:
    """A job as its part of a page tells of it (setup/job.html)."""

    job: Job
    at_work: bool
    elapsed: timedelta
    first_lines: list[str]
    n_lines: int

    @property
    def state(self) -> str:
        if self.job.finished_at and self.job.problem:
            return "stopped" if self.job.stopped_by else "failed"
        if self.job.finished_at:
            return "done"
        return "at work" if self.at_work else "waiting"

    @property
    def percent(self) -> float | None:
        return 100 * self.job.n_done / self.job.n_total if self.job.n_total else None

    @property
    def waits_long(self) -> bool:
        return self.state == "waiting" and self.job.started_at is None and self.elapsed > LONG_WAIT

    @property
    def can_be_stopped(self) -> bool:
        """Other kinds, once begun, are done or not in one go, and soon."""
        unfinished = self.job.finished_at is None and not self.job.stopped_by
        return unfinished and (self.state == "waiting" or self.job.kind == Job.Kind.IMPORT_IMAGES)

    @property
    def elapsed_words(self) -> str:
        return in_words(self.elapsed)

    @property
    def n_more_lines(self) -> int:
        return max(0, self.n_lines - LINES_SHOWN)


def latest_job(dataset: Dataset, kind: Job.Kind) -> JobShown | None:
    """The one whose progress or outcome a page shows."""
    jobs = Job.objects.filter(dataset=dataset, kind=kind).annotate(
        at_work=RawSQL(AT_WORK, (), output_field=BooleanField()),
        since=Coalesce(F("started_at"), F("created_at")),
        first_lines=RawSQL(FIRST_LINES, (), output_field=JSONField()),
        n_lines=Func("report", function="jsonb_array_length", output_field=IntegerField()),
    )
    # Pages look every second or two, and a report may have hundreds of thousands of lines.
    found = jobs.defer("report").order_by("-pk").first()
    if found is None:
        return None
    elapsed = (found.finished_at or now()) - found.since
    return JobShown(found, found.at_work, elapsed, found.first_lines, found.n_lines)


def in_words(elapsed: timedelta) -> str:
    seconds = max(0, int(elapsed.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
