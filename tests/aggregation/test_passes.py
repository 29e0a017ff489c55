"""Passes that overlap with answers, closed batches and other passes: nothing is derived from half of the counts."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from aggregation.actions import aggregate, aggregate_new_submissions, forget
from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from aggregation.reads import split_counts
from catalog.actions import change_settings
from catalog.models import Dataset, Image, SettingsVersion
from classify_task.actions import record_vote
from classify_task.models import Form
from classify_task.reads import form_labels
from contains_task.models import Grid
from tests.factories import make_batch, make_dataset, make_form, make_grid, make_images, make_lease, tick_images, unique
from tests.threads import in_threads
from workforce.actions import close_batch, exclude_submission
from workforce.models import Submission
from workforce.reads import not_aggregated

# Words of the statement that counts votes.
COUNTS = "INSERT INTO aggregation_selectionfrequency"


def tick(grid: Grid, *, times: int = 1) -> list[Submission]:
    """Have as many people tick every image of a grid."""
    ticked = [cell.image.public_id for cell in grid.cells.select_related("image")]
    return [
        tick_images(lease=make_lease(grid.hit.batch), selected=ticked, idempotency_key=unique("key"))
        for _ in range(times)
    ]


def choose(form: Form, label: int) -> Submission:
    return record_vote(lease=make_lease(form.hit.batch), selected=[label], main=label, idempotency_key=unique("key"))


def image_with_pairs(n_pairs: int, *, n_slots: int = 5, **figures: Any) -> tuple[Image, list[Grid]]:
    """An image with dataset label 0, and a one-cell grid for it and each of the labels 0, 1, ... in its own batch."""
    dataset = make_dataset(contains_answers=n_slots, **figures)
    images = make_images(dataset, 1)
    return images[0], [make_grid(images=images, label=label) for label in range(n_pairs)]


def live_labels(image: Image) -> list[list[int]]:
    """The labels of the image's forms that are open, oldest first."""
    return list(Form.objects.filter(image=image, hit__closed_at=None).order_by("id").values_list("labels", flat=True))


@contextmanager
def on_statement(words: str, act: Callable[[], object], *, before: bool = False) -> Iterator[list[object]]:
    """Do something, in another connection, right behind (or before) the first statement with these words."""
    done: list[object] = []

    def wrapper(execute, sql, params, many, context):
        hit = not done and words in sql
        if hit and before:
            done.extend(in_threads(1, lambda _: act()))
        result = execute(sql, params, many, context)
        if hit and not before:
            done.extend(in_threads(1, lambda _: act()))
        return result

    with connection.execute_wrapper(wrapper):
        yield done
    assert done, f"no statement has the words {words!r}"


# Passes of limited size


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_form_offers_all_labels_however_the_answers_are_cut_into_passes(db, order):
    _, grids = image_with_pairs(3)
    for number in order:
        tick(grids[number], times=5)
    for per_pass in (1, 7, 10, 100):
        with transaction.atomic():
            aggregate(per_pass=per_pass)
            assert CandidateSet.objects.get().labels == [0, 1, 2], f"{per_pass} answers a pass"
            assert list(Form.objects.values_list("labels", flat=True)) == [[0, 1, 2]], f"{per_pass} answers a pass"
            transaction.set_rollback(True)


def test_no_pass_but_the_last_prunes_an_image_and_the_last_does(db):
    image, grids = image_with_pairs(3)
    for grid in grids:
        tick(grid, times=5)
    for n_pruned in (0, 1):
        assert not CandidateSet.objects.exists()
        aggregate_new_submissions(dataset=image.dataset, limit=10)
        assert CandidateSet.objects.count() == n_pruned


def test_an_annotation_waits_for_the_pass_that_takes_its_last_answer_in(db):
    form = make_form(n_slots=3)
    for label in (0, 1, 1):
        choose(form, label)
    for n_published in (0, 0, 1):
        aggregate_new_submissions(dataset=form.image.dataset, limit=1)
        assert Annotation.objects.count() == n_published
    assert Annotation.objects.get().n_annotators == 3


def test_what_stands_is_not_replaced_by_a_half_when_all_is_aggregated_again_in_small_passes(db):
    image, grids = image_with_pairs(3, classify_answers=1)
    for grid in grids:
        tick(grid, times=5)
    aggregate()
    choose(Form.objects.get(), 1)
    aggregate()
    before = [image.candidate_set.labels, Annotation.objects.get().objects_found]
    forget(dataset=image.dataset)
    aggregate(dataset=image.dataset, per_pass=4)
    assert [CandidateSet.objects.get().labels, Annotation.objects.get().objects_found] == before
    assert Form.objects.count() == 1


# Answers that come in during a pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [True, False], ids=["before the counts", "behind the counts"])
def test_an_answer_that_comes_in_during_a_pass_leaves_the_image_to_the_next(before):
    image, grids = image_with_pairs(2)
    tick(grids[0], times=5)
    tick(grids[1], times=4)
    lease = make_lease(grids[1].hit.batch)
    last = partial(tick_images, lease=lease, selected=[image.public_id], idempotency_key="last")
    with on_statement(COUNTS, last, before=before):
        assert aggregate_new_submissions(dataset=image.dataset) == 9
    assert not CandidateSet.objects.exists()
    assert aggregate_new_submissions(dataset=image.dataset) == 1
    assert image.candidate_set.labels == [0, 1]
    assert live_labels(image) == [[0, 1]]


@pytest.mark.django_db(transaction=True)
def test_an_answer_to_a_pair_that_a_pass_has_not_touched_at_all_leaves_the_image_to_the_next():
    image, grids = image_with_pairs(2, n_slots=1, min_shown=1)
    tick(grids[0])
    lease = make_lease(grids[1].hit.batch)
    last = partial(tick_images, lease=lease, selected=[image.public_id], idempotency_key="last")
    with on_statement(COUNTS, last):
        aggregate_new_submissions(dataset=image.dataset)
    assert not Form.objects.exists()
    aggregate()
    assert live_labels(image) == [[0, 1]]


@pytest.mark.django_db(transaction=True)
def test_an_exclusion_that_comes_in_during_a_pass_leaves_the_image_to_the_next():
    image, grids = image_with_pairs(2, min_shown=5, asks_again=False)
    first, *_ = tick(grids[1], times=5)
    aggregate()
    tick(grids[0], times=5)
    with on_statement(COUNTS, partial(exclude_submission, submission=first, reason="too fast")):
        assert aggregate_new_submissions(dataset=image.dataset) == 5
    assert not CandidateSet.objects.exists()
    aggregate()
    assert image.candidate_set.split == "settled"
    assert not Form.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [True, False], ids=["before the counts", "behind the counts"])
def test_an_answer_to_a_form_that_comes_in_during_a_pass_leaves_its_annotation_to_the_next(before):
    form = make_form(n_slots=2)
    choose(form, 0)
    lease = make_lease(form.hit.batch)
    last = partial(record_vote, lease=lease, selected=[1], main=1, idempotency_key="last")
    with on_statement(COUNTS, last, before=before):
        aggregate_new_submissions(dataset=form.image.dataset)
    assert not Annotation.objects.exists()
    aggregate()
    assert Annotation.objects.get().n_annotators == 2


# Pairs, settings and batches that change between passes


def test_pairs_opened_later_change_the_form_as_long_as_nobody_has_it(db):
    image, grids = image_with_pairs(2, n_slots=1, min_shown=1)
    for grid in grids:
        tick(grid)
    aggregate()
    assert live_labels(image) == [[0, 1]]
    tick(make_grid(images=[image], label=2))
    aggregate()
    assert image.candidate_set.labels == [0, 1, 2]
    assert live_labels(image) == [[0, 1, 2]]


def test_pairs_opened_later_leave_a_form_that_somebody_has_in_hand_and_the_difference_can_be_read(db):
    image, grids = image_with_pairs(2, n_slots=1, min_shown=1)
    for grid in grids:
        tick(grid)
    aggregate()
    make_lease(Form.objects.get().hit.batch)
    tick(make_grid(images=[image], label=2))
    aggregate()
    assert image.candidate_set.labels == [0, 1, 2]
    assert form_labels([image.pk]) == {image.pk: [0, 1]}


def test_new_thresholds_and_a_new_start_change_the_forms(db):
    image, grids = image_with_pairs(3, n_slots=1, min_shown=1)
    for grid in grids:
        tick(grid)
    aggregate()
    change_settings(dataset=image.dataset, max_other_labels=1)
    forget(dataset=image.dataset)
    aggregate(dataset=image.dataset)
    assert live_labels(image) == [[0, 1]]
    change_settings(dataset=image.dataset, min_shown=2)
    forget(dataset=image.dataset)
    aggregate(dataset=image.dataset)
    assert (CandidateSet.objects.get().split, live_labels(image)) == ("too_few_votes", [])


def test_after_its_classify_batch_was_closed_an_image_without_an_answer_gets_a_form_again(db):
    image, grids = image_with_pairs(2, n_slots=1, min_shown=1)
    for grid in grids:
        tick(grid)
    aggregate()
    first = Form.objects.get()
    close_batch(batch=first.hit.batch)
    aggregate()
    new = Form.objects.exclude(pk=first.pk).get()
    assert (new.labels, new.hit.closed_at) == ([0, 1], None)
    aggregate()
    assert Form.objects.count() == 2


def test_closing_a_batch_prunes_the_images_that_were_answered_in_another(db):
    image, grids = image_with_pairs(2, n_slots=1, min_shown=1)
    tick(grids[0])
    aggregate()
    assert not CandidateSet.objects.exists()
    close_batch(batch=grids[1].hit.batch)
    aggregate()
    assert (image.candidate_set.split, image.candidate_set.labels) == ("settled", [0])


# Several datasets


def allow_a_ratio_of_0(dataset: Dataset) -> None:
    """A figure that the constraint keeps out, as an older database may hold it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE catalog_settingsversion DROP CONSTRAINT settings_ratio_is_above_0_and_at_most_1")
    SettingsVersion.objects.filter(dataset=dataset).update(ratio_numerator=0)


def test_a_dataset_that_cannot_be_aggregated_is_named_with_the_reason_and_stops_no_other(db, caplog):
    studies = [image_with_pairs(2, n_slots=1, min_shown=1) for _ in range(3)]
    for _, grids in studies:
        for grid in grids:
            tick(grid)
    broken = studies[1][0].dataset
    allow_a_ratio_of_0(broken)
    with caplog.at_level(logging.ERROR, "aggregation.actions"):
        assert aggregate() == 4
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert f"Dataset {broken} could not be aggregated" in caplog.text
    assert "ratio is 0/2; it must be above 0" in caplog.text
    assert set(CandidateSet.objects.values_list("image", flat=True)) == {studies[0][0].pk, studies[2][0].pk}
    # Nothing of it is half done, and nothing is lost: it comes with the first pass that can.
    assert not SelectionFrequency.objects.filter(image__dataset=broken).exists()
    assert not_aggregated(broken).count() == 2
    SettingsVersion.objects.filter(dataset=broken).update(ratio_numerator=1)
    assert aggregate() == 2
    assert split_counts(broken) == {"follow_up": 1}


def test_whoever_asks_for_one_dataset_hears_what_is_wrong_with_it(db):
    image, grids = image_with_pairs(1, n_slots=1)
    tick(grids[0])
    allow_a_ratio_of_0(image.dataset)
    with pytest.raises(ValueError, match="ratio is 0/2"):
        aggregate(dataset=image.dataset)


def test_a_pass_takes_in_one_dataset_and_leaves_the_others_alone(db):
    (first, first_grids), (_, other_grids) = [image_with_pairs(1, n_slots=1) for _ in range(2)]
    (mine,), (other,) = tick(first_grids[0]), tick(other_grids[0])
    assert aggregate_new_submissions(dataset=first.dataset) == 1
    assert list(not_aggregated()) == [other]
    assert mine.contains_votes.get().counted


def test_progress_is_told_pass_by_pass_over_all_datasets(db):
    for _ in range(2):
        tick(make_grid(n_slots=3), times=3)
    make_batch()
    steps: list[int] = []
    assert aggregate(progress=steps.append, per_pass=2) == 6
    assert steps == [2, 1, 2, 1]
