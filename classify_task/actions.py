"""Opening CLASSIFY forms, and turning answers to them into votes."""

import logging
from collections.abc import Mapping, Sequence

from django.db import connection, transaction

from catalog.actions import StagedConflict
from catalog.errors import UserError
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from classify_task.models import ClassifyVote, Form, Role
from classify_task.reads import standing_forms
from classify_task.staged import ADD_FORMS, ADD_VOTES, FILL_ANSWERS, OTHER_ANSWER
from workforce.actions import hand_in, open_batch, publish_hits, settle_recovered, withdraw_hits
from workforce.models import Batch, Lease, Submission, Worker
from workforce.reads import pause_kept, unread_recovered

log = logging.getLogger(__name__)

# Votes that may count, but for others of the same person on the same image: confirmed, a question, not excluded.
# A vote of these submissions that stands the other way unsettles all that its person said on its image.
UNSETTLED = """
    WITH vote AS NOT MATERIALIZED (
        SELECT vote.*, vote.role = 'question' AND submission.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM workforce_exclusion exclusion
            WHERE exclusion.submission_id = vote.submission_id AND exclusion.lifted_at IS NULL
        ) AS may_count
        FROM classify_task_classifyvote vote JOIN workforce_submission submission ON submission.id = vote.submission_id
    ), unsettled AS (
        SELECT DISTINCT image_id, worker_id FROM vote
        WHERE submission_id = ANY(%(submissions)s) AND counted <> may_count
    )
"""
UNSETTLED_WORKERS = UNSETTLED + "SELECT DISTINCT worker_id FROM unsettled"
# Of several that may count, the first does: whatever was excluded and readmitted in between, and in which order.
WRONG = UNSETTLED + """, verdict AS (
        SELECT id, counted, may_count AND id = min(id) FILTER (WHERE may_count) OVER person AS counts
        FROM vote JOIN unsettled USING (image_id, worker_id)
        WINDOW person AS (PARTITION BY image_id, worker_id)
    )
    SELECT id, counts FROM verdict WHERE counted <> counts
"""


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
    return standing or open_batch(dataset=dataset, kind=Batch.Kind.CLASSIFY, settings=settings)


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


def take_in_recovered() -> int:
    """Read the answers to forms that came through a marketplace alone; returns how many there were."""
    waiting = list(unread_recovered(Batch.Kind.CLASSIFY))
    for submission in waiting:
        _record_recovered(submission=submission)
    return len(waiting)


@transaction.atomic
def _record_recovered(*, submission: Submission) -> Submission:
    """Turn a recovered answer into its vote, if it is an answer that the form allows. Twice adds nothing."""
    settled = settle_recovered(submission=submission, answer=_recovered_answer(submission))
    if "selected" in settled.answer:
        cast_vote(submission=settled)
    return settled


def _recovered_answer(submission: Submission) -> dict | None:
    copy = submission.answer["copy"]
    try:
        answer = {"selected": sorted(map(int, copy["selected"])), "main": int(copy["main"])}
        check_answer(submission.hit.form, **answer)
    except ValueError as error:  # no numbers, or InvalidAnswer
        log.info("A recovered answer of HIT %s is none: %s", submission.hit_id, error)
        return None
    return answer


@transaction.atomic
def settle_votes(*, submission_ids: list[int]) -> None:
    """Bring `counted` in line with the state, roles and exclusions of these submissions. Twice changes nothing."""
    workers = [worker for (worker,) in _rows(UNSETTLED_WORKERS, submission_ids)]
    if not workers:
        return
    # The person first, as in a submission: no answer of theirs comes in while it is decided which one counts.
    list(Worker.objects.select_for_update().filter(pk__in=workers).order_by("pk"))
    wrong = dict(_rows(WRONG, submission_ids))
    # First those that lose, then those that win: at no moment do two of a person's votes count on one image.
    ClassifyVote.objects.filter(pk__in=[pk for pk, counts in wrong.items() if not counts]).update(counted=False)
    ClassifyVote.objects.filter(pk__in=[pk for pk, counts in wrong.items() if counts]).update(counted=True)


def _rows(query: str, submission_ids: list[int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"submissions": submission_ids})
        return cursor.fetchall()


# Answers given elsewhere; classify_task.staged tells the columns of the staging table


@transaction.atomic
def check_staged_answers(*, staged: str) -> None:
    """Raise StagedConflict if a row whose answer is stored already says something else."""
    with connection.cursor() as cursor:
        cursor.execute(OTHER_ANSWER.format(staged=staged))
        if other := cursor.fetchone():
            line, image = other
            raise StagedConflict(line, f"this person's answer on {image} is stored already, and it is another one.")


@transaction.atomic
def fill_staged_answers(*, staged: str) -> None:
    """Write the raw answers, in the shape of live ones, for the submissions to come."""
    with connection.cursor() as cursor:
        cursor.execute(FILL_ANSWERS.format(staged=staged))


@transaction.atomic
def load_staged_votes(*, staged: str) -> int:
    """Open forms for staged answers that are submitted, and cast their votes; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(ADD_FORMS.format(staged=staged))
        cursor.execute(ADD_VOTES.format(staged=staged))
        n_votes = cursor.rowcount
        cursor.execute("ANALYZE classify_task_form, classify_task_classifyvote")
    return n_votes
