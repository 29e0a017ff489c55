"""The kinds of job, each with the function that does it."""

from collections.abc import Callable, Mapping
from typing import Protocol

from data_import.jobs import images, remove_upload
from jobs.models import Job
from studies import jobs


class Watch(Protocol):
    """`total`: how much there is to do; `done`: how much was done since the last time."""

    def total(self, n: int) -> None: ...

    def done(self, n: int) -> None: ...


Work = Callable[[Job, Watch], list[str]]
WORK: Mapping[Job.Kind, Work] = {
    Job.Kind.IMPORT_IMAGES: images,
    Job.Kind.PREDICT: jobs.start_classifiers,
    Job.Kind.POTENTIAL_LABELS: jobs.find_labels,
    Job.Kind.OPEN_CONTAINS: jobs.open_contains_grids,
}
# What is done once a job has ended well. A stop right before it leaves work for uploads.tidy.
AFTERWARDS: Mapping[Job.Kind, Callable[[Job], None]] = {
    Job.Kind.IMPORT_IMAGES: remove_upload,
}
