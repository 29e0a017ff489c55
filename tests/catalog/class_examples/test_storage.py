"""Storage of example images: what a draw may be, what is stored once, and what becomes of the files."""

import random
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from catalog.class_examples.actions import NewExample, OtherDraw, add_examples, begin_draw, finish_draw
from catalog.class_examples.reads import class_examples, n_drawn
from catalog.errors import UserError
from catalog.models import LARGEST_SEED, ClassExample, Dataset, ExampleDraw, Label
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(tmp_path: Path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def dataset(media) -> Dataset:
    return make_dataset()


def label(dataset: Dataset, index: int = 0) -> Label:
    return dataset.label_set.labels.get(index=index)


def begun(dataset: Dataset, *, seed: int = 0, per_class: int = 10, replace: bool = False) -> ExampleDraw:
    return begin_draw(dataset=dataset, seed=seed, per_class=per_class, replace=replace)


def example(number: int, name: str = "") -> NewExample:
    return NewExample(name or f"train/{number}.jpg", f"{number:064}", b"large", b"small")


def files(media: Path) -> set[Path]:
    return {path for path in media.rglob("*") if path.is_file()}


# The draw


@pytest.mark.parametrize("per_class", [1, 100, 1000])
def test_a_draw_takes_one_to_a_thousand_of_a_class(dataset, per_class):
    draw = begun(dataset, per_class=per_class)
    assert (draw.per_class, draw.finished_at) == (per_class, None)
    assert str(draw) == f"examples of {dataset}"


@pytest.mark.parametrize("per_class", [-1, 0, 1001, 10**12])
def test_any_other_number_is_refused_and_stores_nothing(dataset, per_class):
    with pytest.raises(UserError, match=r"A class can have 1 to 1,000 examples\."):
        begun(dataset, per_class=per_class)
    assert not ExampleDraw.objects.exists()


@pytest.mark.parametrize("seed", [LARGEST_SEED, -LARGEST_SEED, 0])
def test_the_largest_seeds_are_stored_as_they_are(dataset, seed):
    assert ExampleDraw.objects.get(pk=begun(dataset, seed=seed).pk).seed == seed


@pytest.mark.parametrize("seed", [LARGEST_SEED + 1, -LARGEST_SEED - 1, 10**30])
def test_a_seed_beyond_the_column_is_refused_in_words(dataset, seed):
    with pytest.raises(UserError, match="A seed is a whole number from -9,223,372,036,854,775,807 to"):
        begun(dataset, seed=seed)


def test_the_same_draw_is_gone_on_with(dataset):
    first = begun(dataset, seed=4)
    assert begun(dataset, seed=4) == first == begun(dataset, seed=4, replace=True)
    assert begun(dataset, seed=4).started_at == first.started_at


@pytest.mark.parametrize(("seed", "per_class"), [(5, 10), (4, 9), (-4, 10)])
def test_another_draw_is_refused_with_what_there_is_and_the_way_out(dataset, seed, per_class):
    first = begun(dataset, seed=4)
    with pytest.raises(OtherDraw) as refused:
        begun(dataset, seed=seed, per_class=per_class)
    assert str(refused.value) == f"Examples of “{dataset}” were drawn before, 10 a class with seed 4."
    assert refused.value.for_shell.endswith("--replace draws others in their place.")
    assert ExampleDraw.objects.get() == first


def test_each_study_has_a_draw_of_its_own(dataset):
    other = make_dataset()
    draws = begun(dataset, seed=1), begun(other, seed=2)
    for draw in draws:
        add_examples(draw=draw, label=label(draw.dataset), examples=[example(1)])
    begun(other, seed=3, replace=True)
    assert len(class_examples(dataset, label(dataset))) == 1 and class_examples(other, label(other)) == []


def test_a_second_draw_of_a_study_breaks_a_constraint(dataset):
    draw = begun(dataset)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExampleDraw.objects.create(dataset=dataset, seed=1, per_class=1, started_at=draw.started_at)


def test_a_draw_ends_once(dataset):
    draw = begun(dataset)
    finish_draw(draw=draw)
    moment = ExampleDraw.objects.get().finished_at
    finish_draw(draw=draw)
    assert moment is not None and ExampleDraw.objects.get().finished_at == moment >= draw.started_at


# Examples


def test_random_sequences_of_additions_keep_each_digest_once_in_the_order_of_its_first(dataset):
    rng = random.Random(14)
    draw = begun(dataset, per_class=1000)
    plain: dict[int, list[int]] = {index: [] for index in range(4)}
    for _ in range(25):
        index = rng.randrange(4)
        numbers = rng.sample(range(20), rng.randrange(4))
        fresh = [number for number in numbers if number not in plain[index]]
        batch = [example(number) for number in numbers]
        assert add_examples(draw=draw, label=label(dataset, index), examples=batch) == len(fresh)
        plain[index] += fresh
        for each, expected in plain.items():
            rows = class_examples(dataset, label(dataset, each))
            assert [row.name for row in rows] == [f"train/{number}.jpg" for number in expected]
            assert [row.place for row in rows] == list(range(len(expected)))
    by_label = {label(dataset, index).pk: len(numbers) for index, numbers in plain.items() if numbers}
    assert n_drawn(draw) == by_label and n_drawn(draw)[0] == 0


def test_what_is_stored_again_leaves_no_file_more(dataset, media):
    draw = begun(dataset)
    assert add_examples(draw=draw, label=label(dataset), examples=[example(1), example(2)]) == 2
    before = files(media)
    assert add_examples(draw=draw, label=label(dataset), examples=[example(2, "other.jpg"), example(1)]) == 0
    assert files(media) == before and len(before) == 4
    assert [row.name for row in class_examples(dataset, label(dataset))] == ["train/1.jpg", "train/2.jpg"]


def test_one_image_may_show_two_classes(dataset):
    draw = begun(dataset)
    for index in (0, 1):
        assert add_examples(draw=draw, label=label(dataset, index), examples=[example(1)]) == 1


def test_no_examples_change_nothing(dataset, media):
    assert add_examples(draw=begun(dataset), label=label(dataset), examples=[]) == 0
    assert not ClassExample.objects.exists() and not files(media)


def test_files_hold_the_pictures_and_their_names_reveal_nothing(dataset, media):
    draw = begun(dataset)
    add_examples(draw=draw, label=label(dataset, 2), examples=[example(7, "train/golden retriever/secret.jpg")])
    row = ClassExample.objects.get()
    assert row.display.read() == b"large" and row.thumbnail.read() == b"small"
    assert {path.name for path in files(media)} == {f"{row.public_id}.jpg", f"{row.public_id}_small.jpg"}
    assert str(row) == "example 0 of 2: thing 2"
    row.display.close()
    row.thumbnail.close()


def test_of_examples_that_break_a_constraint_nothing_stays(dataset, media):
    draw = begun(dataset)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_examples(draw=draw, label=label(dataset), examples=[example(1), example(2)._replace(digest="")])
    assert not ClassExample.objects.exists() and not files(media)


def test_two_examples_of_one_digest_at_once_are_refused_whole(dataset, media):
    draw = begun(dataset)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_examples(draw=draw, label=label(dataset), examples=[example(1), example(1, "again.jpg")])
    assert not ClassExample.objects.exists() and not files(media)


def test_names_of_500_characters_of_any_script_are_kept(dataset):
    draw = begun(dataset)
    names = ["x" * 500, "猫" * 500, "a'b\"<c>&d.jpg", "חתול/قطة.jpg"]
    add_examples(draw=draw, label=label(dataset), examples=[example(n, name) for n, name in enumerate(names)])
    assert [row.name for row in class_examples(dataset, label(dataset))] == names


# Draws that replace others


def test_files_of_a_replaced_draw_go_when_the_new_one_is_sure(dataset, media, django_capture_on_commit_callbacks):
    draw = begun(dataset)
    add_examples(draw=draw, label=label(dataset), examples=[example(1), example(2)])
    before = files(media)
    with django_capture_on_commit_callbacks(execute=True):
        begun(dataset, seed=1, replace=True)
        assert files(media) == before and len(before) == 4
    assert not files(media) and not ClassExample.objects.exists()


def test_files_of_a_draw_that_was_to_be_replaced_stay_if_that_fails(dataset, media, django_capture_on_commit_callbacks):
    draw = begun(dataset)
    add_examples(draw=draw, label=label(dataset), examples=[example(1)])
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        begun(dataset, seed=1, replace=True)
        transaction.set_rollback(True)
    assert len(files(media)) == 2 and ExampleDraw.objects.get() == draw
    assert len(class_examples(dataset, label(dataset))) == 1


def test_files_that_are_gone_do_not_hinder_a_new_draw(dataset, media, django_capture_on_commit_callbacks):
    add_examples(draw=begun(dataset), label=label(dataset), examples=[example(1)])
    for path in files(media):
        path.unlink()
    with django_capture_on_commit_callbacks(execute=True):
        assert begun(dataset, seed=1, replace=True).seed == 1


def test_a_draw_that_was_replaced_meanwhile_stores_nothing_more(dataset, media):
    first = ExampleDraw.objects.get(pk=begun(dataset).pk)
    begun(dataset, seed=1, replace=True)
    with pytest.raises(OtherDraw, match="Another draw has replaced this one meanwhile"):
        add_examples(draw=first, label=label(dataset), examples=[example(1)])
    finish_draw(draw=first)
    assert not files(media) and ExampleDraw.objects.get().finished_at is None


def test_rows_that_examples_need_are_not_taken_away(dataset):
    draw = begun(dataset)
    add_examples(draw=draw, label=label(dataset), examples=[example(1)])
    for row in (draw, label(dataset)):
        with pytest.raises(ProtectedError), transaction.atomic():
            row.delete()


@pytest.mark.parametrize("n_examples", [1, 100])
def test_more_examples_take_no_more_queries(dataset, n_examples, django_assert_num_queries):
    draw, subject = begun(dataset, per_class=100), label(dataset)
    batch = [example(number) for number in range(n_examples)]
    with django_assert_num_queries(5):
        assert add_examples(draw=draw, label=subject, examples=batch) == n_examples
    with django_assert_num_queries(1):
        rows = class_examples(dataset, subject)
        assert len({row.display.name for row in rows} | {row.thumbnail.name for row in rows}) == 2 * n_examples
