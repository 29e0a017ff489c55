"""Loading files of votes into a dataset."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from aggregation.actions import aggregate
from aggregation.reads import annotations_of
from catalog.models import Dataset, Image, LabelSet
from classify_task.actions import cast_vote
from classify_task.models import ClassifyVote, Form
from contains_task.actions import cast_votes
from contains_task.models import ContainsVote, GridCell
from data_import.votes.actions import STEPS, replay
from data_import.votes.files import BadFile
from tests.factories import make_dataset, make_form, make_images
from tests.required import require
from tests.votes_files import CLASSIFY, CONTAINS, FURTHER, THREE_ANSWERS, with_label
from workforce.models import HIT, Batch, Exclusion, Slot, Submission, Worker, WorkerIdentity


@pytest.fixture
def dataset(db):
    return make_dataset(n_labels=20)


def load(kind: str, path: Path, dataset: Dataset):
    return replay(kind=kind, path=path, dataset_name=dataset.name)


def stored() -> tuple:
    tables = (Image, HIT, Slot, Submission, Worker, WorkerIdentity, Batch, Form, GridCell, ClassifyVote, ContainsVote)
    return tuple(table.objects.count() for table in tables)


def test_classify_answers_become_votes_in_the_order_of_the_annotators(file, dataset):
    text = CLASSIFY + "a.jpg,1,10,2,2\na.jpg,1,9,1,3 1\nb.jpg,,0,0,0\n"
    done = load("classify", file(text), dataset)
    assert done[1:5] == (2, 2, 3, 3)
    votes = ClassifyVote.objects.order_by("submission_id")
    assert [(v.image.name, v.selected, v.main, v.role, v.counted) for v in votes] == [
        ("a.jpg", [3, 1], 1, "question", True),
        ("a.jpg", [2], 2, "question", True),
        ("b.jpg", [0], 0, "question", True),
    ]
    assert [form.labels for form in Form.objects.order_by("id")] == [[1, 2, 3], [0]]
    images = {image.name: image.dataset_label and image.dataset_label.index for image in Image.objects.all()}
    assert images == {"a.jpg": 1, "b.jpg": None}


def test_replayed_work_is_closed_filled_and_confirmed(file, dataset):
    load("classify", file(THREE_ANSWERS), dataset)
    batch = Batch.objects.get()
    assert (batch.kind, batch.marketplace) == ("classify", "replay")
    assert batch.closed_at is not None
    assert not HIT.objects.filter(closed_at=None).exists()
    slots = Slot.objects.order_by("hit_id", "number").values_list("hit__form__image__name", "number", "state")
    assert list(slots) == [("a.jpg", 0, "filled"), ("a.jpg", 1, "filled"), ("b.jpg", 0, "filled")]
    assert set(Submission.objects.values_list("state", "lease", "settings")) == {("confirmed", None, batch.settings_id)}
    assert Worker.objects.count() == 2


def test_a_contains_pair_is_a_grid_of_one_cell_with_a_slot_for_each_answer(file, dataset):
    load("contains", file(CONTAINS + "a,1,r,yes\na,1,s,no\na,2,r,maybe\n"), dataset)
    cells = GridCell.objects.order_by("id").values_list("grid__label__index", "image__name", "position", "role")
    assert list(cells) == [(1, "a", 0, "question"), (2, "a", 0, "question")]
    assert [hit.slots.count() for hit in HIT.objects.order_by("id")] == [2, 1]
    votes = ContainsVote.objects.order_by("id").values_list("label__index", "selected", "maybe", "counted")
    assert list(votes) == [(1, True, False, True), (1, False, False, True), (2, False, True, True)]
    assert Image.objects.get().dataset_label is None


@pytest.mark.parametrize(
    ("kind", "text", "model", "cast"),
    [
        ("classify", THREE_ANSWERS, ClassifyVote, cast_vote),
        ("contains", CONTAINS + "a,1,r,yes\na,1,s,no\na,2,r,maybe\n", ContainsVote, cast_votes),
    ],
)
def test_votes_can_be_cast_again_from_the_raw_answers(file, dataset, kind, text, model, cast):
    load(kind, file(text), dataset)
    fields = [f.attname for f in model._meta.concrete_fields if f.name != "id"]
    before = list(model.objects.order_by("submission_id").values_list(*fields))
    model.objects.all().delete()
    for submission in Submission.objects.order_by("id"):
        cast(submission=submission)
    assert list(model.objects.order_by("submission_id").values_list(*fields)) == before


@pytest.mark.parametrize(("kind", "text"), [("classify", THREE_ANSWERS), ("contains", CONTAINS + "a,1,r,yes\n")])
def test_replaying_twice_adds_nothing(file, dataset, kind, text):
    path = file(text)
    load(kind, path, dataset)
    before = stored()
    done = load(kind, path, dataset)
    assert (done.n_new_images, done.n_new_answers) == (0, 0)
    assert stored() == before


def test_a_longer_file_adds_only_what_is_new(file, dataset):
    load("classify", file(THREE_ANSWERS), dataset)
    done = load("classify", file(THREE_ANSWERS + "b.jpg,0,1,4,4 3\n"), dataset)
    assert (done.n_answers, done.n_new_answers) == (4, 1)
    aggregate(dataset=dataset)
    annotation = annotations_of(dataset).get(image__name="b.jpg")
    assert (annotation.n_annotators, annotation.n_objects) == (2, 1)
    assert Form.objects.filter(image__name="b.jpg").count() == 2


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("classify", CLASSIFY + "a,1,0,1,1 2\n", CLASSIFY + "b,1,0,1,1\na,1,0,2,1 2\n"),
        ("classify", CLASSIFY + "a,1,0,1,1 2\n", CLASSIFY + "b,1,0,1,1\na,1,0,1,1\n"),
        ("contains", CONTAINS + "a,1,r,yes\n", CONTAINS + "b,1,r,yes\na,1,r,maybe\n"),
        ("contains", CONTAINS + "a,1,r,no\n", CONTAINS + "b,1,r,yes\na,1,r,maybe\n"),
    ],
)
def test_another_answer_than_the_stored_one_stops_it_with_its_line(file, dataset, kind, first, second):
    load(kind, file(first), dataset)
    before = stored()
    with pytest.raises(BadFile, match="line 3: this worker's stored answer on a is different"):
        load(kind, file(second), dataset)
    assert stored() == before


def test_another_dataset_label_than_the_stored_one_stops_it_with_its_line(file, dataset):
    image = make_images(dataset, 1, label=3)[0]
    with pytest.raises(BadFile, match=f"line 3: dataset_label is 4, but {image.name} has label 3"):
        load("classify", file(CLASSIFY + f"b,1,0,1,1\n{image.name},4,0,4,4\n"), dataset)
    assert not Submission.objects.exists()


def test_an_image_that_is_there_is_used_and_keeps_its_file(file, dataset):
    image = make_images(dataset, 1, label=None)[0]
    load("contains", file(CONTAINS + f"{image.name},1,r,yes\n"), dataset)
    load("classify", file(CLASSIFY + f"{image.name},1,0,1,1\n"), dataset)
    stored_image = Image.objects.get()
    assert (stored_image.pk, stored_image.original.name, require(stored_image.dataset_label).index) == (
        image.pk,
        image.original.name,
        1,
    )


def test_contains_votes_are_pruned_once_their_image_gets_a_dataset_label(file, dataset):
    votes = "".join(f"a,{label},r{rater},yes\n" for label in (1, 2) for rater in range(5))
    load("contains", file(CONTAINS + votes), dataset)
    aggregate(dataset=dataset)
    assert not hasattr(Image.objects.get(), "candidate_set")
    load("classify", file(CLASSIFY + "a,1,0,1,1\n"), dataset)
    aggregate(dataset=dataset)
    assert Image.objects.get().candidate_set.labels == [1, 2]


def test_contains_votes_that_name_the_dataset_label_are_pruned(file, dataset):
    stored = make_images(dataset, 1, label=None)[0].name
    rows = "".join(
        f"{image},{label},r{rater},yes,1,{rater}\n"
        for image in ("new.jpg", stored)
        for label in (1, 2)
        for rater in range(5)
    )
    done = load("contains", file(with_label(rows)), dataset)
    assert done.n_unlabelled == 0
    assert set(dataset.images.values_list("dataset_label__index", flat=True)) == {1}
    aggregate(dataset=dataset)
    assert [image.candidate_set.labels for image in dataset.images.all()] == [[1, 2], [1, 2]]


def test_images_without_a_dataset_label_are_told_after_replaying_contains_votes(file, dataset):
    path = file(with_label("a,1,r,yes,,1\nb,1,r,yes,1,2\na,2,r,no,,3\n"))
    for _ in range(2):
        out, err = io.StringIO(), io.StringIO()
        call_command("replay", "contains", str(path), dataset=dataset.name, stdout=out, stderr=err)
        assert err.getvalue() == (
            "1 image has no dataset label: it gets selection frequencies but no candidate labels.\n"
        )


def test_another_dataset_label_than_the_stored_one_stops_contains_votes_with_their_line(file, dataset):
    image = make_images(dataset, 1, label=3)[0]
    with pytest.raises(BadFile, match=f"line 3: dataset_label is 4, but {image.name} has label 3"):
        load("contains", file(with_label(f"b,1,r,yes,1,1\n{image.name},4,r,no,4,1\n")), dataset)
    assert not Submission.objects.exists()


def test_forms_that_still_wait_for_people_are_told_after_replaying_classify_votes(file, dataset):
    image = make_images(dataset, 1, label=1)[0]
    make_form(image=image, labels=(1, 2))
    err = io.StringIO()
    path = file(CLASSIFY + f"{image.name},1,0,1,1\nb,1,0,1,1\n")
    call_command("replay", "classify", str(path), dataset=dataset.name, stdout=io.StringIO(), stderr=err)
    assert err.getvalue().startswith("1 image still has unanswered forms")


def test_a_dataset_is_logged_as_made_once_it_is_there(file, db, caplog, django_capture_on_commit_callbacks):
    caplog.set_level("INFO")
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(BadFile):
        replay(kind="classify", path=file(THREE_ANSWERS + "bad\n"), dataset_name="new")
    assert "Created dataset" not in caplog.text
    with django_capture_on_commit_callbacks(execute=True):
        replay(kind="classify", path=file(THREE_ANSWERS), dataset_name="new")
        assert "Created dataset" not in caplog.text
    assert "Created dataset new." in caplog.text


def test_a_bad_last_row_leaves_not_even_the_dataset(file, db):
    sets = LabelSet.objects.count()
    with pytest.raises(CommandError, match="line 5: .* No answers were loaded"):
        call_command("replay", "classify", str(file(THREE_ANSWERS + "c.jpg,0,0,1,2\n")), dataset="new")
    assert not Dataset.objects.exists()
    assert LabelSet.objects.count() == sets
    assert sum(stored()) == 0


def test_a_new_name_makes_a_dataset_on_the_imagenet_classes(file, db):
    out = io.StringIO()
    call_command("replay", "classify", str(file(THREE_ANSWERS)), dataset="new", stdout=out)
    assert out.getvalue().startswith("new: 2 images (2 new), 3 answers (3 new), ")
    assert Dataset.objects.get().label_set.labels.count() == 1000


def test_progress_names_every_step(file, dataset):
    steps: list[Any] = []
    replay(kind="classify", path=file(THREE_ANSWERS), dataset_name=dataset.name, progress=steps.append)
    assert tuple(steps) == STEPS


def test_state_role_worker_and_time_are_kept(file, dataset):
    header = CLASSIFY.rstrip() + FURTHER
    rows = [
        "a,1,0,1,1,ann,question,confirmed,2020-05-17T10:30:00+02:00,3",
        "a,1,1,2,2,bob,question,excluded,2020-05-17T10:31:00+00:00,3",
        "a,1,2,2,2,cyd,question,surplus,2020-05-17T10:32:00+00:00,3",
        "a,1,3,2,2,ann,repeat,confirmed,2020-05-17T10:33:00+00:00,3",
        "b,1,0,2,2,bob,control,confirmed,,3",
    ]
    load("classify", file(header + "\n".join(rows) + "\n"), dataset)
    votes = ClassifyVote.objects.select_related("submission", "worker__identity").order_by("id")
    assert [(v.worker.identity.external_id, v.role, v.submission.state, v.counted) for v in votes] == [
        ("worker:ann", "question", "confirmed", True),
        ("worker:bob", "question", "confirmed", False),
        ("worker:cyd", "question", "surplus", False),
        ("worker:ann", "repeat", "confirmed", False),
        ("worker:bob", "control", "confirmed", False),
    ]
    assert votes[0].submission.submitted_at == datetime.fromisoformat("2020-05-17T08:30:00+00:00")
    assert Exclusion.objects.get().submission == votes[1].submission
    assert Slot.objects.count() == 4
    before = list(votes.values_list("id", "counted"))
    aggregate(dataset=dataset)
    assert list(votes.values_list("id", "counted")) == before
    assert annotations_of(dataset).get().n_annotators == 1


def test_a_dataset_must_have_a_name(file, db):
    with pytest.raises(CommandError, match="Enter a name of 1 to 100 printable characters"):
        call_command("replay", "classify", str(file(THREE_ANSWERS)), dataset=" ")


@pytest.mark.django_db(transaction=True)
def test_two_replays_at_once_store_every_answer_once(file):
    dataset = make_dataset(n_labels=20)
    path = file(THREE_ANSWERS)
    together = Barrier(2)

    def one() -> int:
        try:
            together.wait(120)
            return load("classify", path, dataset).n_new_answers
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        added = [future.result(120) for future in [pool.submit(one) for _ in range(2)]]
    assert sorted(added) == [0, 3]
    assert (ClassifyVote.objects.count(), Batch.objects.count()) == (3, 1)
