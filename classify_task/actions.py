"""Opening CLASSIFY forms, and turning answers to them into votes."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from catalog.errors import UserError
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from classify_task.models import ClassifyVote, Form, Role
from classify_task.reads import standing_forms
from workforce.actions import hand_in, open_batch, publish_hits, withdraw_hits
from workforce.models import Batch, Lease, Submission
from workforce.reads import pause_kept

log = logging.getLogger(__name__)


class InvalidAnswer(UserError):
    """An answer a CLASSIFY form cannot have; the message is for the person who gave it."""


@transaction.atomic
def open_forms(*, dataset: Dataset, labels_by_image: Mapping[int, Sequence[int]]) -> list[Form]:
    """Have one form with these class indexes for each image (by id), and return those that had to be opened.

    They go to the dataset's CLASSIFY batch. An image with no indexes wants no form. An open form with others is
    withdrawn if nobody was given it yet, else it stays (`form_labels` tells); one closed without a counted vote is
    as good as none.
    """
    # Two passes of the aggregation must not open the same image twice.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    _withdraw_outdated(labels_by_image)
    wanted = [image_id for image_id, labels in labels_by_image.items() if labels]
    missing = sorted(set(wanted).difference(standing_forms(wanted).values_list("image_id", flat=True)))
    if not missing:
        return []
    batch = classify_batch(dataset=dataset)
    hits = publish_hits(batch=batch, n_hits=len(missing), n_slots=batch.settings.classify_answers)
    forms = Form.objects.bulk_create(
        [
            Form(hit=hit, image_id=image_id, labels=sorted(labels_by_image[image_id]))
            for hit, image_id in zip(hits, missing, strict=True)
        ]
    )
    log.info("Opened %d forms in batch %s.", len(forms), batch.pk)
    return forms


def _withdraw_outdated(labels_by_image: Mapping[int, Sequence[int]]) -> None:
    found = Form.objects.filter(image__in=labels_by_image, hit__closed_at=None)
    outdated = [form.hit_id for form in found if form.labels != sorted(labels_by_image[form.image_id])]
    if n_withdrawn := len(withdraw_hits(hit_ids=outdated)):
        log.info("Withdrew %d forms that nobody had been given: the candidate labels changed.", n_withdrawn)


@transaction.atomic
def classify_batch(*, dataset: Dataset) -> Batch:
    """The open batch that takes the dataset's forms under its current settings; made when there is none.

    It is locked: it stays open until the end of the transaction, and one that is just being closed is not taken.
    """
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    settings = current_settings(dataset)
    live = [Batch.Marketplace.LINK, Batch.Marketplace.MTURK]
    batches = Batch.objects.filter(
        dataset=dataset, settings=settings, kind="classify", marketplace__in=live, closed_at=None
    )
    standing = batches.select_for_update(no_key=True).first()
    return standing or open_batch(dataset=dataset, kind="classify", settings=settings)


@transaction.atomic
def record_vote(
    *, lease: Lease, selected: Sequence[int], main: int | None, idempotency_key: str, paused_seconds: int = 0
) -> Submission:
    """Store one person's answer: the labels of the distinct objects, and the main one among them; raw, and with how
    long the page says that it was left.

    Raises InvalidAnswer, saying what is wrong, for an empty answer, a label that is not on the form or chosen twice,
    or a main label that is missing or not among the chosen; then nothing is stored.
    """
    check_answer(lease.hit.form, selected, main)
    answer = {"selected": list(selected), "main": main} | pause_kept(paused_seconds)
    submission, _ = hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)
    if submission.pk is not None:
        cast_vote(submission=submission)
    return submission


def check_answer(form: Form, selected: Sequence[int], main: int | None) -> None:
    if not selected:
        raise InvalidAnswer("Choose at least one label: the one that fits best if you are not sure.")
    if not set(selected) <= set(form.labels):
        raise InvalidAnswer("A chosen label is not on this form. Nothing was stored; reload the page and choose again.")
    if len(set(selected)) < len(selected):
        raise InvalidAnswer("A label was chosen twice. Choose one label for each distinct object.")
    if main is None:
        raise InvalidAnswer("Say which of the chosen labels is the main object.")
    if main not in selected:
        raise InvalidAnswer("The main object must be one of the labels you chose. Choose it too, or pick another one.")


@transaction.atomic
def cast_vote(*, submission: Submission) -> None:
    """Turn a stored submission into its vote. Doing it twice adds nothing."""
    if ClassifyVote.objects.filter(submission=submission).exists():
        return
    image: Image = submission.hit.form.image
    repeated = ClassifyVote.objects.filter(image=image, worker=submission.worker_id, counted=True).exists()
    ClassifyVote.objects.create(
        submission=submission,
        worker_id=submission.worker_id,
        image=image,
        selected=submission.answer["selected"],
        main=submission.answer["main"],
        role=Role.REPEAT if repeated else Role.QUESTION,
        counted=not repeated and submission.state == Submission.State.CONFIRMED,
    )


def recovered_answer(submission: Submission) -> dict[str, Any] | None:
    """Return what the page would have stored, or None if the copy is no answer that the form allows."""
    copy = submission.answer["copy"]
    try:
        selected, main = sorted(map(int, copy["selected"])), int(copy["main"])
        check_answer(submission.hit.form, selected, main)
    except ValueError as error:  # no numbers, or InvalidAnswer
        log.info("A recovered answer of HIT %s is none: %s", submission.hit_id, error)
        return None
    return {"selected": selected, "main": main}
