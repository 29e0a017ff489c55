"""Example images of classes: a seeded draw from a training set, which can stop, go on, and meets bad files."""

import io
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image as Pillow

from audit.models import AuditEntry
from catalog.actions import add_image
from catalog.class_examples import actions as class_examples_actions
from catalog.class_examples.reads import class_examples
from catalog.models import ClassExample, Dataset, ExampleDraw, Label
from catalog.photographs.reads import read_photograph
from data_import.class_examples import actions
from data_import.class_examples.actions import draw_examples, drawing_order
from tests.commands import refusal, said
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(tmp_path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def dataset(media) -> Dataset:
    return make_dataset(name="birds")


def photograph(shade: int, size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", size, (shade % 256, shade // 256, 200)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A training set: eight images of the classes 0 and 1 each, by wnid and by word."""
    root = tmp_path / "train"
    for number, name in enumerate(("n00000000", "thing 1")):
        for shade in range(8):
            path = root / name / f"{shade}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photograph(100 * number + 10 * shade))
    return root


def label(dataset: Dataset, index: int) -> Label:
    return dataset.label_set.labels.get(index=index)


def names(dataset: Dataset, index: int = 0) -> list[str]:
    return [example.name for example in class_examples(dataset, label(dataset, index))]


def stored_files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_a_folder_gives_so_many_images_of_each_class_and_the_rest_is_said(dataset, folder, media):
    out, err = said("draw_examples", "birds", folder, "--per-class", 3)
    assert out == "6 examples were stored. Classes without an image: 2 thing 2, 3 thing 3.\n"
    assert len(names(dataset, 0)) == len(names(dataset, 1)) == 3 and not err
    draw = ExampleDraw.objects.get()
    assert (draw.seed, draw.per_class, draw.finished_at is None) == (0, 3, False)
    assert len(stored_files(media)) == 12
    assert AuditEntry.objects.filter(action="class_examples.draw").count() == 1


def test_files_have_opaque_names_below_the_study(dataset, folder, media):
    draw_examples(dataset=dataset, source=folder, per_class=1)
    example = class_examples(dataset, label(dataset, 0))[0]
    assert example.display.name == f"class_examples/{dataset.pk}/{example.public_id}.jpg"
    assert all("thing" not in path.name and path.suffix == ".jpg" for path in stored_files(media))
    with Pillow.open(example.thumbnail.path) as picture:
        assert picture.format == "JPEG" and not picture.getexif()


def test_the_same_seed_gives_the_same_images_and_another_one_others(folder, media):
    draws = []
    for seed in (0, 0, 1):
        dataset = make_dataset()
        draw_examples(dataset=dataset, source=folder, per_class=4, seed=seed)
        draws.append(names(dataset))
    assert draws[0] == draws[1] != draws[2]


def test_the_order_of_a_listing_and_further_files_do_not_change_the_order_of_the_draw(dataset):
    files = [f"a/{n}.jpg" for n in range(50)]
    order = drawing_order(files, label(dataset, 0), 7)
    assert drawing_order(reversed(files), label(dataset, 0), 7) == order
    more = drawing_order([*files, "a/more.jpg"], label(dataset, 0), 7)
    assert [name for name in more if name != "a/more.jpg"] == order
    assert drawing_order(files, label(dataset, 1), 7) != order


def test_bad_files_are_named_and_others_take_their_place(dataset, folder):
    first = drawing_order([f"n00000000/{n}.JPEG" for n in range(8)], label(dataset, 0), 0)[:3]
    (folder / first[0]).write_bytes(b"no image")
    (folder / first[1]).write_bytes(b"")
    (folder / first[2]).unlink()
    (folder / first[2]).symlink_to("/etc/hostname")
    out, err = said("draw_examples", "birds", folder, "--per-class", 4)
    assert "8 examples were stored." in out
    assert err.count("n00000000/") == 3 and "3 places were skipped" in err
    assert len(names(dataset)) == 4 and not set(first) & set(names(dataset))


def test_classes_with_too_few_images_are_named(dataset, folder):
    drawn = draw_examples(dataset=dataset, source=folder, per_class=9)
    assert [short.index for short in drawn.short] == [0, 1] and drawn.n_new == 16


def test_a_file_that_is_there_twice_counts_once(dataset, folder):
    (folder / "thing 1" / "again.jpg").write_bytes((folder / "thing 1" / "0.JPEG").read_bytes())
    draw_examples(dataset=dataset, source=folder, per_class=20)
    assert len(names(dataset, 1)) == 8


def test_images_of_the_study_are_left_out(dataset, folder):
    content = (folder / "n00000000" / "3.JPEG").read_bytes()
    add_image(dataset=dataset, name="x.jpg", dataset_label=None, photograph=read_photograph(content))
    out, _ = said("draw_examples", "birds", folder, "--per-class", 8)
    assert "1 file was left out: it is an image of the study." in out
    assert "n00000000/3.JPEG" not in names(dataset) and len(names(dataset)) == 7


def test_a_stopped_draw_goes_on_and_ends_with_the_same_images(dataset, folder, monkeypatch):
    store, calls = class_examples_actions.add_examples, []

    def stops(**arguments: object) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return store(**cast(Any, arguments))

    monkeypatch.setattr(actions, "add_examples", stops)
    assert "the same command goes on" in refusal("draw_examples", "birds", folder, "--per-class", 3)
    assert len(names(dataset, 0)) == 3 and not names(dataset, 1)
    assert ExampleDraw.objects.get().finished_at is None
    before = names(dataset, 0)
    monkeypatch.undo()
    drawn = draw_examples(dataset=dataset, source=folder, per_class=3)
    assert (drawn.n_new, drawn.n_existing) == (3, 3) and names(dataset, 0) == before
    other = make_dataset()
    draw_examples(dataset=other, source=folder, per_class=3)
    assert names(other, 1) == names(dataset, 1)


def test_a_class_of_which_a_part_is_stored_gets_the_rest(dataset, folder):
    draw_examples(dataset=dataset, source=folder, per_class=4)
    whole = names(dataset)
    ClassExample.objects.filter(name=whole[3]).delete()
    assert draw_examples(dataset=dataset, source=folder, per_class=4).n_new == 1
    assert names(dataset) == whole


def test_the_same_command_again_changes_nothing(dataset, folder, media):
    draw_examples(dataset=dataset, source=folder, per_class=3)
    before = sorted(stored_files(media))
    drawn = draw_examples(dataset=dataset, source=folder, per_class=3)
    assert (drawn.n_new, drawn.n_existing) == (0, 6) and sorted(stored_files(media)) == before


def test_another_draw_is_refused_until_it_is_to_replace_the_first(
    dataset, folder, media, django_capture_on_commit_callbacks
):
    draw_examples(dataset=dataset, source=folder, per_class=3)
    before = stored_files(media)
    words = refusal("draw_examples", "birds", folder, "--per-class", 3, "--seed", 5)
    assert "3 a class with seed 0" in words and "--replace" in words
    with django_capture_on_commit_callbacks(execute=True):
        said("draw_examples", "birds", folder, "--per-class", 2, "--seed", 5, "--replace")
    assert len(names(dataset)) == 2 and ExampleDraw.objects.get().seed == 5
    assert len(stored_files(media)) == 8 and not set(before) & set(stored_files(media))


def test_a_manifest_lists_paths_and_labels(dataset, folder):
    lines = ["path,label", "n00000000/1.JPEG,0", "thing 1/2.JPEG,n00000001", "thing 1/2.JPEG,thing 1"]
    lines += ["../out.jpg,0", "/etc/hostname,0", "a.jpg,unknown", "missing.jpg,0", ",0"]
    manifest = folder / "list.csv"
    manifest.write_text("\n".join(lines))
    out, err = said("draw_examples", "birds", manifest)
    assert "2 examples were stored." in out and "missing.jpg" in err and "unknown" in err
    assert (names(dataset, 0), names(dataset, 1)) == (["n00000000/1.JPEG"], ["thing 1/2.JPEG"])


def test_a_source_without_classes_is_refused_before_anything_is_stored(dataset, tmp_path):
    (tmp_path / "odd" / "nothing").mkdir(parents=True)
    (tmp_path / "odd" / "nothing" / "a.jpg").write_bytes(photograph(1))
    assert "has no images of a class" in refusal("draw_examples", "birds", tmp_path / "odd")
    assert "There is no" in refusal("draw_examples", "birds", tmp_path / "absent")
    assert not ExampleDraw.objects.exists()


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_a_number_that_no_class_can_have_is_refused(dataset, folder, n):
    assert "1 to 1,000" in refusal("draw_examples", "birds", folder, "--per-class", n)
