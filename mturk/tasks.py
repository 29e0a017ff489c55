from celery import shared_task

from mturk import sync


@shared_task(ignore_result=True)
def send_outbox() -> None:
    sync.synchronise()


@shared_task(ignore_result=True)
def poll_assignments() -> None:
    sync.synchronise()
