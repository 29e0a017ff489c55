from celery import shared_task

from catalog import actions


@shared_task(ignore_result=True)
def make_pictures() -> None:
    actions.make_pictures()
