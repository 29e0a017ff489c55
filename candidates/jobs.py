"""Starting classifiers and computing potential labels, as jobs."""

from candidates.actions import find_potential_labels
from candidates.runs.actions import hint, open_runs
from jobs.kinds import JobKind
from jobs.models import Job


def start_classifiers(job: Job, watch: object) -> list[str]:
    """Load each of its argument `names`, to see what it is; the predictions are made by other workers."""
    opened = open_runs(dataset=job.dataset, names=job.arguments["names"])
    hint()
    started = [name for name, run in opened.items() if run is not None]
    done = [name for name, run in opened.items() if run is None]
    lines = [f"Started: {', '.join(started)}. Below stands how far they are."] if started else []
    return lines + ([f"All images are predicted already by {', '.join(done)}."] if done else [])


def find_labels(job: Job, watch: object) -> list[str]:
    n_labels = find_potential_labels(dataset=job.dataset)
    return [f"{n_labels:,} potential labels of {job.dataset.images.count():,} images."]


PREDICT = JobKind(work=start_classifiers)
POTENTIAL_LABELS = JobKind(work=find_labels)
