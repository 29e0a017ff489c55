from celery import shared_task

from candidates import actions, reads


# A hint that found no worker in time is worth nothing: the next ones are on their way. A slow network may be at a
# portion for as long as it takes (settings: no time limit); who is handed the same hint meanwhile finds it locked.
@shared_task(ignore_result=True, expires=15)
def predict_portion() -> None:
    if actions.predict_next_portions():
        predict_portion.delay()


@shared_task(ignore_result=True)
def hint_at_unfinished_runs() -> None:
    if reads.runs_to_do().exists():
        predict_portion.delay()
