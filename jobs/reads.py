"""Queries on jobs that pages and tasks share."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import BooleanField, F, Func, IntegerField, JSONField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from catalog.models import Dataset
from catalog.reads import now
from jobs.models import Job

LINES_SHOWN = 40
# After this time without a worker, a page names possible reasons.
LONG_WAIT = timedelta(seconds=20)
# True while a worker holds the lock of actions.do_next_job: a killed worker's lock ends with its connection.
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


def simulations_under_way() -> set[int]:
    """Return the ids of the datasets that simulated people fill just now, for a page."""
    return set(unfinished_jobs().filter(kind=Job.Kind.SIMULATE).values_list("dataset_id", flat=True))


@dataclass(frozen=True)
class JobShown:
    """A job as a page shows it (setup/job.html)."""

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
        """Tell whether a researcher can stop it: other kinds, once started, are one short transaction."""
        unfinished = self.job.finished_at is None and not self.job.stopped_by
        return unfinished and (self.state == "waiting" or self.job.kind in (Job.Kind.IMPORT_IMAGES, Job.Kind.SIMULATE))

    @property
    def elapsed_words(self) -> str:
        return in_words(self.elapsed)

    @property
    def n_more_lines(self) -> int:
        return max(0, self.n_lines - LINES_SHOWN)


def latest_job(dataset: Dataset, kind: Job.Kind) -> JobShown | None:
    """Return the job whose progress or outcome a page shows."""
    jobs = Job.objects.filter(dataset=dataset, kind=kind).annotate(
        at_work=RawSQL(AT_WORK, (), output_field=BooleanField()),
        since=Coalesce(F("started_at"), F("created_at")),
        first_lines=RawSQL(FIRST_LINES, (), output_field=JSONField()),
        n_lines=Func("report", function="jsonb_array_length", output_field=IntegerField()),
    )
    # Pages ask every second or two, and a report may have hundreds of thousands of lines.
    job = jobs.defer("report").order_by("-pk").first()
    if job is None:
        return None
    elapsed = (job.finished_at or now()) - job.since
    return JobShown(job, job.at_work, elapsed, job.first_lines, job.n_lines)


def in_words(elapsed: timedelta) -> str:
    seconds = max(0, int(elapsed.total_seconds()))
    if seconds < 60:
        return gettext("%(seconds)s s") % {"seconds": seconds}
    if seconds < 3600:
        return gettext("%(minutes)s min %(seconds)s s") % {"minutes": seconds // 60, "seconds": seconds % 60}
    return gettext("%(hours)s h %(minutes)s min") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}
