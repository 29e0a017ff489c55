"""Jobs that start classifiers and compute potential labels."""

from django.utils.translation import gettext, ngettext

from candidates.actions import find_potential_labels
from candidates.runs.actions import hint, open_runs
from jobs.kinds import JobKind
from jobs.models import Job


def start_classifiers(job: Job, watch: object) -> list[str]:
    """Load each classifier of the argument `names` and open its run; other workers make the predictions."""
    opened = open_runs(dataset=job.dataset, names=job.arguments["names"])
    hint()
    started = ", ".join(name for name, run in opened.items() if run is not None)
    finished = ", ".join(name for name, run in opened.items() if run is None)
    lines = []
    if started:
        lines.append(gettext("Started: %(classifiers)s. The progress is shown below.") % {"classifiers": started})
    if finished:
        message = gettext("All images already have predictions of %(classifiers)s.")
        lines.append(message % {"classifiers": finished})
    return lines


def find_labels(job: Job, watch: object) -> list[str]:
    n_labels, n_images = find_potential_labels(dataset=job.dataset), job.dataset.images.count()
    message = ngettext(
        "Potential labels of %(n_images)s image: %(n_labels)s.",
        "Potential labels of %(n_images)s images: %(n_labels)s.",
        n_images,
    )
    return [message % {"n_images": f"{n_images:,}", "n_labels": f"{n_labels:,}"}]


PREDICT = JobKind(work=start_classifiers)
POTENTIAL_LABELS = JobKind(work=find_labels)
