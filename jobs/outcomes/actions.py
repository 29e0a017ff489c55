"""Keep what came of a job with what it did."""

from django.db import transaction

from jobs.models import Job


@transaction.atomic
def note_outcome(*, job: Job, lines: list[str]) -> None:
    """Keep what came of a job with what it did, in one transaction: who begins it again must not do it again."""
    job.arguments = job.arguments | {"outcome": lines}
    Job.objects.filter(pk=job.pk).update(arguments=job.arguments)
