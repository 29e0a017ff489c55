from celery import shared_task

from aggregation import actions


@shared_task(ignore_result=True)
def aggregate_new_submissions() -> None:
    actions.aggregate()
