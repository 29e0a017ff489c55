"""Label sets from files, in every form and with every fault: what comes in, and why not."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditEntry
from catalog.models import Dataset
from review_task.files.reads import label_set_document
from review_task.models import Item, ProblemMark, Review
from tests.commands import refusal, said
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db
SETS = {"a.jpg": {"correct": ["n00000000"], "wrong": ["n00000001"]}}
ROWS = "image,label,state\n"


@pytest.fixture
def dataset() -> Dataset:
    """A study of the classes 0 to 3, named n00000000 to n00000003."""
    return make_dataset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sets.json"


def load(path: Path, dataset: Dataset, *words: str) -> Review:
    said("import_review", path, "--dataset", dataset.name, *words)
    return Review.objects.latest("pk")


def refused(path: Path, dataset: Dataset, *words: str) -> str:
    reason = refusal("import_review", path, "--dataset", dataset.name, *words)
    assert "Nothing was loaded." in reason and str(path) in reason
    assert not Review.objects.exists() and not dataset.images.exists() and not dataset.batches.exists()
    return reason


def sets_of(review: Review) -> dict[str, Any]:
    return json.loads(json.dumps(label_set_document(review)))


DOCUMENTS: dict[str, tuple[Any, str]] = {
    "a list": ([SETS], "has no object “image_labels”"),
    "a number": (7, "has no object “image_labels”"),
    "nothing": (None, "has no object “image_labels”"),
    "other keys alone": ({"initial_annots": SETS}, "has no object “image_labels”"),
    "a list of labels": ({"image_labels": [SETS]}, "has no object “image_labels”"),
    "no image": ({"image_labels": {}}, "The review has no label of any image."),
    "no label": ({"image_labels": {"a.jpg": {}}}, "The review has no label of any image."),
    "no class": ({"image_labels": {"a.jpg": {"correct": []}}}, "The review has no label of any image."),
    "a long unknown key": ({"image_labels": SETS, "k" * 99: 1}, "unknown key “" + "k" * 50 + "”. The keys are: image"),
    "an image of a list": ({"image_labels": {"a.jpg": ["n00000000"]}}, "image_labels, a.jpg: this must be an object."),
    "first labels of a list": ({"image_labels": SETS, "initial_annots": []}, "initial_annots: this must be an object."),
    "a first label in two states": (
        {"image_labels": SETS, "initial_annots": {"a.jpg": {"wrong": [0], "unclear": ["n00000000"]}}},
        "initial_annots, a.jpg: n00000000 is in two states.",
    ),
    "an unknown first state": (
        {"image_labels": SETS, "initial_annots": {"a.jpg": {"dontknow": [0]}}},
        "initial_annots, a.jpg: “dontknow” must be one of correct, wrong, unclear, with a list of classes.",
    ),
    "a class of nobody": ({"image_labels": {"a.jpg": {"correct": ["n77777777"]}}}, "image_labels, a.jpg: "),
    "an index beyond the set": ({"image_labels": {"a.jpg": {"correct": [4]}}}, "image_labels, a.jpg: "),
    "a truth as a class": ({"image_labels": {"a.jpg": {"correct": [True]}}}, "image_labels, a.jpg: "),
    "a class of null": ({"image_labels": {"a.jpg": {"correct": [None]}}}, "image_labels, a.jpg: "),
    "a class of a list": ({"image_labels": {"a.jpg": {"correct": [["n00000000"]]}}}, "image_labels, a.jpg: "),
    "an image without a name": ({"image_labels": {"": {"correct": [0]}}}, "1 to 500 printable characters"),
    "a name that is too long": ({"image_labels": {"i" * 501: {"correct": [0]}}}, "1 to 500 printable characters"),
    "a name in two lines": ({"image_labels": {"a\nb": {"correct": [0]}}}, "1 to 500 printable characters"),
    "half a character": ({"image_labels": {"\ud83d": {"correct": [0]}}}, "1 to 500 printable characters"),
    "facts of a list": ({"image_labels": SETS, "image_map": []}, "image_map: this must be an object."),
    "facts of an image in a list": ({"image_labels": SETS, "image_map": {"a.jpg": []}}, "image_map, a.jpg: this must"),
    "an odd problem": (
        {"image_labels": SETS, "image_map": {"a.jpg": {"problematic": [1]}}},
        "image_map, a.jpg: problematic is “[1]”. It must be true or false.",
    ),
    "a problem without a label": (
        {"image_labels": SETS, "image_map": {"b.jpg": {"problematic": True}}},
        "image_map, b.jpg: a problematic image needs a label, or its class in “wnid_map”.",
    ),
    "a problem of no name": (
        {"image_labels": SETS, "image_map": {"": {"problematic": True, "unreviewed": 0}}},
        "1 to 500 printable characters",
    ),
    "a problem of a name with a zero": (
        {"image_labels": SETS, "image_map": {"a\0b": {"problematic": True, "unreviewed": 0}}},
        "1 to 500 printable characters",
    ),
    "a problem of a name too long": (
        {"image_labels": SETS, "image_map": {"i" * 501: {"problematic": True, "unreviewed": 0}}},
        "1 to 500 printable characters",
    ),
    "a reason that no table holds": (
        {"image_labels": SETS, "image_map": {"a.jpg": {"problematic": True, "reasons": ["a\0b"]}}},
        "a.jpg: a reason has a character that cannot be stored.",
    ),
    "half a character as a reason": (
        {"image_labels": SETS, "image_map": {"a.jpg": {"problematic": True, "reasons": ["\ud83d"]}}},
        "a.jpg: a reason has a character that cannot be stored.",
    ),
    "a label of nobody, not reviewed": (
        {"image_labels": SETS, "image_map": {"b.jpg": {"problematic": True, "unreviewed": "n9"}}},
        "image_map, b.jpg: ",
    ),
    "dataset labels of a list": ({"image_labels": SETS, "wnid_map": ["n00000000"]}, "wnid_map: this must be an object"),
    "a dataset label of nobody": ({"image_labels": SETS, "wnid_map": {"a.jpg": "n9"}}, "wnid_map, a.jpg: "),
}


@pytest.mark.parametrize("fault", DOCUMENTS)
def test_a_fault_of_a_document_is_named_by_its_place(dataset, path, fault):
    document, reason = DOCUMENTS[fault]
    path.write_text(json.dumps(document))
    assert reason in refused(path, dataset)


TABLES: dict[str, tuple[str, str]] = {
    "no rows": (ROWS, "The review has no label of any image."),
    "a column less": ("image,label\na.jpg,0\n", "state"),
    "an unknown column": ("image,label,state,colour\na.jpg,0,correct,red\n", "colour"),
    "a label twice": (ROWS + "a.jpg,0,correct\na.jpg,n00000000,wrong\n", "line 3: image and label stand twice."),
    "an unknown state": (ROWS + "a.jpg,0,right\n", "line 2: the state “right” is none of: correct, wrong, unclear."),
    "an unknown first state": (
        "image,label,state,initial_state\na.jpg,0,correct,maybe\n",
        "line 2: the state “maybe” is none of",
    ),
    "no name": (ROWS + ",0,correct\n", "line 2: an image’s name must have 1 to 500 printable characters."),
    "a class of nobody": (ROWS + "a.jpg,n9,correct\n", "line 2: "),
    "no class": (ROWS + "a.jpg,,correct\n", "line 2: "),
    "an odd problem": ("image,label,state,problematic\na.jpg,0,correct,perhaps\n", "problematic is “perhaps”. It must"),
    "a dataset label of nobody": ("image,label,state,dataset_label\na.jpg,0,correct,9\n", "line 2: "),
    "two dataset labels": (
        "image,label,state,dataset_label\na.jpg,0,correct,1\na.jpg,1,wrong,\na.jpg,2,wrong,2\n",
        "line 4: a.jpg has two dataset labels: 1 and 2.",
    ),
    "reasons without an end": (
        f"image,label,state,problematic,reasons\na.jpg,0,correct,1,{'[' * 100_000}\n",
        "line 2: the reasons cannot be read.",
    ),
}


@pytest.mark.parametrize("fault", TABLES)
def test_a_fault_of_a_table_is_named_by_its_line(dataset, tmp_path, fault):
    text, reason = TABLES[fault]
    path = tmp_path / "sets.csv"
    path.write_text(text)
    assert reason in refused(path, dataset)


BYTES: dict[str, tuple[str, bytes, str]] = {
    "a torn document": ("a.json", b'{"image_labels": ', "is no JSON: "),
    "a key twice": ("a.json", b'{"image_labels": {}, "image_labels": {}}', "a key stands twice in an object"),
    "a deep document": ("a.json", b"[" * 200_000, "is no JSON: "),
    "an empty document": ("a.json", b"", "is no JSON: "),
    "bytes that are no text": ("a.json", b'{"image_labels": "\xff\xfe"}', "is not UTF-8 text. Save the file as UTF-8."),
    "sixteen bits": ("a.jsonl", '{"image": "a"}'.encode("utf-16"), "is not UTF-8 text."),
    "an empty file": ("a.jsonl", b"", "is empty."),
    "blank lines": ("a.jsonl", b"\n  \n\n", "is empty."),
    "a torn line": (
        "a.jsonl",
        b'{"image": "a.jpg", "label": 0, "state": "correct"}\n{"image": ',
        "line 2: this is no JS",
    ),
    "a line of a list": (
        "a.jsonl",
        b'{"image": "a.jpg", "label": 0, "state": "wrong"}\n[]\n',
        "line 2: a line must be an",
    ),
    "a first line of a list": ("a.jsonl", b"[]\n", "line 1: a line must be an object."),
    "a key twice in a line": (
        "a.jsonl",
        b'{"image": "a", "image": "b"}\n',
        "line 1: this is no JSON: a key stands twice",
    ),
    "an odd label": ("a.jsonl", b'{"image": "a", "label": [], "state": "wrong"}\n', "line 1: "),
    "an odd state": ("a.jsonl", b'{"image": "a", "label": 0, "state": {}}\n', "line 1: the state “{}” is none of"),
    "an odd name": ("a.jsonl", b'{"image": 7, "label": 0, "state": "wrong"}\n', "line 1: an image’s name must have"),
    "no archive": ("a.json.gz", b'{"image_labels": {}}', "cannot be read: "),
    "half an archive": ("a.json.gz", gzip.compress(b"[" * 5000)[:-12], "cannot be read: "),
    "a spoilt archive": ("a.jsonl.gz", gzip.compress(b"{}" * 5000)[:10] + b"\xff" * 30, "cannot be read: "),
    "a pickle": ("a.pickle", b"\x80\x04.", "is a pickle, which this site never opens"),
    "a pickle in an archive": ("a.pkl.gz", b"\x80\x04.", "is a pickle, which this site never opens"),
}


@pytest.mark.parametrize("fault", BYTES)
def test_a_file_that_cannot_be_read_says_why(dataset, tmp_path, fault):
    name, content, reason = BYTES[fault]
    (tmp_path / name).write_bytes(content)
    assert reason in refused(tmp_path / name, dataset)


def test_a_file_that_is_not_there_is_named(dataset, tmp_path):
    for name in ("a.json", "a.jsonl", "a.jsonl.gz"):
        assert f"There is no file {tmp_path / name}." in refused(tmp_path / name, dataset)
    (tmp_path / "folder.jsonl").mkdir()
    assert "cannot be read" in refused(tmp_path / "folder.jsonl", dataset)


def test_a_title_that_is_too_long_is_refused(dataset, path):
    path.write_text(json.dumps({"image_labels": SETS}))
    assert "the title is longer than 200 characters." in refused(path, dataset, "--title", "t" * 201)
    assert load(path, dataset, "--title", "t" * 200).title == "t" * 200


@pytest.mark.parametrize("title", ["“Ours” & <theirs>", "סקירה", "it's 100%", "ä" * 200])
def test_label_sets_bear_the_title_or_the_name_of_their_file(dataset, path, title):
    path.write_text(json.dumps({"image_labels": SETS}))
    assert load(path, dataset, "--title", title).title == title
    assert load(path, dataset).title == "sets.json"


def test_the_command_counts_what_it_loaded_and_the_record_has_it(dataset, path):
    path.write_text(json.dumps({"image_labels": SETS | {"b.jpg": {"unclear": [3]}}}))
    text, _ = said("import_review", path, "--dataset", dataset.name)
    assert text.startswith(f"{dataset.name}: review “sets.json”, 2 images, 3 labels, 3 verdicts, ")
    entry = AuditEntry.objects.filter(action="review.import").latest("pk")
    assert entry.subject == f"review “sets.json” of dataset {dataset.name}"
    assert entry.after == {"file": "sets.json", "items": 3, "verdicts": 3}


def test_what_the_consensus_changed_is_kept_apart_from_the_first_labels(dataset, path):
    final = {"a.jpg": {"correct": ["n00000000"], "wrong": ["n00000001"]}, "b.jpg": {"wrong": ["n00000002"]}}
    first = {"a.jpg": {"unclear": ["n00000000"], "wrong": ["n00000001"]}, "c.jpg": {"correct": ["n00000003"]}}
    path.write_text(json.dumps({"image_labels": final, "initial_annots": first}))
    sets = sets_of(load(path, dataset))
    assert sets["image_labels"]["a.jpg"] == final["a.jpg"] and sets["initial_annots"]["a.jpg"] == first["a.jpg"]
    assert "b.jpg" not in sets["initial_annots"] and sets["image_labels"]["b.jpg"] == final["b.jpg"]
    assert sets["initial_annots"]["c.jpg"] == first["c.jpg"]


def test_reasons_of_a_table_are_a_list_or_stand_between_semicolons(dataset, tmp_path):
    path = tmp_path / "sets.csv"
    head = "image,label,state,problematic,reasons\n"
    path.write_text(head + 'a,0,wrong,True,"[""drawing"", ""edited""]"\nb,0,wrong,yes,edited; drawing\nc,0,wrong,1,\n')
    facts = sets_of(load(path, dataset))["image_map"]
    assert [facts[name]["reasons"] for name in "abc"] == [["drawing", "edited"]] * 2 + [["not stated"]]
    assert ProblemMark.objects.count() == 3


def test_cells_that_a_spreadsheet_would_run_come_in_as_they_were(dataset, tmp_path):
    path = tmp_path / "sets.csv"
    path.write_text(ROWS + "'=1+1,0,correct\n'-a.jpg,0,correct\nit's.jpg,0,correct\n")
    load(path, dataset)
    assert set(dataset.images.values_list("name", flat=True)) == {"=1+1", "-a.jpg", "it's.jpg"}


def test_a_stored_dataset_label_gives_the_class_of_a_page(dataset, path):
    path.write_text(json.dumps({"image_labels": SETS, "wnid_map": {"a.jpg": "n00000002"}}))
    load(path, dataset)
    path.write_text(json.dumps({"image_labels": {"a.jpg": {"wrong": [3]}, "b.jpg": {"wrong": [3]}}}))
    again = load(path, dataset)
    rows = Item.objects.filter(page__review=again).values_list("image__name", "page__label__index")
    assert set(rows) == {("a.jpg", 2), ("b.jpg", None)}
    path.write_text(json.dumps({"image_labels": SETS, "wnid_map": {"a.jpg": 3}}))
    reason = refusal("import_review", path, "--dataset", dataset.name)
    assert "dataset_label is 3, but a.jpg has label 2" in reason and Review.objects.count() == 2
