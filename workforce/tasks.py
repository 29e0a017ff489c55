from celery import shared_task

from workforce import actions


@shared_task(ignore_result=True)
def expire_leases() -> None:
    actions.expire_leases()
