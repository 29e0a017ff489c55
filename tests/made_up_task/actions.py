from collections.abc import Iterable

from django.db import transaction

from catalog.models import Image
from tests.made_up_task.models import Counting, CountVote
from workforce.actions import hand_in, publish_hits
from workforce.models import HIT, Batch, Lease, Submission


@transaction.atomic
def open_countings(*, batch: Batch, images: Iterable[Image], n_slots: int) -> list[HIT]:
    images = list(images)
    hits = publish_hits(batch=batch, n_hits=len(images), n_slots=n_slots)
    Counting.objects.bulk_create([Counting(hit=hit, image=image) for hit, image in zip(hits, images, strict=True)])
    return hits


@transaction.atomic
def record_count(*, lease: Lease, n_objects: int, idempotency_key: str) -> Submission:
    answer = {"selected": [n_objects]}
    submission, is_new = hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)
    if is_new:
        cast_vote(submission=submission)
    return submission


@transaction.atomic
def cast_vote(*, submission: Submission) -> None:
    image = Counting.objects.get(hit=submission.hit).image
    repeated = CountVote.objects.filter(image=image, worker=submission.worker_id, counted=True).exists()
    CountVote.objects.get_or_create(
        submission=submission,
        defaults={
            "worker_id": submission.worker_id,
            "image": image,
            "n_objects": submission.answer["selected"][0],
            "role": "repeat" if repeated else "question",
            "counted": not repeated and submission.state == Submission.State.CONFIRMED,
        },
    )


def recovered_answer(submission: Submission) -> dict | None:
    values = submission.answer["copy"]["selected"]
    return {"selected": [int(values[0])]} if len(values) == 1 and values[0].isdecimal() else None
