from celery import shared_task

from workforce import actions
from workforce.outbox import sending
from workforce.pay import polling


@shared_task(ignore_result=True)
def expire_leases() -> None:
    actions.expire_leases()


@shared_task(ignore_result=True)
def send_outbox() -> None:
    sending.send_waiting()


@shared_task(ignore_result=True)
def poll_assignments() -> None:
    polling.poll_assignments()
