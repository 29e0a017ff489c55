"""The jobs on the way to open grids: classifiers, potential labels, and the grids themselves."""

from pathlib import Path
from typing import Any

from django.db import transaction

from annotation_site.actions import note_outcome
from annotation_site.asking.uploads import named_upload, removed_after
from annotation_site.composed_study import open_as_asked, told_opening
from annotation_site.models import Job
from annotation_site.prediction import hint, open_runs
from annotation_site.study import Opened, Pay, address_of
from candidates.actions import find_potential_labels


def start_classifiers(job: Job, watch: object) -> list[str]:
    """Loads each of its argument `names`, to see what it is; the predictions are made by other workers."""
    opened = open_runs(dataset=job.dataset, names=job.arguments["names"])
    hint()
    started = [name for name, run in opened.items() if run is not None]
    done = [name for name, run in opened.items() if run is None]
    lines = [f"Started: {', '.join(started)}. Below stands how far they are."] if started else []
    return lines + ([f"All images are predicted already by {', '.join(done)}."] if done else [])


def find_labels(job: Job, watch: object) -> list[str]:
    n_labels = find_potential_labels(dataset=job.dataset)
    return [f"{n_labels:,} potential labels of {job.dataset.images.count():,} images."]


def open_contains_grids(job: Job, watch: object) -> list[str]:
    """Of its arguments, `pairs` and `similar` are paths of uploads, or null; they are removed at the end."""
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
