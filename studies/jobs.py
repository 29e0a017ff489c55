"""Opening CONTAINS grids as a job."""

from pathlib import Path
from typing import Any

from django.db import transaction

from data_import.small_uploads.actions import named_upload, removed_after
from jobs.actions import note_outcome
from jobs.kinds import JobKind
from jobs.models import Job
from studies.composed_grids.actions import open_as_asked, told_opening
from studies.opening.actions import Opened, Pay, address_of


def open_contains_grids(job: Job, watch: object) -> list[str]:
    """Open them. Of its arguments, `pairs` and `similar` are paths of uploads, or null; they are removed at the end."""
    uploads = [Path(job.arguments[name]) for name in ("pairs", "similar") if job.arguments[name]]
    with removed_after(uploads):
        return job.arguments.get("outcome") or _open_once(job)


@transaction.atomic
def _open_once(job: Job) -> list[str]:
    opened = _open(job, job.arguments)
    lines = [remark.for_page for remark in told_opening(opened)]
    if opened.n_pairs:
        lines.append(f"Batch {opened.batch.pk}: {address_of(opened.batch)}")
    note_outcome(job=job, lines=lines)
    return lines


def _open(job: Job, asked: dict[str, Any]) -> Opened:
    pairs, similar = (named_upload(Path(asked[name])) if asked[name] else None for name in ("pairs", "similar"))
    return open_as_asked(
        dataset=job.dataset,
        profile=asked["profile"],
        pairs=pairs,
        similar=similar,
        pay=Pay(**asked["pay"]),
        again=asked["again"],
        adaptive=asked["adaptive"],
    )


OPEN_CONTAINS = JobKind(work=open_contains_grids)
