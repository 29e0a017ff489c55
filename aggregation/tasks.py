from celery import shared_task

from aggregation import actions
from aggregation.agreement.actions import recompute_due
from aggregation.quality.actions import recompute_changed


@shared_task(ignore_result=True)
def aggregate_new_submissions() -> None:
    actions.aggregate()


@shared_task(ignore_result=True)
def measure_workers() -> None:
    recompute_changed()


@shared_task(ignore_result=True)
def compute_agreement() -> None:
    recompute_due()
