"""A whole review goes out and in again, and nothing of it is lost; a file with a fault loads nothing."""

import gzip
import json
import pickle
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from catalog.actions import ensure_dataset
from catalog.models import Dataset, Image
from review_task.files.actions import load_review
from review_task.files.reads import label_set_document, log_of
from review_task.files.rows import line_of
from review_task.models import ConsensusVerdict, FurtherLabel, Item, ProblemMark, Review, Verdict
from tests.chance import seeds
from tests.factories import unique
from tests.required import require
from tests.review_task.files.generated_reviews import generated_log, renamed

pytestmark = pytest.mark.django_db
SEEDS = seeds(12)


@pytest.fixture
def dataset() -> Dataset:
    return ensure_dataset(name=unique("study"))


def export(dataset, path, title="") -> bytes:
    call_command("export_review", dataset=dataset.name, review=title, output=path, stdout=StringIO())
    return path.read_bytes()


def load(path, name, **options) -> Review:
    call_command("import_review", path, dataset=name, stdout=StringIO(), **options)
    return Review.objects.filter(batch__dataset__name=name).latest("pk")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_review_comes_out_as_it_went_in_and_the_last_word_of_each_reviewer_counts(dataset, seed):
    log = generated_log(seed)
    review = load_review(dataset=dataset, log=log)
    assert renamed(log_of(review)) == renamed(log)
    excluded = {(row.page, row.reviewer) for row in log.reviewers if row.state != "confirmed"}
    last = {(row.page, row.image, row.label, row.reviewer): row.verdict for row in log.verdicts}
    counted = [key for key in last if (key[0], key[-1]) not in excluded]
    assert Verdict.objects.filter(counted=True).count() == len(counted)
    assert sorted(Verdict.objects.filter(counted=True).values_list("verdict", flat=True)) == sorted(
        last[key] for key in counted
    )
    settled = {(row.page, row.image, row.label): row.verdict for row in log.consensus}
    assert sorted(ConsensusVerdict.objects.filter(is_last=True).values_list("verdict", flat=True)) == sorted(
        settled.values()
    )


@pytest.mark.django_db(transaction=True)
def test_files_carry_a_review_from_study_to_study(dataset, tmp_path):
    load_review(dataset=dataset, log=generated_log(3))
    first = export(dataset, tmp_path / "a.jsonl")
    copy = load(tmp_path / "a.jsonl", unique("copy")).batch.dataset
    second = export(copy, tmp_path / "b.jsonl")
    assert len(first.splitlines()) == len(second.splitlines()) > 40
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(second))
    third = load(packed, unique("third"))
    assert renamed(log_of(third)) == renamed(log_of(copy.batches.get().review))


@pytest.mark.django_db(transaction=True)
def test_a_studys_own_review_is_not_counted_twice(dataset, tmp_path):
    load_review(dataset=dataset, log=generated_log(4))
    export(dataset, tmp_path / "own.jsonl")
    with pytest.raises(CommandError, match="which has these verdicts already. Load it into another dataset. Nothing"):
        load(tmp_path / "own.jsonl", dataset.name)
    assert Review.objects.count() == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_label_sets_come_out_as_they_went_in(dataset, tmp_path, seed):
    document = json.loads(json.dumps(label_set_document(load_review(dataset=dataset, log=generated_log(seed)))))
    path = tmp_path / "sets.json"
    path.write_text(json.dumps(document))
    other = load(path, unique("other"), title="From elsewhere")
    assert other.title == "From elsewhere"
    assert json.loads(json.dumps(label_set_document(other))) == document


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_rows_of_label_sets_come_out_as_they_went_in(dataset, tmp_path, format):
    load_review(dataset=dataset, log=generated_log(5))
    rows = tmp_path / f"sets.{format}"
    call_command("export", "label_sets", dataset=dataset.name, format=format, output=rows, stdout=StringIO())
    other = load(rows, unique("other"))
    first, second = (label_set_document(study.batches.get().review) for study in (dataset, other.batch.dataset))
    assert second["image_labels"] == first["image_labels"]
    assert second["image_map"] == first["image_map"] and second["wnid_map"] == first["wnid_map"]


DOCUMENT = {
    "image_labels": {"a.jpg": {"correct": ["n01440764"], "wrong": ["n01443537"]}},
    "image_map": {"a.jpg": {"problematic": True}},
    "wnid_map": {"a.jpg": "n01440764"},
}
FAULTS = {
    "no object": ([], "has no object “image_labels”"),
    "an unknown key": (DOCUMENT | {"labels": {}}, "unknown key “labels”"),
    "an unknown class": ({"image_labels": {"a": {"correct": ["n99999999"]}}}, "image_labels, a: .*is no class of"),
    "an unknown state": ({"image_labels": {"a": {"right": []}}}, "image_labels, a: “right” must be one of correct"),
    "two states": ({"image_labels": {"a": {"correct": [0], "wrong": ["0"]}}}, "image_labels, a: 0 is in two states"),
    "no list": ({"image_labels": {"a": {"correct": "n01440764"}}}, "with a list of classes"),
    "an empty name": ({"image_labels": {"": {}}}, "an image’s name must have 1 to 500"),
    "an odd problem": (DOCUMENT | {"image_map": {"a.jpg": {"problematic": "maybe"}}}, "It must be true or false"),
}


@pytest.mark.parametrize(("document", "reason"), FAULTS.values(), ids=FAULTS)
def test_label_sets_with_a_fault_load_nothing(tmp_path, document, reason):
    path = tmp_path / "sets.json"
    path.write_text(json.dumps(document))
    with pytest.raises(CommandError, match=f"{reason}.*Nothing was loaded"):
        load(path, "new study")
    assert not Review.objects.exists() and not Dataset.objects.filter(name="new study").exists()


def test_the_releases_keys_are_read(tmp_path):
    path = tmp_path / "human_accuracy.json"
    path.write_text(json.dumps(DOCUMENT))
    review = load(path, "study")
    assert review.title == "human_accuracy.json"
    assert label_set_document(review) == {
        "image_labels": DOCUMENT["image_labels"],
        "initial_annots": DOCUMENT["image_labels"],
        "image_map": {"a.jpg": {"id": "a.jpg", "problematic": True, "reasons": ["not stated"]}},
        "wnid_map": DOCUMENT["wnid_map"],
    }
    assert require(Image.objects.get(name="a.jpg").dataset_label).wnid == "n01440764"


def test_a_pickle_is_refused_with_the_way_to_convert_it(tmp_path):
    path = tmp_path / "human_accuracy.pickle"
    path.write_bytes(pickle.dumps(DOCUMENT))
    with pytest.raises(CommandError, match="is a pickle, which this site never opens.*convert it: python -c"):
        load(path, "study")


def broken_lines() -> dict[str, tuple[list, str]]:
    lines = [line_of(row) for row in generated_log(1).rows()]
    n_pages = 3
    page, item = lines[1], lines[1 + n_pages]
    verdict = next(line for line in lines if line["row"] == "verdict")
    return {
        "no review first": (lines[1:], "line 1: the first line must be the row “review”"),
        "a second review": ([*lines, lines[0]], "a file holds one review"),
        "an unknown row": ([*lines, {"row": "vote"}], "whose “row” is one of: review, page, item"),
        "a missing cell": ([*lines, {"row": "page", "page": 9}], "the row “page” lacks page_label"),
        "a page twice": ([*lines, page], "Page 0 stands twice"),
        "an item twice": ([*lines, item], "Item .* stands twice"),
        "no such page": ([*lines, item | {"page": 99}], "There is no page 99"),
        "no such class": ([*lines, item | {"label": 1000}], "1000 is no class index"),
        "a truth as a number": ([*lines, item | {"label": True}], "label of a row “item” cannot be “True”"),
        "an unknown verdict": (
            [*lines, verdict | {"verdict": "right"}],
            "verdict of a row “verdict” cannot be “right”",
        ),
        "somebody who was not there": ([*lines, verdict | {"reviewer": "zoe"}], "Reviewer .*zoe took part in no"),
        "a time without a zone": ([*lines, verdict | {"created_at": "2026-01-01"}], "created_at of a row “verdict”"),
        "a category of what is right": (
            [*lines, verdict | {"verdict": "correct", "category": "Other", "severity": "Minor"}],
            "only a wrong label has a category",
        ),
        "two dataset labels": ([*lines, item | {"label": 999, "dataset_label": 5}], "has two dataset labels"),
        "a stage without its figures": ([lines[0] | {"stage": "blind"}, *lines[1:]], "a blind review the earlier one"),
        "a prediction of nobody": ([*lines, item | {"label": 998, "n_models": 0, "origin": "models"}], "n_models of 1"),
    }


@pytest.mark.parametrize("fault", broken_lines())
def test_a_review_with_a_fault_loads_nothing(tmp_path, fault):
    lines, reason = broken_lines()[fault]
    path = tmp_path / "review.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(CommandError, match=reason):
        load(path, "new study")
    assert not Item.objects.exists() and not Dataset.objects.filter(name="new study").exists()
    assert not (ProblemMark.objects.exists() or FurtherLabel.objects.exists())
