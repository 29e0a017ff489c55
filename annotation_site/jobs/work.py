"""What each kind of job does: the functions behind the commands, told as a page tells it.

Each takes the job and what watches it, and returns its report: lines for people. It refuses as the commands do.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from annotation_site.importing import uploads
from annotation_site.importing.sources import source_of_job
from annotation_site.imports import find_images, import_images, labelled_words
from annotation_site.jobs import opening
from annotation_site.models import Job
from annotation_site.study import without_dataset_label


class Watch(Protocol):
    """`total`: how much there is to do; `done`: how much was done since the last time."""

    def total(self, n: int) -> None: ...

    def done(self, n: int) -> None: ...


Work = Callable[[Job, Watch], list[str]]


def images(job: Job, watch: Watch) -> list[str]:
    """Adds what is missing, so that an import that was stopped goes on where it was."""
    source, name = source_of_job(job.arguments)
    # Only who has begun it before knows how much there is to do.
    again = job.n_total is not None
    # Listing may take long as well: somebody may want it stopped.
    found = find_images(source, job.dataset, lambda n: watch.done(0), name=name)
    watch.total(len(found.wanted))
    outcome = import_images(dataset=job.dataset, found=found, progress=watch.done)
    before = ", counting those that it had added before its worker was ended" if again and outcome.known else ""
    lines = [f"{outcome.added:,} images added, {outcome.known:,} there already{before}.", *found.remarks]
    if outcome.labelled:
        lines.append(labelled_words(outcome.labelled))
    if outcome.unlabelled:
        lines.append(without_dataset_label(outcome.unlabelled))
    if outcome.refused:
        lines.append(f"{len(outcome.refused):,} not imported. Correct them and import them again:")
    return lines + [str(refusal) for refusal in outcome.refused]


def remove_upload(job: Job) -> None:
    uploads.remove(job.arguments)


WORK: Mapping[Job.Kind, Work] = {
    Job.Kind.IMPORT_IMAGES: images,
    Job.Kind.PREDICT: opening.start_classifiers,
    Job.Kind.POTENTIAL_LABELS: opening.find_labels,
    Job.Kind.OPEN_CONTAINS: opening.open_contains_grids,
}
# What is done once a job has ended well. A stop right before it leaves work for uploads.tidy.
AFTERWARDS: Mapping[Job.Kind, Callable[[Job], None]] = {
    Job.Kind.IMPORT_IMAGES: remove_upload,
}
