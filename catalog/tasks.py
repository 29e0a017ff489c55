from celery import shared_task

from catalog.photographs import actions


@shared_task(ignore_result=True)
def make_pictures() -> None:
    actions.make_pictures()
