from celery import shared_task

from jobs import actions, reads


# A job may take hours: its worker knows no time limit (launcher.parts), and a second one finds the job held.
@shared_task(ignore_result=True, expires=15)
def do_job() -> None:
    if actions.do_next_job():
        do_job.delay()


@shared_task(ignore_result=True)
def hint_at_unfinished_jobs() -> None:
    if reads.unfinished_jobs().exists():
        do_job.delay()
