"""Importing images as a job."""

from data_import.images.actions import find_images, import_images, labelled_words, without_dataset_label
from data_import.job_sources.actions import source_of_job
from data_import.uploads import actions as uploads
from jobs.kinds import JobKind, Watch
from jobs.models import Job


def images(job: Job, watch: Watch) -> list[str]:
    """Add what is missing, so that an import that was stopped goes on where it was."""
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


# A stop right before the upload is removed leaves that to `uploads.tidy`.
IMPORT_IMAGES = JobKind(work=images, afterwards=remove_upload)
