import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import combinations
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from aggregation.actions import aggregate
from aggregation.reads import annotation_row, annotations_of, frequencies_of
from annotation_site.management.commands.aggregate import main_object_line
from annotation_site.replay.actions import STEPS, replay
from annotation_site.replay.files import BadFile, read_classify, read_contains
from catalog.models import Dataset, Image, LabelSet
from classify_task.actions import cast_vote
from classify_task.models import ClassifyVote, Form
from contains_task.actions import cast_votes
from contains_task.models import ContainsVote, GridCell
from tests.factories import make_dataset, make_images
from workforce.models import HIT, Batch, Exclusion, Slot, Submission, Worker, WorkerIdentity

RELEASED = Path(__file__).resolve().parents[3] / "shared" / "released"
needs_released = pytest.mark.skipif(not RELEASED.is_dir(), reason=f"the released votes are not in {RELEASED}")

CLASSIFY = "image,dataset_label,annotator,main,selected\n"
CONTAINS = "image,label,rater,answer\n"
FURTHER = ",worker,role,state,submitted_at,settings_version\n"
THREE_ANSWERS = CLASSIFY + "a.jpg,1,0,1,1 2\na.jpg,1,1,2,2 1\nb.jpg,0,0,3,3\n"
LABELS = range(20)


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "votes.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def dataset(db):
    return make_dataset(n_labels=20)


def load(kind: str, path: Path, dataset: Dataset):
    return replay(kind=kind, path=path, dataset_name=dataset.name)


def stored() -> tuple:
    tables = (Image, HIT, Slot, Submission, Worker, WorkerIdentity, Batch, Form, GridCell, ClassifyVote, ContainsVote)
    return tuple(table.objects.count() for table in tables)


# Reading


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ("a,1,0,1,1\na,1,0,1,1\n", 3, "the same image and annotator as in line 2"),
        ("a,1,0,1,1\na,2,1,1,1\n", 3, "dataset_label is 2, but 1 in line 2"),
        ("a,1,0,2,1\n", 2, "main is 2, which is not among the selected 1"),
        ("a,1,0,1,1 3 1\n", 2, "selected has a label twice"),
        ("a,1,0,1,\n", 2, "selected is empty"),
        ("a,1,0,1,1 20\n", 2, "selected is '20', which is not a class index"),
        ("a,20,0,1,1\n", 2, "dataset_label is '20', which is not a class index"),
        ("a,1,0,-1,1\n", 2, "main is '-1'"),
        ("a,1,0,1.0,1\n", 2, "main is '1.0'"),
        ("a,1,x,1,1\n", 2, "annotator is 'x'; it must be a whole number"),
        ("a,1,²,1,1\n", 2, "annotator is '²'; it must be a whole number"),
        (",1,0,1,1\n", 2, "image: a name has 1 to 500 characters"),
        ("a\0,1,0,1,1\n", 2, "cannot be printed"),
        (f"{'a' * 501},1,0,1,1\n", 2, "image: a name has 1 to 500 characters"),
        ("a,1,0,1\n", 2, "4 cells, but the header names 5 columns"),
        ("a,1,0,1,1,9\n", 2, "6 cells, but the header names 5 columns"),
        ("a,1,0,1,1 2 3 4 5 6 7\na,1,1,8,8 9 10 11 12 13\n", 3, "more than 12 labels"),
        ("a,19,0,1,1 2 3 4 5 6 7 8 9 10 11 12\n", 2, "more than 12 labels"),
    ],
)
def test_a_bad_classify_row_is_named_with_line_and_reason(file, rows, line, reason):
    with pytest.raises(BadFile, match=f"line {line}: ") as caught:
        read_classify(file(CLASSIFY + rows), LABELS)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ("a,1,r,perhaps\n", 2, "answer is 'perhaps'; it must be one of yes, maybe, no"),
        ("a,1,r,yes\nb,1,r,yes\na,1,r,no\n", 4, "the same image, label and rater as in line 2"),
        ("a,99,r,yes\n", 2, "label is '99'"),
        ("a,1,,yes\n", 2, "rater is ''"),
    ],
)
def test_a_bad_contains_row_is_named_with_line_and_reason(file, rows, line, reason):
    with pytest.raises(BadFile, match=f"line {line}: ") as caught:
        read_contains(file(CONTAINS + rows), LABELS)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("w,padding,confirmed,,1", "role is 'padding'; it must be one of control, question, repeat"),
        ("w,question,lost,,1", "state is 'lost'"),
        ("w,question,confirmed,yesterday,1", "submitted_at is 'yesterday'"),
        ("w,question,confirmed,2020-01-01T10:00:00,1", "without its distance from UTC"),
        (",question,confirmed,,1", "worker is ''"),
    ],
)
def test_a_bad_further_cell_is_named(file, cells, reason):
    text = CLASSIFY.rstrip() + FURTHER + f"a,1,0,1,1,{cells}\n"
    with pytest.raises(BadFile) as caught:
        read_classify(file(text), LABELS)
    assert "line 2: " in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "votes.csv", "the file is empty"),
        (b"image,label,rater\n", "votes.csv", "the header lacks answer"),
        (b"image,label,rater,answer,wroker\n", "votes.csv", "unknown column 'wroker'"),
        (b"image,label,rater,answer,label\n", "votes.csv", "a column is named twice"),
        (CONTAINS.encode() + b"a\xff,1,r,yes\n", "votes.csv", "not UTF-8"),
        (CONTAINS.encode() + b'"a,1,r,yes\n', "votes.csv", "not CSV"),
        (b"not gzipped", "votes.csv.gz", "cannot be read"),
        (gzip.compress(CONTAINS.encode())[:-9], "votes.csv.gz", "cannot be read"),
        (gzip.compress(CONTAINS.encode())[:10] + b"\xff" * 20, "votes.csv.gz", "cannot be read"),
    ],
)
def test_a_file_that_is_not_one_is_refused_with_the_reason(file, content, name, reason):
    with pytest.raises(BadFile, match=reason):
        read_contains(file(content, name), LABELS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadFile, match="There is no file .*missing.csv"):
        read_contains(tmp_path / "missing.csv", LABELS)


def test_a_gzipped_file_with_other_line_ends_and_a_byte_order_mark_reads_the_same(file):
    plain = read_classify(file(THREE_ANSWERS), LABELS)
    odd = gzip.compress(b"\xef\xbb\xbf" + THREE_ANSWERS.replace("\n", "\r\n").encode())
    assert read_classify(file(odd, "votes.csv.gz"), LABELS) == plain


def test_maybe_is_not_selected_and_a_guarded_name_loses_its_apostrophe(file):
    answers = read_contains(file(CONTAINS + "'=a,1,r,yes\n'tis,1,r,no\n''-b,1,r,maybe\n"), LABELS)
    assert [(answer.origin.image, answer.selected) for answer in answers] == [
        ("=a", True),
        ("'tis", False),
        ("'-b", False),
    ]


# Loading


def test_classify_answers_become_votes_in_the_order_of_the_annotators(file, dataset):
    text = CLASSIFY + "a.jpg,1,10,2,2\na.jpg,1,9,1,3 1\nb.jpg,,0,0,0\n"
    done = load("classify", file(text), dataset)
    assert done[1:] == (2, 2, 3, 3)
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
    votes = ContainsVote.objects.order_by("id").values_list("label__index", "selected", "counted")
    assert list(votes) == [(1, True, True), (1, False, True), (2, False, True)]
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
    ],
)
def test_another_answer_than_the_stored_one_stops_it_with_its_line(file, dataset, kind, first, second):
    load(kind, file(first), dataset)
    before = stored()
    with pytest.raises(BadFile, match="line 3: this person's answer on a is stored already"):
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
    found = Image.objects.get()
    assert (found.pk, found.original.name, found.dataset_label.index) == (image.pk, image.original.name, 1)


def test_contains_votes_are_pruned_once_their_image_gets_a_dataset_label(file, dataset):
    votes = "".join(f"a,{label},r{rater},yes\n" for label in (1, 2) for rater in range(5))
    load("contains", file(CONTAINS + votes), dataset)
    aggregate(dataset=dataset)
    assert not hasattr(Image.objects.get(), "candidate_set")
    load("classify", file(CLASSIFY + "a,1,0,1,1\n"), dataset)
    aggregate(dataset=dataset)
    assert Image.objects.get().candidate_set.labels == [1, 2]


def test_a_bad_last_row_leaves_not_even_the_dataset(file, db):
    sets = LabelSet.objects.count()
    with pytest.raises(CommandError, match="line 5: .* Nothing was loaded"):
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
    steps = []
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


def test_the_same_person_twice_in_a_hit_of_the_file_needs_another_time(file):
    rows = "a,1,0,1,1,ann,question,confirmed,,1\na,1,1,1,1,ann,repeat,confirmed,,1\n"
    with pytest.raises(BadFile, match="line 3: the same image and worker as in line 2"):
        read_classify(file(CLASSIFY.rstrip() + FURTHER + rows), LABELS)


def test_a_dataset_must_have_a_name(file, db):
    with pytest.raises(CommandError, match="A dataset's name has 1 to 100 printable characters"):
        call_command("replay", "classify", str(file(THREE_ANSWERS)), dataset=" ")


@pytest.mark.django_db(transaction=True)
def test_two_replays_at_once_store_every_answer_once(file):
    dataset = make_dataset(n_labels=20)
    path = file(THREE_ANSWERS)
    together = Barrier(2)

    def one() -> int:
        try:
            together.wait(10)
            return load("classify", path, dataset).n_new_answers
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        added = [future.result(60) for future in [pool.submit(one) for _ in range(2)]]
    assert sorted(added) == [0, 3]
    assert (ClassifyVote.objects.count(), Batch.objects.count()) == (3, 1)


# The released votes


def rows_of(name: str) -> list[dict]:
    with gzip.open(RELEASED / name, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def annotated(django_db_setup, django_db_blocker):
    """Annotation rows by image and what `aggregate` says of the main objects, from the replayed CLASSIFY votes."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("replay", "classify", str(RELEASED / "classify_votes.csv.gz"), dataset="released")
        dataset = Dataset.objects.get(name="released")
        out = io.StringIO()
        call_command("aggregate", dataset="released", stdout=out)
        rows = {row["image"]: row for row in map(annotation_row, annotations_of(dataset))}
        assert main_object_line(dataset) in out.getvalue()
        transaction.set_rollback(True)
    return rows, out.getvalue()


def published() -> dict[str, dict]:
    found = rows_of("classify_expected.csv.gz")
    for row in found:
        row["objects"] = [{int(label): pair for label, pair in part.items()} for part in json.loads(row["objects"])]
    return {row["image"]: row for row in found}


def blocks(objects) -> list[frozenset]:
    return [frozenset(of["label"] for of in part["labels"]) for part in objects]


@needs_released
def test_main_labels_and_numbers_of_objects_are_the_published_ones(annotated):
    rows, _ = annotated
    theirs = {image: (int(row["main_label"]), int(row["n_objects"])) for image, row in published().items()}
    assert {image: (row["main_label"], row["n_objects"]) for image, row in rows.items()} == theirs
    assert len(rows) == 3313
    assert sum(row["n_objects"] > 1 for row in rows.values()) == 1032


@needs_released
def test_unique_partitions_are_the_published_ones_with_shares_and_frequencies(annotated):
    rows, _ = annotated
    unique = [(rows[image], row) for image, row in published().items() if rows[image]["n_optimal_partitions"] == 1]
    assert len(unique) == 3108
    for ours, theirs in unique:
        assert sorted(map(sorted, blocks(ours["objects"]))) == sorted(map(sorted, theirs["objects"]))
        pairs = {of["label"]: [of["share"], of["frequency"]] for part in ours["objects"] for of in part["labels"]}
        wanted = {label: pair for part in theirs["objects"] for label, pair in part.items()}
        assert pairs == {label: pytest.approx(pair, abs=1e-6) for label, pair in wanted.items()}
        at = ours["dataset_label_object"]
        own = None if at is None else blocks(ours["objects"])[at]
        theirs_own = theirs["dataset_label_object"]
        assert own == (frozenset(theirs["objects"][int(theirs_own)]) if theirs_own else None)


@needs_released
def test_main_objects_are_the_published_ones_where_partition_and_main_votes_leave_no_choice(annotated):
    rows, _ = annotated
    compared = 0
    for image, theirs in published().items():
        ours = rows[image]
        votes = [part["main_votes"] for part in ours["objects"]]
        if ours["n_optimal_partitions"] == 1 and votes.count(max(votes)) == 1:
            main = blocks(ours["objects"])[ours["main_object"]]
            assert main == frozenset(theirs["objects"][int(theirs["main_object"])])
            compared += 1
    assert compared > 3000


@needs_released
def test_partitions_are_as_good_as_the_published_ones_where_several_are(annotated):
    rows, _ = annotated
    weights = defaultdict(Counter)
    for vote in rows_of("classify_votes.csv.gz"):
        weights[vote["image"]].update(combinations(sorted(map(int, vote["selected"].split())), 2))

    def inside(image, parts):
        return sum(weights[image][pair] for part in parts for pair in combinations(sorted(part), 2))

    tied = {image: row for image, row in published().items() if rows[image]["n_optimal_partitions"] > 1}
    assert len(tied) == 205
    for image, theirs in tied.items():
        assert inside(image, blocks(rows[image]["objects"])) == inside(image, theirs["objects"])


@needs_released
def test_the_published_number_of_other_main_objects_lies_in_the_printed_range(annotated):
    line = annotated[1].splitlines()[-1]
    lowest, highest = (int(line.split(word)[1].split()[0]) for word in ("between", "and"))
    summary = json.loads((RELEASED / "classify_summary.json").read_text())
    assert lowest <= summary["main_is_not_dataset_object"] <= highest
    assert highest - lowest < 60


@needs_released
def test_the_frequencies_of_the_released_contains_votes_are_what_numpy_counts(db):
    call_command("replay", "contains", str(RELEASED / "real_votes.csv.gz"), dataset="real")
    dataset = Dataset.objects.get(name="real")
    assert ContainsVote.objects.filter(counted=True).count() == 226515
    aggregate(dataset=dataset)
    votes = rows_of("real_votes.csv.gz")
    pairs, at = np.unique([f"{vote['image']} {vote['label']}" for vote in votes], return_inverse=True)
    n_shown = np.bincount(at)
    n_selected = np.bincount(at, weights=[vote["answer"] == "yes" for vote in votes])
    found = frequencies_of(dataset).values_list("image__name", "label__index", "n_selected", "n_shown")
    ours = {f"{image} {label}": counts for image, label, *counts in found}
    assert ours == {pair: [s, n] for pair, s, n in zip(pairs, n_selected.tolist(), n_shown.tolist(), strict=True)}
    assert Image.objects.filter(dataset_label=None).count() == 6182
    assert not Form.objects.exists()
