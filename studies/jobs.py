"""Opening CONTAINS grids, and simulating people, as jobs."""

from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from data_import.small_uploads.actions import named_upload, removed_after
from jobs.actions import note_outcome
from jobs.kinds import JobKind, Watch
from jobs.models import Job
from studies.composed_grids.actions import open_as_asked, opening_remarks
from studies.opening.actions import Opened, Pay, address_of
from studies.simulation.actions import LIVING, answers_stored, simulate


def open_contains_grids(job: Job, watch: object) -> list[str]:
    """Open the grids and return lines for the page; remove the job's uploads at the end.

    The job's arguments `pairs` and `similar` are paths of uploads, or null.
    """
    uploads = [Path(job.arguments[name]) for name in ("pairs", "similar") if job.arguments[name]]
    with removed_after(uploads):
        return job.arguments.get("outcome") or _open_once(job)


@transaction.atomic
def _open_once(job: Job) -> list[str]:
    opened = _open(job, job.arguments)
    lines = [remark.for_page for remark in opening_remarks(opened)]
    if opened.n_pairs:
        batch = {"batch": opened.batch.pk, "address": address_of(opened.batch)}
        lines.append(gettext("Batch %(batch)s: %(address)s") % batch)
    note_outcome(job=job, lines=lines)
    return lines


def _open(job: Job, arguments: dict[str, Any]) -> Opened:
    pairs, similar = (named_upload(Path(arguments[name])) if arguments[name] else None for name in ("pairs", "similar"))
    return open_as_asked(
        dataset=job.dataset,
        profile=arguments["profile"],
        pairs=pairs,
        similar=similar,
        pay=Pay(**arguments["pay"]),
        again=arguments["again"],
        adaptive=arguments["adaptive"],
    )


OPEN_CONTAINS = JobKind(work=open_contains_grids)


def let_them_live(job: Job, watch: Watch) -> list[str]:
    """Let simulated people fill the demo study, until it is full or a researcher stops them."""
    return [answers_stored(simulate(dataset=job.dataset, plan=LIVING, progress=watch.done))]


SIMULATE = JobKind(work=let_them_live)
