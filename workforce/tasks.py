from celery import shared_task

from workforce import actions, speaking
from workforce.kinds.actions import take_in_recovered as take_in_recovered_of_all_kinds


@shared_task(ignore_result=True)
def expire_leases() -> None:
    actions.expire_leases()


@shared_task(ignore_result=True)
def take_in_recovered() -> None:
    take_in_recovered_of_all_kinds()


@shared_task(ignore_result=True)
def send_outbox() -> None:
    speaking.speak()


@shared_task(ignore_result=True)
def poll_assignments() -> None:
    speaking.speak()
