"""Actions on CLASSIFY forms: opening them, and casting votes from answers."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from classify_task.models import ClassifyVote, Form, Role
from classify_task.reads import in_order_shown, standing_forms
from classify_task.surplus_sql import SET_SURPLUS
from workforce.actions import hand_in, open_batch, publish_hits, withdraw_hits
from workforce.facts.reads import NO_FACTS, AnswerFacts, facts_field, unseen_field
from workforce.links.actions import copy_list
from workforce.models import Batch, Lease, Submission
from workforce.openings.actions import note_opening
from workforce.reads import is_handle_of, pause_field

log = logging.getLogger(__name__)

FOREIGN_LABEL = gettext_lazy(
    "A selected label does not belong to this task. Nothing was saved. Reload the page and select again."
)


class InvalidAnswer(UserError):
    """An answer that a CLASSIFY form does not allow. The message is for the worker.

    `group` names the fields of the page to change: "selected" or "main".
    """

    def __init__(self, message: str = "", *, group: str = "selected") -> None:
        super().__init__(message)
        self.group = group


@transaction.atomic
def open_forms(*, dataset: Dataset, labels_by_image: Mapping[int, Sequence[int]]) -> list[Form]:
    """Open a form with these class indexes for each image (by id) without one, and return the new forms.

    They go to the dataset's CLASSIFY batch. An image without indexes needs no form. An open form with other indexes is
    withdrawn if it was never assigned, else it stays (see `form_labels`); one closed without a counted vote does not
    count as a form.
    """
    # Two passes of the aggregation must not open the same image twice.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    _withdraw_outdated(labels_by_image)
    image_ids = [image_id for image_id, labels in labels_by_image.items() if labels]
    without_form = sorted(set(image_ids).difference(standing_forms(image_ids).values_list("image_id", flat=True)))
    if not without_form:
        return []
    batch, is_new = _standing_or_new_batch(dataset)
    hits = publish_hits(batch=batch, n_hits=len(without_form), n_slots=batch.settings.classify_answers)
    forms = Form.objects.bulk_create(
        [
            Form(hit=hit, image_id=image_id, labels=sorted(labels_by_image[image_id]))
            for hit, image_id in zip(hits, without_form, strict=True)
        ]
    )
    if is_new:
        note_opening(batch=batch)
    log.info("Opened %d forms in batch %s.", len(forms), batch.pk)
    return forms


def _withdraw_outdated(labels_by_image: Mapping[int, Sequence[int]]) -> None:
    forms = Form.objects.filter(image__in=labels_by_image, hit__closed_at=None)
    outdated = [form.hit_id for form in forms if form.labels != sorted(labels_by_image[form.image_id])]
    if n_withdrawn := len(withdraw_hits(hit_ids=outdated)):
        log.info("Withdrew %d unassigned forms: the candidate labels changed.", n_withdrawn)


@transaction.atomic
def classify_batch(*, dataset: Dataset) -> Batch:
    """Return the open batch for the dataset's forms under its current settings; create it if there is none.

    The lock keeps it open until the end of the transaction. A batch that is being closed is not used.
    """
    batch, is_new = _standing_or_new_batch(dataset)
    if is_new:
        note_opening(batch=batch)
    return batch


def _standing_or_new_batch(dataset: Dataset) -> tuple[Batch, bool]:
    """Return the batch of `classify_batch`, and whether it was opened now."""
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    settings = current_settings(dataset)
    live = [Batch.Marketplace.LINK, Batch.Marketplace.MTURK]
    batches = Batch.objects.filter(
        dataset=dataset, settings=settings, kind="classify", marketplace__in=live, closed_at=None
    )
    standing = batches.select_for_update(no_key=True).first()
    return (standing, False) if standing else (_open_for_the_same_people(dataset), True)


def _open_for_the_same_people(dataset: Dataset) -> Batch:
    """Open a batch for whoever could work by the dataset's latest study link, so that no link admits more people."""
    former = Batch.objects.filter(dataset=dataset, marketplace=Batch.Marketplace.LINK).order_by("-pk").first()
    if former is None:
        return open_batch(dataset=dataset, kind="classify")
    batch = open_batch(dataset=dataset, kind="classify", admission=former.admission, networks=former.networks)
    copy_list(batch=batch, former=former)
    return batch


@transaction.atomic
def record_vote(
    *,
    lease: Lease,
    selected: Sequence[int],
    main: int | None,
    unseen: bool = False,
    facts: AnswerFacts = NO_FACTS,
    idempotency_key: str,
    paused_seconds: int = 0,
) -> Submission:
    """Store a worker's raw answer: the labels of the distinct objects, and the main label.

    It also keeps the order of the labels as shown, the facts and the pause of the page. If the photograph was `unseen`,
    there is no vote. A single selected label needs no mark as the main one.

    Raises InvalidAnswer, with the reason, for an empty answer, a label that is not on the form or selected twice, or a
    main label that is missing or not selected; then nothing is stored.
    """
    answer = _answer(lease.hit.form, lease.public_id, selected, main)
    answer |= unseen_field([lease.hit.form.image.public_id] if unseen else [])
    answer |= facts_field(facts) | pause_field(paused_seconds)
    submission, _ = hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)
    if submission.pk is not None:
        cast_vote(submission=submission)
    return submission


def _answer(form: Form, lease_id: str, selected: Sequence[int], main: int | None) -> dict[str, Any]:
    """Return the raw answer on the page of a lease (by public id). Raises InvalidAnswer."""
    if main is None and len(selected) == 1:
        main = selected[0]
    check_answer(form, selected, main)
    return {"shown": in_order_shown(lease_id, form.labels), "selected": list(selected), "main": main}


def check_answer(form: Form, selected: Sequence[int], main: int | None) -> None:
    """Raise InvalidAnswer unless the form allows this answer."""
    if not selected:
        raise InvalidAnswer(gettext("Select at least one label. If you are unsure, select the closest."))
    if not set(selected) <= set(form.labels):
        raise InvalidAnswer(str(FOREIGN_LABEL))
    if len(set(selected)) < len(selected):
        raise InvalidAnswer(gettext("A label is selected twice. Select one label for each distinct object."))
    if main is None:
        raise InvalidAnswer(gettext("Choose which of the selected labels is the main object."), group="main")
    if main not in selected:
        raise InvalidAnswer(
            gettext("The main object must be a selected label. Select its label too, or choose another main object."),
            group="main",
        )


@transaction.atomic
def cast_vote(*, submission: Submission) -> None:
    """Cast the vote of a stored submission, unless the photograph was not seen. Idempotent."""
    if submission.answer.get("unseen") or ClassifyVote.objects.filter(submission=submission).exists():
        return
    image: Image = submission.hit.form.image
    standing = ClassifyVote.objects.filter(Q(counted=True) | Q(surplus=True), image=image, worker=submission.worker_id)
    is_repeat = standing.exists()
    ClassifyVote.objects.create(
        submission=submission,
        worker_id=submission.worker_id,
        image=image,
        selected=submission.answer["selected"],
        main=submission.answer["main"],
        role=Role.REPEAT if is_repeat else Role.QUESTION,
        counted=not is_repeat and submission.state == Submission.State.CONFIRMED,
    )


@transaction.atomic
def set_surplus_aside(*, submission_ids: list[int]) -> None:
    """Of the forms that these submissions touch, count the first votes, as many as are wanted. Idempotent."""
    with connection.cursor() as cursor:
        cursor.execute(SET_SURPLUS, {"submissions": submission_ids})


def recovered_answer(submission: Submission) -> dict[str, Any] | None:
    """Return what the page would have stored, or None if the copy is no answer that the form allows."""
    copy, form = submission.answer["copy"], submission.hit.form
    lease = Lease(hit=submission.hit, public_id=copy["lease"])
    try:
        selected, main = sorted(map(int, copy["selected"])), int(copy["main"]) if copy["main"] else None
        answer = _answer(form, lease.public_id, selected, main)
    except ValueError as error:  # not numbers, or InvalidAnswer
        log.info("A recovered answer of HIT %s is invalid: %s", submission.hit_id, error)
        return None
    is_unseen = any(is_handle_of(lease, form.image.public_id, handle) for handle in copy.get("unseen", ()))
    return answer | unseen_field([form.image.public_id] if is_unseen else [])
