from celery import shared_task

from candidates import actions, reads


# A hint that reached no worker in time is useless: the next hints are on their way. A slow network may take any time
# for a portion (settings: no time limit); a worker that gets the same hint meanwhile finds the portion locked.
@shared_task(ignore_result=True, expires=15)
def predict_portion() -> None:
    if actions.predict_next_portions():
        predict_portion.delay()


@shared_task(ignore_result=True)
def hint_at_unfinished_runs() -> None:
    if reads.runs_to_do().exists():
        predict_portion.delay()
