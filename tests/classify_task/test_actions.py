"""Opening forms, the rules of an answer, and which answers count."""

import pytest

from catalog import reads as clock
from catalog.actions import change_settings
from catalog.models import Image
from classify_task.actions import (
    InvalidAnswer,
    cast_vote,
    classify_batch,
    open_forms,
    record_vote,
)
from classify_task.kind import CLASSIFY
from classify_task.models import ClassifyVote, Form
from classify_task.reads import counted_votes, form_labels, images_waiting
from tests.factories import make_dataset, make_form, make_images, make_lease, make_worker, unique
from workforce.actions import (
    AlreadySubmitted,
    close_batch,
    exclude_submission,
    expire_leases,
    mark_aggregated,
    readmit_submission,
    take_lease,
)
from workforce.models import Batch, Submission, Worker
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db


def answer(form: Form, selected: list[int], main: int | None, *, worker: Worker | None = None) -> Submission:
    lease = make_lease(form.hit.batch, worker)
    assert lease.hit_id == form.hit_id
    return record_vote(lease=lease, selected=selected, main=main, idempotency_key=unique("key"))


def settle(*submissions: Submission) -> None:
    settle_votes(kind=CLASSIFY, submission_ids=[submission.pk for submission in submissions])


def counted(*submissions: Submission) -> list[bool]:
    return [ClassifyVote.objects.get(submission=submission).counted for submission in submissions]


def second_form(form: Form) -> Form:
    """The same image on a form of a later settings version, as a second study of it would have."""
    settings = change_settings(dataset=form.image.dataset, note="again")
    batch = classify_batch(dataset=form.image.dataset)
    assert batch.settings == settings
    hit = form.hit.__class__.objects.create(batch=batch)
    hit.slots.create(batch=batch, number=0)
    hit.slots.create(batch=batch, number=1)
    return Form.objects.create(hit=hit, image=form.image, labels=form.labels)


# Opening


def test_each_image_gets_a_form_with_its_labels_ascending_and_its_slots():
    dataset = make_dataset(classify_answers=3)
    first, second = make_images(dataset, 2)
    forms = open_forms(dataset=dataset, labels_by_image={second.pk: [3, 1], first.pk: [2]})
    assert [(form.image, form.labels, form.hit.slots.count()) for form in forms] == [
        (first, [2], 3),
        (second, [1, 3], 3),
    ]
    assert {form.hit.batch.kind for form in forms} == {"classify"}


def reopen(image: Image, *labels: int) -> list[Form]:
    return open_forms(dataset=image.dataset, labels_by_image={image.pk: list(labels)})


def test_an_image_that_has_a_form_with_its_labels_gets_no_second_one():
    form = make_form(labels=(0, 1))
    assert reopen(form.image, 1, 0) == []
    assert Form.objects.get().labels == [0, 1]
    assert open_forms(dataset=form.image.dataset, labels_by_image={}) == []


def test_an_unassigned_form_is_replaced_when_the_candidate_labels_change():
    form = make_form(labels=(0, 1), n_slots=2)
    (new,) = reopen(form.image, 0, 1, 2)
    form.hit.refresh_from_db()
    assert (form.hit.closed_at is None, new.hit.closed_at, new.labels) == (False, None, [0, 1, 2])
    assert new.hit.batch == form.hit.batch
    assert [make_lease(new.hit.batch).hit_id for _ in range(2)] == [new.hit_id] * 2
    assert take_lease(batch=new.hit.batch, worker=make_worker()) is None
    assert form_labels([form.image_id]) == {form.image_id: [0, 1, 2]}


def test_a_replaced_form_goes_to_the_batch_of_the_settings_of_its_labels():
    form = make_form(labels=(0, 1))
    settings = change_settings(dataset=form.image.dataset, min_shown=3)
    (new,) = reopen(form.image, 0, 2)
    assert new.hit.batch.settings == settings


def test_an_unassigned_form_is_withdrawn_when_no_question_is_left():
    form = make_form(labels=(0, 1))
    assert reopen(form.image) == []
    form.hit.refresh_from_db()
    assert form.hit.closed_at is not None
    assert form_labels([form.image_id]) == {}


@pytest.mark.parametrize("handed_in", [False, True])
def test_a_form_in_somebodys_hands_stays_as_it_is_and_the_difference_can_be_read(handed_in):
    form = make_form(labels=(0, 1))
    lease = make_lease(form.hit.batch)
    if handed_in:
        record_vote(lease=lease, selected=[0], main=0, idempotency_key="k")
    assert reopen(form.image, 0, 1, 2) == []
    assert form_labels([form.image_id]) == {form.image_id: [0, 1]}
    assert answer(form, [1], 1).state == "confirmed"


def test_an_image_whose_form_was_closed_unanswered_gets_another_in_another_batch():
    form = make_form(labels=(0, 1))
    close_batch(batch=form.hit.batch)
    assert form_labels([form.image_id]) == {}
    (new,) = reopen(form.image, 0, 1)
    assert new.hit.batch != form.hit.batch
    assert reopen(form.image, 0, 1) == []


def test_an_image_whose_closed_form_has_an_answer_gets_no_other_until_that_counts_no_more():
    form = make_form(labels=(0, 1))
    submission = answer(form, [0], 0)
    close_batch(batch=form.hit.batch)
    assert reopen(form.image, 0, 1, 2) == []
    exclude_submission(submission=submission, reason="too fast")
    settle(submission)
    assert [new.labels for new in reopen(form.image, 0, 1, 2)] == [[0, 1, 2]]


def test_an_image_with_replayed_answers_gets_no_form_even_if_none_of_them_counts():
    form = make_form(labels=(0, 1))
    close_batch(batch=form.hit.batch)
    Batch.objects.update(marketplace="replay")
    assert reopen(form.image, 0, 1, 2) == []
    assert form_labels([form.image_id]) == {form.image_id: [0, 1]}


def test_forms_of_one_dataset_and_settings_version_share_a_batch():
    dataset = make_dataset()
    images = make_images(dataset, 3)
    for image in images[:2]:
        open_forms(dataset=dataset, labels_by_image={image.pk: [0]})
    assert Batch.objects.count() == 1
    change_settings(dataset=dataset, classify_answers=1)
    (form,) = open_forms(dataset=dataset, labels_by_image={images[2].pk: [0]})
    assert (form.hit.batch.settings.version, form.hit.slots.count(), Batch.objects.count()) == (2, 1, 2)


def test_after_its_batch_was_closed_a_dataset_gets_another():
    dataset = make_dataset()
    first = classify_batch(dataset=dataset)
    assert classify_batch(dataset=dataset) == first
    close_batch(batch=first)
    assert classify_batch(dataset=dataset) != first


def test_an_image_waits_until_its_form_has_all_its_answers():
    form = make_form(n_slots=2)
    for waiting in ({form.image_id}, set()):
        answer(form, [0], 0)
        mark_aggregated(submission_ids=[submission.pk for submission in Submission.objects.all()])
        assert images_waiting([form.image_id]) == waiting


def test_an_image_waits_until_all_its_answers_are_aggregated():
    form = make_form(n_slots=1)
    submission = answer(form, [0], 0)
    assert images_waiting([form.image_id]) == {form.image_id}
    mark_aggregated(submission_ids=[submission.pk])
    assert images_waiting([form.image_id]) == set()


# Answers


def test_an_answer_becomes_one_vote_with_its_labels_and_its_main_label():
    submission = answer(make_form(labels=(0, 1, 2)), [2, 0], 0)
    vote = ClassifyVote.objects.get()
    assert (vote.selected, vote.main, vote.role, vote.counted) == ([2, 0], 0, "question", True)
    assert (vote.submission, vote.worker) == (submission, submission.worker)
    assert submission.answer == {"shown": submission.answer["shown"], "selected": [2, 0], "main": 0}


@pytest.mark.parametrize(
    ("selected", "main", "reason"),
    [
        ([], None, "at least one"),
        ([], 0, "at least one"),
        ([0, 3], 0, "does not belong to this task"),
        ([-1], -1, "does not belong to this task"),
        ([10**12], 10**12, "does not belong to this task"),
        ([1, 1], 1, "selected twice"),
        ([0, 1], None, "main object"),
        ([0, 1], 2, "must be a selected label"),
        ([0], 1, "must be a selected label"),
        ([0, 1], 3, "must be a selected label"),
    ],
)
def test_an_answer_against_the_rules_is_refused_with_the_reason_and_nothing_is_stored(selected, main, reason):
    form = make_form(labels=(0, 1, 2))
    lease = make_lease(form.hit.batch)
    with pytest.raises(InvalidAnswer, match=reason):
        record_vote(lease=lease, selected=selected, main=main, idempotency_key="k")
    lease.refresh_from_db()
    assert (lease.state, Submission.objects.count(), ClassifyVote.objects.count()) == ("active", 0, 0)


def test_a_single_selected_label_is_the_main_object_without_a_mark():
    submission = answer(make_form(labels=(0, 1, 2)), [1], None)
    assert (submission.answer["main"], ClassifyVote.objects.get().main) == (1, 1)


def test_the_order_of_labels_as_shown_is_stored_with_the_answer():
    form = make_form(labels=(0, 1, 2, 3), n_slots=8)
    orders = [answer(form, [0], 0).answer["shown"] for _ in range(8)]
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


def test_after_a_refused_answer_a_right_one_is_taken_under_the_same_key():
    lease = make_lease(make_form().hit.batch)
    with pytest.raises(InvalidAnswer):
        record_vote(lease=lease, selected=[], main=None, idempotency_key="k")
    assert record_vote(lease=lease, selected=[1], main=1, idempotency_key="k").state == "confirmed"


def test_the_same_key_again_gives_the_same_submission_and_no_second_vote():
    lease = make_lease(make_form().hit.batch)
    sent = [record_vote(lease=lease, selected=[1], main=1, idempotency_key="k") for _ in range(3)]
    assert len({submission.pk for submission in sent}) == ClassifyVote.objects.count() == 1


def test_a_second_answer_under_another_key_is_refused_and_the_first_kept():
    lease = make_lease(make_form().hit.batch)
    record_vote(lease=lease, selected=[1], main=1, idempotency_key="k")
    with pytest.raises(AlreadySubmitted):
        record_vote(lease=lease, selected=[0], main=0, idempotency_key="another")
    assert ClassifyVote.objects.get().selected == [1]


def test_casting_twice_adds_nothing():
    submission = answer(make_form(), [0], 0)
    cast_vote(submission=submission)
    assert ClassifyVote.objects.count() == 1


def test_late_work_without_a_free_slot_is_a_vote_that_does_not_count(monkeypatch):
    form = make_form(n_slots=1)
    late = make_lease(form.hit.batch)
    monkeypatch.setattr(clock, "fixed_now", late.expires_at)
    expire_leases()
    answer(form, [0], 0)
    submission = record_vote(lease=late, selected=[1], main=1, idempotency_key="late")
    assert (submission.state, counted(submission)) == ("surplus", [False])
    settle(submission)
    assert [vote.selected for vote in counted_votes([form.image_id])] == [[0]]


# Which votes count


def test_a_second_answer_of_the_same_person_on_an_image_is_a_repeat_and_is_not_counted():
    form, worker = make_form(), make_worker()
    first = answer(form, [0], 0, worker=worker)
    second = answer(second_form(form), [1], 1, worker=worker)
    assert counted(first, second) == [True, False]
    assert ClassifyVote.objects.get(submission=second).role == "repeat"


def test_excluding_takes_an_answer_out_and_readmitting_brings_it_back():
    form = make_form()
    kept, submission = answer(form, [0], 0), answer(form, [1], 1)
    exclude_submission(submission=submission, reason="too fast")
    settle(submission)
    assert counted(kept, submission) == [True, False]
    readmit_submission(submission=submission)
    settle(submission)
    assert [vote.selected for vote in counted_votes([form.image_id])] == [[0], [1]]


def test_of_two_readmitted_answers_of_one_person_the_first_counts_and_if_it_goes_the_other():
    form, worker = make_form(), make_worker()
    first = answer(form, [0], 0, worker=worker)
    exclude_submission(submission=first, reason="doubt")
    settle(first)
    second = answer(second_form(form), [1], 1, worker=worker)
    exclude_submission(submission=second, reason="doubt")
    settle(second)
    assert counted(first, second) == [False, False]
    for submission in (second, first):
        readmit_submission(submission=submission)
        settle(submission)
    assert counted(first, second) == [True, False]
    exclude_submission(submission=first, reason="after all")
    settle(first)
    assert counted(first, second) == [False, True]


def test_settling_twice_changes_nothing():
    submission = answer(make_form(), [0], 0)
    for _ in range(2):
        settle(submission)
        assert counted(submission) == [True]
