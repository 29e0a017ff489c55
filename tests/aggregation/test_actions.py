import logging
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import OperationalError, connection

from aggregation.actions import aggregate, aggregate_new_submissions, forget
from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from classify_task.actions import record_vote
from classify_task.models import Form
from contains_task.models import ContainsVote
from data_import.votes.actions import replay
from tests.factories import make_dataset, make_form, make_grid, make_images, make_worker, tick_images
from tests.required import require
from workforce.actions import exclude_submission, readmit_submission, take_lease
from workforce.models import Submission

# Tsipras et al. 2020, released CONTAINS counts: label to (selected, shown); the labels that went on to CLASSIFY.
BOTTLE = {325: (7, 8), 322: (4, 9), 321: (4, 5), 326: (6, 7), 324: (4, 9)}
INSECT = {47: (7, 8), 39: (8, 8), 40: (4, 8), 42: (2, 4), 46: (3, 8)}
CHURCH = {442: (8, 8), 497: (6, 6), 663: (4, 6), 494: (4, 9)}
MOSQUE = {668: (6, 7), 538: (8, 9), 497: (6, 8), 832: (6, 8), 663: (5, 8), 884: (4, 8), 698: (4, 9)}
METER = {704: (7, 9), 11: (2, 8)}


def votes_with(counts: dict[str, dict[int, tuple[int, int]]]) -> str:
    """A contains_votes file in which every pair has these counts."""
    rows = [
        f"{image},{label},{rater},{'yes' if rater < selected else 'no'}"
        for image, of_image in counts.items()
        for label, (selected, shown) in of_image.items()
        for rater in range(shown)
    ]
    return "\n".join(["image,label,rater,answer", *rows, ""])


def prune(tmp_path, dataset: Dataset, index: int | None, counts: dict[int, tuple[int, int]]) -> Image:
    label = None if index is None else dataset.label_set.labels.get(index=index)
    image = Image.objects.create(dataset=dataset, name="a.jpg", dataset_label=label)
    path = tmp_path / "votes.csv"
    path.write_text(votes_with({"a.jpg": counts}))
    replay(kind="contains", path=path, dataset_name=dataset.name)
    aggregate(dataset=dataset)
    return image


@pytest.mark.parametrize(
    ("index", "counts", "labels"),
    [
        (325, BOTTLE, [321, 322, 324, 325, 326]),
        (47, INSECT, [39, 40, 47]),
        (442, CHURCH, [442, 497, 663]),
        (668, MOSQUE, [497, 538, 663, 668, 832, 884]),
    ],
)
def test_votes_lead_to_the_released_candidate_labels_and_a_form_that_offers_them(db, tmp_path, index, counts, labels):
    image = prune(tmp_path, make_dataset(n_labels=1000), index, counts)
    frequencies = image.selection_frequencies.values_list("label__index", "n_selected", "n_shown")
    assert {label: (selected, shown) for label, selected, shown in frequencies} == counts
    assert (image.candidate_set.split, image.candidate_set.labels) == ("follow_up", labels)
    form = Form.objects.get()
    assert (form.image, form.labels) == (image, labels)
    assert form.hit.slots.filter(state="free").count() == current_settings(image.dataset).classify_answers


@pytest.mark.parametrize(
    ("index", "counts", "split", "labels"),
    [
        (704, METER, "settled", [704]),
        (1, {1: (0, 9), 2: (9, 9)}, "rejected", []),
        (1, {1: (4, 4), 2: (9, 9)}, "too_few_votes", []),
        (1, {2: (9, 9)}, "too_few_votes", []),
    ],
)
def test_the_other_parts_of_the_split_open_no_form(db, tmp_path, index, counts, split, labels):
    image = prune(tmp_path, make_dataset(n_labels=1000), index, counts)
    assert (image.candidate_set.split, image.candidate_set.labels) == (split, labels)
    assert not Form.objects.exists()


def test_an_image_without_dataset_label_is_counted_but_not_pruned(db, tmp_path):
    image = prune(tmp_path, make_dataset(n_labels=1000), None, METER)
    assert image.selection_frequencies.count() == 2
    assert not CandidateSet.objects.exists()


def test_the_figures_of_the_settings_decide(db, tmp_path):
    figures: dict[str, Any] = {"min_shown": 9, "ratio_numerator": 1, "ratio_denominator": 1, "max_other_labels": 1}
    image = prune(tmp_path, make_dataset(n_labels=1000, **figures), 1, {1: (6, 9), 2: (8, 9), 3: (9, 9), 4: (8, 8)})
    assert image.candidate_set.labels == [1, 3]


# Live answers


def answer_grid(grid, keys: Iterable[str], selected: Iterable[Image] = ()) -> list[Submission]:
    return [
        tick_images(
            lease=require(take_lease(batch=grid.hit.batch, worker=make_worker())),
            selected=[image.public_id for image in selected],
            idempotency_key=key,
        )
        for key in keys
    ]


def answer_form(form, *answers: tuple[list[int], int]) -> list[Submission]:
    return [
        record_vote(
            lease=require(take_lease(batch=form.hit.batch, worker=make_worker())),
            selected=selected,
            main=main,
            idempotency_key=f"{form.pk}-{number}-{selected}",
        )
        for number, (selected, main) in enumerate(answers)
    ]


def published() -> list[list]:
    annotation = ("image_id", "main_label", "n_objects", "n_annotators", "objects_found", "unplaced", "main_object")
    frequency = ("image_id", "label_id", "n_selected", "n_shown")
    return [
        list(Annotation.objects.order_by("image").values_list(*annotation)),
        list(CandidateSet.objects.order_by("image").values_list("image_id", "split", "labels")),
        list(SelectionFrequency.objects.order_by("image", "label").values_list(*frequency)),
        list(ContainsVote.objects.order_by("id").values_list("id", "counted")),
    ]


@pytest.fixture
def answered(db) -> Form:
    """A form with three answers that wants no more, aggregated."""
    form = make_form(n_slots=3)
    answer_form(form, ([0, 1], 0), ([1, 0], 1), ([2], 2))
    aggregate()
    return form


def test_aggregating_again_changes_nothing(answered):
    before = published()
    rows = list(Annotation.objects.values_list("id", "computed_at"))
    assert aggregate() == 0
    assert list(Annotation.objects.values_list("id", "computed_at")) == rows
    Submission.objects.update(aggregated_at=None)
    assert aggregate() == 3
    assert published() == before


@pytest.mark.parametrize("per_pass", [1, 2, 100])
def test_the_size_of_a_pass_changes_nothing(answered, per_pass):
    before = published()
    forget(dataset=answered.image.dataset)
    assert not Annotation.objects.exists()
    taken: list[Any] = []
    aggregate(dataset=answered.image.dataset, progress=taken.append, per_pass=per_pass)
    assert published() == before
    assert (sum(taken), max(taken)) == (3, min(3, per_pass))


def test_an_excluded_answer_leaves_the_annotation_and_comes_back_when_readmitted(answered):
    before = published()
    first = Submission.objects.order_by("id").first()
    exclude_submission(submission=require(first), reason="too fast")
    aggregate()
    annotation = Annotation.objects.get()
    assert (annotation.n_annotators, annotation.main_label, annotation.n_objects) == (2, 1, 2)
    readmit_submission(submission=require(first))
    aggregate()
    assert published() == before


def test_an_image_whose_answers_are_all_excluded_loses_its_annotation(answered):
    for submission in Submission.objects.all():
        exclude_submission(submission=submission, reason="too fast")
    aggregate()
    assert not Annotation.objects.exists()


def test_an_excluded_grid_leaves_the_frequencies_and_comes_back_when_readmitted(db):
    images = make_images(make_dataset(contains_answers=2), 2, label=1)
    grid = make_grid(images=images, label=1)
    first, second = answer_grid(grid, ("a", "b"), selected=images[:1])
    aggregate()
    before = published()
    exclude_submission(submission=first, reason="all the same")
    aggregate()
    counts = SelectionFrequency.objects.order_by("image").values_list("n_selected", "n_shown")
    assert list(counts) == [(1, 1), (0, 1)]
    exclude_submission(submission=second, reason="all the same")
    aggregate()
    assert not SelectionFrequency.objects.exists()
    for submission in (first, second):
        readmit_submission(submission=submission)
    aggregate()
    assert published() == before


def test_neither_pruning_nor_annotation_comes_before_the_last_answer(db):
    images = make_images(make_dataset(contains_answers=2, min_shown=2), 1, label=1)
    grid = make_grid(images=images, label=1)
    other = make_grid(images=images, label=2, batch=grid.hit.batch)
    answer_grid(grid, ("a", "b", "c"), selected=images)
    aggregate()
    assert SelectionFrequency.objects.count() == 2
    assert not CandidateSet.objects.exists()
    answer_grid(other, ("d",), selected=images)
    aggregate()
    assert images[0].candidate_set.labels == [1, 2]
    form = Form.objects.get()
    answer_form(form, *[([1, 2], 1)] * 8)
    aggregate()
    assert not Annotation.objects.exists()
    answer_form(form, ([2], 2))
    aggregate()
    assert Annotation.objects.get().n_annotators == 9


def test_labels_beyond_the_exact_search_leave_an_image_without_annotation_but_not_the_others(db, tmp_path, caplog):
    dataset = make_dataset(n_labels=40)
    path = tmp_path / "votes.csv"
    for run in range(3):
        labels = " ".join(str(12 * run + n) for n in range(12))
        text = f"image,dataset_label,annotator,main,selected\nlarge,0,{run},{12 * run},{labels}\n"
        # Every file opens a form of its own, so that together they offer more labels than one may.
        path.write_text(text.replace("large,0", "large,") + (f"small,0,{run},0,0\n"))
        replay(kind="classify", path=path, dataset_name=dataset.name)
    with caplog.at_level(logging.ERROR, "aggregation.actions"):
        aggregate(dataset=dataset)
    assert [annotation.image.name for annotation in Annotation.objects.all()] == ["small"]
    assert "Image large of" in caplog.text
    assert "exclude the submissions" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_pass_that_dies_at_its_end_leaves_the_last_published_result():
    dataset = make_dataset(contains_answers=1, classify_answers=2)
    images = make_images(dataset, 2, label=1)
    answer_grid(make_grid(images=images, label=1), ("a",), selected=images)
    form = make_form(labels=(1, 2), image=images[0])
    first, _ = answer_form(form, ([1, 2], 1), ([2], 2))
    aggregate()
    before = published()
    exclude_submission(submission=Submission.objects.get(idempotency_key="a"), reason="all the same")
    exclude_submission(submission=first, reason="too fast")
    # Somebody holds the annotation, which is written after votes and frequencies: the pass waits there and is cut off.
    elsewhere = connection.copy()
    try:
        elsewhere.set_autocommit(False)
        with elsewhere.cursor() as holder, connection.cursor() as cursor:
            holder.execute("SELECT id FROM aggregation_annotation FOR UPDATE")
            cursor.execute("SET lock_timeout = '300ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                aggregate_new_submissions(dataset=dataset)
            cursor.execute("RESET lock_timeout")
    finally:
        elsewhere.close()
    assert published() == before
    assert Submission.objects.filter(aggregated_at=None).count() == 2
    aggregate()
    assert not SelectionFrequency.objects.exists()
    assert Annotation.objects.get().n_annotators == 1


@pytest.mark.django_db(transaction=True)
def test_a_pass_whose_connection_is_killed_leaves_the_last_published_result():
    dataset = make_dataset(classify_answers=1)
    answer_form(make_form(labels=(1, 2), image=make_images(dataset, 1)[0]), ([1, 2], 1))
    aggregate()
    before = published()
    exclude_submission(submission=Submission.objects.get(), reason="too fast")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]

    def kill(*args: object) -> None:
        elsewhere = connection.copy()
        with elsewhere.cursor() as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [pid])
        elsewhere.close()

    def killing(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "aggregation_annotation"'):
            kill()
        return execute(sql, params, many, context)

    with pytest.raises(OperationalError), connection.execute_wrapper(killing):
        aggregate_new_submissions(dataset=dataset)
    connection.close()
    assert published() == before
    aggregate()
    assert not Annotation.objects.exists()
