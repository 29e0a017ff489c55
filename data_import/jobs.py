"""Imports of images as jobs."""

from django.utils.translation import gettext, ngettext

from data_import.images.actions import (
    added_message,
    find_images,
    import_images,
    labelled_message,
    without_dataset_label,
)
from data_import.job_sources.actions import source_of_job
from data_import.uploads import actions as uploads
from jobs.kinds import JobKind, Watch
from jobs.models import Job


def images(job: Job, watch: Watch) -> list[str]:
    """Add the images that are missing, so that an interrupted import resumes; return lines for the page."""
    source, name = source_of_job(job.arguments)
    # The total is stored when a job begins: this one was interrupted.
    is_resumed = job.n_total is not None
    # Listing may take long as well, and a person may want to stop it.
    listing = find_images(source, job.dataset.label_set, lambda n: watch.done(0), name=name)
    watch.total(len(listing.requests))
    outcome = import_images(dataset=job.dataset, listing=listing, progress=watch.done)
    lines = [added_message(outcome)]
    if is_resumed and outcome.existing:
        lines.append(gettext("The import was interrupted: some of these images were added before the interruption."))
    lines += listing.remarks
    if outcome.labelled:
        lines.append(labelled_message(outcome.labelled))
    if outcome.unlabelled:
        lines.append(without_dataset_label(outcome.unlabelled))
    if outcome.refusals:
        message = ngettext(
            "%(n)s file was not imported. Correct it and import it again:",
            "%(n)s files were not imported. Correct them and import them again:",
            len(outcome.refusals),
        )
        lines.append(message % {"n": f"{len(outcome.refusals):,}"})
    return lines + [str(refusal) for refusal in outcome.refusals]


def remove_upload(job: Job) -> None:
    uploads.remove(job.arguments)


# After a stop right before the removal, `uploads.tidy` removes the upload.
IMPORT_IMAGES = JobKind(work=images, afterwards=remove_upload)
