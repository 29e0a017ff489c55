from celery import shared_task

from contains_task import actions


@shared_task(ignore_result=True)
def take_in_recovered() -> None:
    actions.take_in_recovered()
