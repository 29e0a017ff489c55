"""Sources of example images: names of folders and files of every kind, bad lists with their messages, the summary."""

import io
import os
import random
import shutil
from pathlib import Path

import pytest
from PIL import Image as Pillow

from audit.models import AuditEntry
from catalog.actions import add_image, change_settings
from catalog.class_examples.reads import class_examples
from catalog.models import ClassExample, Dataset, ExampleDraw
from catalog.photographs.reads import read_photograph
from data_import.class_examples.actions import Drawn, draw_examples, drawing_order, drawn_message
from tests.chance import seeds
from tests.commands import refusal, said
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(name="birds")


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return tmp_path / "train"


def photograph(shade: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (24, 16), (shade % 256, shade // 256, 200)).save(file, "JPEG")
    return file.getvalue()


def put(root: Path, *names: str) -> None:
    """Write a photograph of its own under each name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photograph(97 * len(list(root.rglob("*")))))


def names(dataset: Dataset, index: int = 0) -> list[str]:
    return [row.name for row in class_examples(dataset, dataset.label_set.labels.get(index=index))]


def everything(dataset: Dataset) -> list[tuple[int, int, str, str]]:
    rows = ClassExample.objects.filter(draw__dataset=dataset).order_by("label__index", "place")
    return list(rows.values_list("label__index", "place", "name", "digest"))


# Folders


@pytest.mark.parametrize("folder", ["n00000002", "2", "0002", "thing 2", "THING 2"])
def test_a_folder_is_named_by_wnid_index_or_word(dataset, train, folder):
    put(train, f"{folder}/a.jpg", f"{folder}/deeper/b.jpg")
    assert draw_examples(dataset=dataset, source=train).n_new == 2
    assert sorted(names(dataset, 2)) == [f"{folder}/a.jpg", f"{folder}/deeper/b.jpg"]


@pytest.mark.parametrize(
    "file",
    [
        "a b.jpg",
        'it\'s "5%".jpg',
        "käse.JPG",
        "猫.jpeg",
        "חתול.jpg",
        "x" * 200 + ".jpg",
        "<b>.jpg",
        "no_ending",
        "two\nlines.jpg",
        "{0}%s.png",
    ],
)
def test_a_file_may_have_any_name(dataset, train, file):
    put(train, f"0/{file}")
    out, err = said("draw_examples", "birds", train)
    assert out.startswith("1 example was stored.") and not err
    shown = file if file.isprintable() else file.encode("unicode_escape").decode()
    assert names(dataset) == [f"0/{shown}"]


def test_a_name_of_bytes_that_are_no_characters_is_read_and_shown_escaped(dataset, train):
    put(train, "0/a.jpg")
    odd = os.fsencode(train / "0") + b"/k\xe4se.jpg"
    Path(os.fsdecode(odd)).write_bytes(photograph(5))
    out, err = said("draw_examples", "birds", train)
    assert out.startswith("2 examples were stored.") and not err
    assert sorted(names(dataset)) == ["0/a.jpg", "0/k\\udce4se.jpg"]
    again = draw_examples(dataset=dataset, source=train)
    assert (again.n_new, again.n_existing) == (0, 2)


def test_a_path_of_more_than_500_characters_is_cut_and_stored_once(dataset, train):
    put(train, "/".join(["0", *["d" * 200] * 3, "a.jpg"]))
    for n_new in (1, 0):
        assert draw_examples(dataset=dataset, source=train).n_new == n_new
    assert [len(name) for name in names(dataset)] == [500]


def test_hidden_files_and_links_out_are_left_and_folders_of_no_class_are_named_once(dataset, train, tmp_path):
    put(train, "0/a.jpg", "0/.hidden.jpg", ".git/b.jpg", "Unknown <b>/c.jpg", "Unknown <b>/d.jpg", "loose.jpg", "e.jpg")
    put(tmp_path / "outside", "secret.jpg")
    (train / "0" / "link.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (train / "0" / "folder").symlink_to(tmp_path / "outside")
    (train / "0" / "circle.jpg").symlink_to(train / "0" / "circle.jpg")
    out, err = said("draw_examples", "birds", train)
    assert out.startswith("1 example was stored.") and names(dataset) == ["0/a.jpg"]
    assert err.count("Unknown <b>") == 2 and "'Unknown <b>' is no class of " in err
    assert err.count("files of no folder: put them into folders named by class") == 1
    assert "0/link.jpg: it is a link out of the folder" in err and "0/folder: it is a link out of the folder" in err
    assert "circle.jpg" in err and "hidden" not in err and ".git" not in err
    assert err.rstrip().endswith("5 places were skipped; the reasons are above.")


def test_a_single_skipped_place_is_told_in_the_singular(dataset, train):
    put(train, "0/a.jpg", "loose.jpg")
    assert said("draw_examples", "birds", train)[1].endswith("1 place was skipped; the reason is above.\n")


@pytest.mark.parametrize("kind", ["empty folder", "files alone", "folders of no class", "hidden files"])
def test_a_folder_without_images_of_a_class_is_refused_with_what_to_do(dataset, train, kind):
    train.mkdir()
    put(
        train,
        *{"files alone": ["a.jpg"], "folders of no class": ["x/a.jpg"], "hidden files": ["0/.a.jpg"]}.get(kind, []),
    )
    words = refusal("draw_examples", "birds", train)
    assert "has no images of a class: name its folders by wnid, index or word" in words and str(train) in words
    assert not ExampleDraw.objects.exists() and not AuditEntry.objects.filter(action="class_examples.draw").exists()


def test_a_word_of_two_classes_names_neither(dataset, train):
    dataset.label_set.labels.filter(index__in=(0, 1)).update(words="crane")
    put(train, "crane/a.jpg", "2/b.jpg")
    _, err = said("draw_examples", "birds", train)
    assert "'crane' is a word of several classes of" in err and "write the index, 0, 1" in err


# Lists


BAD_ROWS = {
    ",0": "line 2 (): the column path is empty: name an image file",
    "../a.jpg,0": "line 2 (../a.jpg): it leads out of the manifest's folder",
    "/etc/passwd,0": "line 2 (/etc/passwd): it leads out of the manifest's folder",
    "0/a.jpg,": "line 2: '' is no class of",
    "0/a.jpg,9": "line 2: '9' is no class of",
    "0/a.jpg,-1": "line 2: '-1' is no class of",
    "0/a.jpg": "line 2: ",
    "0/a.jpg,0,more": "line 2: ",
    "0/absent.jpg,0": "0/absent.jpg: it cannot be read (No such file or directory)",
    "0,0": "0: it is a folder or a link to one",
    f"{'x' * 300}.jpg,0": "it cannot be read (File name too long)",
    "0/text.jpg,0": "0/text.jpg: ",
}


@pytest.mark.parametrize("row", BAD_ROWS, ids=lambda row: row[:20])
def test_a_bad_row_is_named_with_its_reason_and_the_others_are_drawn(dataset, train, row):
    put(train, "0/a.jpg", "1/b.jpg")
    (train / "0" / "text.jpg").write_text("no image")
    manifest = train / "list.csv"
    manifest.write_text(f"path,label\n{row}\n1/b.jpg,thing 1\n")
    out, err = said("draw_examples", "birds", manifest)
    assert out.startswith("1 example was stored.") and BAD_ROWS[row] in err
    assert err.endswith("1 place was skipped; the reason is above.\n")
    assert names(dataset, 1) == ["1/b.jpg"] and names(dataset, 0) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "path"),
        (b"file,label\na.jpg,0\n", "path"),
        (b"path\na.jpg\n", "label"),
        (b"path,label\n", "has no images of a class"),
        (b"path,label\n\xff\xfe.jpg,0\n", "is not UTF-8 text"),
        (b"path,label,\n", "list.csv"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused_and_stores_nothing(dataset, train, content, words):
    train.mkdir()
    (train / "list.csv").write_bytes(content)
    message = refusal("draw_examples", "birds", train / "list.csv")
    assert words in message and "list.csv" in message
    assert not ExampleDraw.objects.exists()


def test_a_list_and_its_folder_give_the_same_images(train):
    put(train, *(f"{index}/{number}.jpg" for index in range(2) for number in range(7)))
    lines = [f"{index}/{number}.jpg,n0000000{index}" for index in range(2) for number in range(7)]
    random.Random(3).shuffle(lines)
    (train / "list.csv").write_text("\n".join(["label,path", *(",".join(reversed(line.split(","))) for line in lines)]))
    drawn = []
    for source in (train, train / "list.csv"):
        dataset = make_dataset()
        draw_examples(dataset=dataset, source=source, per_class=4, seed=9)
        drawn.append(everything(dataset))
    assert drawn[0] == drawn[1] and len(drawn[0]) == 8


# The draw


@pytest.mark.parametrize("seed", seeds(4))
def test_a_draw_that_goes_on_after_any_losses_at_its_end_equals_one_in_a_run(train, seed):
    rng = random.Random(seed)
    put(train, *(f"{index}/{number}.jpg" for index in range(3) for number in range(9)))
    for broken in rng.sample(sorted(train.rglob("*.jpg")), 6):
        broken.write_bytes(rng.choice([b"", b"no image", photograph(0)]))
    whole, stopped = make_dataset(), make_dataset()
    expected = draw_examples(dataset=whole, source=train, per_class=5, seed=seed)
    draw_examples(dataset=stopped, source=train, per_class=5, seed=seed)
    for index in range(3):
        kept = rng.randrange(6)
        ClassExample.objects.filter(draw__dataset=stopped, label__index=index, place__gte=kept).delete()
    n_kept = len(everything(stopped))
    again = draw_examples(dataset=stopped, source=train, per_class=5, seed=seed)
    assert everything(stopped) == everything(whole)
    assert (again.n_new, again.n_existing) == (expected.n_new - n_kept, n_kept)
    assert [short.index for short in again.short] == [short.index for short in expected.short]


def test_a_larger_number_begins_with_the_images_of_the_smaller(train):
    put(train, *(f"0/{number}.jpg" for number in range(12)))
    drawn = []
    for per_class in (3, 7):
        dataset = make_dataset()
        draw_examples(dataset=dataset, source=train, per_class=per_class, seed=2)
        drawn.append(names(dataset))
    assert drawn[1][:3] == drawn[0] and len(drawn[1]) == 7
    assert (
        drawn[1]
        == drawing_order([f"0/{number}.jpg" for number in range(12)], dataset.label_set.labels.get(index=0), 2)[:7]
    )


def test_images_of_the_study_and_of_its_pool_of_controls_are_left_out(dataset, train):
    put(train, *(f"0/{number}.jpg" for number in range(4)))
    pool = make_dataset()
    for number, owner in enumerate((dataset, pool)):
        content = read_photograph((train / "0" / f"{number}.jpg").read_bytes())
        add_image(dataset=owner, name=f"{number}.jpg", dataset_label=None, photograph=content)
    change_settings(dataset=dataset, control_pool=pool)
    out, _ = said("draw_examples", "birds", train)
    assert "2 files were left out: they are images of the study." in out
    assert sorted(names(dataset)) == ["0/2.jpg", "0/3.jpg"]


def test_a_source_that_is_gone_meanwhile_leaves_what_was_drawn(dataset, train):
    put(train, "0/a.jpg")
    draw_examples(dataset=dataset, source=train)
    shutil.rmtree(train)
    assert refusal("draw_examples", "birds", train) == f"There is no {train}. Name a folder or a CSV file."
    assert names(dataset) == ["0/a.jpg"]


def test_progress_counts_up_to_all_classes_with_files(dataset, train):
    put(train, "0/a.jpg", "1/b.jpg", "3/c.jpg")
    steps: list[tuple[int, int]] = []
    for _ in range(2):
        draw_examples(dataset=dataset, source=train, per_class=1, progress=lambda n, n_all: steps.append((n, n_all)))
    assert steps[0] == (0, 3) and steps[-1] == (3, 3) and steps == sorted(steps)


def test_the_record_says_what_was_drawn(dataset, train):
    put(train, "0/a.jpg")
    draw_examples(dataset=dataset, source=train, per_class=2, seed=-3)
    entry = AuditEntry.objects.get(action="class_examples.draw")
    assert entry.subject == "dataset birds" and entry.after == {"seed": -3, "per_class": 2, "new": 1}


@pytest.mark.parametrize(("word", "value"), [("--seed", 2**63), ("--seed", -(2**63)), ("--per-class", 10**9)])
def test_numbers_that_no_column_holds_are_refused_in_words(dataset, train, word, value):
    put(train, "0/a.jpg")
    assert "to" in refusal("draw_examples", "birds", train, word, value)
    assert not ExampleDraw.objects.exists()


def test_an_unknown_study_is_refused(train):
    assert "no such" in refusal("draw_examples", "no such", train)


# The summary


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "0 examples were stored."),
        ({"n_new": 1}, "1 example was stored."),
        ({"n_new": 1234}, "1,234 examples were stored."),
        ({"n_existing": 1}, "0 examples were stored. 1 was there before."),
        ({"n_existing": 2000}, "0 examples were stored. 2,000 were there before."),
        ({"n_of_study": 1}, "0 examples were stored. 1 file was left out: it is an image of the study."),
        ({"n_of_study": 3}, "0 examples were stored. 3 files were left out: they are images of the study."),
    ],
)
def test_the_summary_has_singulars_and_plurals(fields, words):
    assert drawn_message(Drawn(**fields)) == words


@pytest.mark.parametrize(("n_classes", "end"), [(1, "0 thing 0."), (10, "9 thing 9."), (11, "9 thing 9 and 1 more.")])
def test_the_summary_names_ten_classes_at_most(n_classes, end):
    labels = list(make_dataset(n_labels=n_classes).label_set.labels.order_by("index"))
    for drawn, start in (
        (Drawn(short=labels), "Classes with fewer images than asked for: "),
        (Drawn(without=labels), "Classes without an image: "),
    ):
        message = drawn_message(drawn)
        assert start + "0 thing 0" in message and message.endswith(end)
