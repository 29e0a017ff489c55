"""`./manage import images` and `import labels`: what gets in, what is refused and how it is said."""

import importlib
import io
import os
import sys
import threading
from typing import Any

import pytest
from django.db import connection

from catalog.actions import add_image, create_dataset
from catalog.models import Dataset, Image, LabelSet
from data_import.images import actions as imports
from tests.factories import make_dataset, small_photograph
from tests.importing import import_into, import_labels, labels_by_name, manifest
from tests.pictures import corners, encoded, write
from tests.required import require

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


# Folders


def test_a_folder_gives_images_named_by_their_paths_below_it(folder):
    for name in ("a.jpg", "sub/b.JPEG", "sub/deeper/c d.png"):
        write(folder / name)
    dataset = make_dataset()
    result = import_into(dataset, folder)
    assert result.error == ""
    assert result.out == f"Dataset “{dataset.name}”: 3 images were added.\n"
    assert labels_by_name(dataset) == {"a.jpg": None, "sub/b.JPEG": None, "sub/deeper/c d.png": None}


@pytest.mark.parametrize("named", [("n00000001", "n00000003"), ("1", "3"), ("0001", "n00000003"), ("Thing 1", "3")])
def test_sub_folders_named_by_class_give_the_dataset_labels(folder, named):
    write(folder / named[0] / "a.jpg")
    write(folder / named[1] / "train" / "b.jpg")
    dataset = make_dataset()
    result = import_into(dataset, folder)
    assert result.refused == []
    assert result.notes == ["The names of 2 sub-folders are used as the dataset labels of their images."]
    assert sorted(map(require, labels_by_name(dataset).values())) == [1, 3]


def test_a_sub_folder_that_is_no_class_costs_the_others_nothing_and_is_named(folder):
    for name in ("n00000001/a.jpg", "misc/b.jpg", "misc/c.jpg", "odd/d.jpg", "e.jpg"):
        write(folder / name)
    dataset = make_dataset()
    result = import_into(dataset, folder)
    others = dict.fromkeys(("misc/b.jpg", "misc/c.jpg", "odd/d.jpg", "e.jpg"))
    assert labels_by_name(dataset) == {"n00000001/a.jpg": 1} | others
    assert "3 files have no dataset label" in result.refused[0]
    assert "misc (2), odd (1)" in result.refused[0]
    assert result.error == ""


def test_what_is_refused_is_no_sub_folder(folder, tmp_path):
    write(folder / "1" / "a.jpg")
    (folder / "misc").mkdir()
    (folder / "misc" / "b.jpg").symlink_to(write(tmp_path / "elsewhere" / "b.jpg"))
    result = import_into(make_dataset(), folder)
    assert result.notes == ["The name of 1 sub-folder is used as the dataset label of its images."]
    assert [line.partition(":")[0] for line in result.refused] == ["misc/b.jpg"]


def test_where_no_sub_folder_is_a_class_folders_are_no_matter(folder):
    write(folder / "train" / "a.jpg")
    result = import_into(make_dataset(), folder)
    assert result.refused == []


def test_a_new_name_makes_a_dataset_on_imagenet(folder):
    write(folder / "n02123045" / "tabby.jpg")
    import_into("cats", folder)
    dataset = Dataset.objects.get(name="cats")
    assert dataset.label_set.name == "ImageNet"
    assert labels_by_name(dataset) == {"n02123045/tabby.jpg": 281}


def test_a_new_name_makes_a_dataset_on_another_label_set_if_one_is_named(folder):
    label_set = make_dataset().label_set
    write(folder / "2" / "a.jpg")
    assert import_into("mine", folder, "--label-set", label_set.name).error == ""
    assert Dataset.objects.get(name="mine").label_set == label_set
    refused = import_into("mine", folder, "--label-set", "ImageNet")
    assert f"uses the label set {label_set.name}, not “ImageNet”" in refused.error
    assert "There is no label set named 'birds'" in import_into("other", folder, "--label-set", "birds").error
    assert not Dataset.objects.filter(name="other").exists()


def test_images_without_a_dataset_label_are_counted_and_it_is_said_what_that_means(folder):
    for name in ("a.jpg", "b.jpg"):
        write(folder / name)
    dataset = make_dataset()
    for _ in range(2):
        note, _ = import_into(dataset, folder).notes
        assert note.startswith("2 images have no dataset label: they get selection frequencies but no candidate labels")
    labelled = manifest(folder, "file,label\na.jpg,1\n")
    assert import_into(make_dataset(), labelled).notes == []


def test_running_it_again_adds_nothing_and_after_a_correction_only_what_was_missing(folder, media):
    for name in ("a.jpg", "b.jpg"):
        write(folder / name)
    write(folder / "c.jpg", b"not yet an image")
    dataset = make_dataset()
    assert "1 file was not imported" in import_into(dataset, folder).error
    before = sorted(media.rglob("*"))
    again = import_into(dataset, folder)
    assert "No new images; 2 images were already in the dataset" in again.out
    assert sorted(media.rglob("*")) == before
    write(folder / "c.jpg")
    assert (
        import_into(dataset, folder).out
        == f"Dataset “{dataset.name}”: 1 image was added. 2 images were already in the dataset.\n"
    )


def test_each_bad_file_is_listed_with_its_reason_while_the_good_ones_are_in(folder, tmp_path, media):
    write(folder / "good.jpg")
    write(folder / "jpeg_named.png")
    write(folder / "html.jpg", b"<html><script>alert(1)</script></html>")
    write(folder / "cut.jpg", encoded(corners(300, 300), quality=100)[:-900])
    write(folder / "empty.webp", b"")
    write(folder / "notes.txt", b"remember the milk")
    write(tmp_path / "outside.jpg")
    (folder / "out.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "round.jpg").symlink_to("round.jpg")
    (folder / "nowhere.jpg").symlink_to("absent.jpg")
    (folder / "in.jpg").symlink_to("good.jpg")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.jpg")
    write(folder / os.fsdecode(b"\xff.jpg"))
    dataset = make_dataset()
    result = import_into(dataset, folder)
    assert (
        result.error
        == "10 files were not imported; the reasons are above. Correct them and run the same command again."
    )
    reasons = dict(line.split(": ", 1) for line in result.refused)
    assert set(labels_by_name(dataset)) == {"good.jpg", "jpeg_named.png", "in.jpg"}
    assert require(Image.objects.get(name="jpeg_named.png").original.name).endswith(".jpg")
    words = {
        "away": "is a folder or a link to one|link out of the folder",
        "cut.jpg": "damaged",
        "empty.webp": "empty",
        "html.jpg": "unsupported format",
        "notes.txt": "unsupported format",
        "nowhere.jpg": "No such file",
        "out.jpg": "link out of the folder",
        "pipe.jpg": "not a file",
        "round.jpg": "link to itself|symbolic links",
        "\\udcff.jpg": "cannot be printed",
    }
    assert set(reasons) == set(words)
    for place, expected in words.items():
        assert any(word in reasons[place] for word in expected.split("|")), (place, reasons[place])
    assert len([path for path in media.rglob("*") if path.is_file()]) == 3


def test_hidden_files_are_passed_over(folder):
    for name in ("a.jpg", ".DS_Store", ".thumbs/a.jpg"):
        write(folder / name)
    dataset = make_dataset()
    assert import_into(dataset, folder).error == ""
    assert set(labels_by_name(dataset)) == {"a.jpg"}


def test_a_folder_without_files_and_a_path_without_anything_are_errors(folder):
    folder.mkdir()
    dataset = make_dataset()
    assert "There are no files in" in import_into(dataset, folder).error

    assert (
        f"There is no {folder}/x. Name a folder of images, a CSV manifest, a .tar"
        in import_into(dataset, folder / "x").error
    )


def test_a_wrong_path_leaves_no_empty_dataset_behind(folder):
    assert "There is no " in import_into("flowers", folder / "absent").error
    assert not Dataset.objects.filter(name="flowers").exists()
    write(folder / "a.jpg")
    assert "1 image was added" in import_into("flowers", folder).out
    assert Dataset.objects.get(name="flowers").label_set.name == "ImageNet"


# Progress, stops and company


def test_progress_reaches_every_row_once(folder):
    for n in range(7):
        write(folder / f"{n}.jpg")
    write(folder / "bad.jpg", b"x")
    dataset = make_dataset()
    listing = imports.find_images(str(folder), dataset.label_set)
    steps: list[Any] = []
    outcome = imports.import_images(dataset=dataset, listing=listing, progress=steps.append)
    assert (sum(steps), outcome.added, outcome.existing, len(outcome.refusals)) == (8, 7, 0, 1)


def test_what_was_stored_before_a_stop_stays_and_the_next_run_goes_on(folder, monkeypatch):
    for n in range(7):
        write(folder / f"{n}.jpg")
    monkeypatch.setattr(imports, "MOST_IN_PORTION", 2)
    dataset = make_dataset()
    listing = imports.find_images(str(folder), dataset.label_set)
    done = []

    def stop_at_4(n):
        done.append(n)
        if sum(done) >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.import_images(dataset=dataset, listing=listing, progress=stop_at_4)
    assert dataset.images.count() == 4
    assert "3 images were added. 4 images were already in the dataset" in import_into(dataset, folder).out


def test_ctrl_c_is_answered_with_the_way_on(folder, monkeypatch):
    def interrupted(**arguments):
        raise KeyboardInterrupt

    write(folder / "a.jpg")
    command = importlib.import_module("data_import.management.commands.import")
    monkeypatch.setattr(command, "import_images", interrupted)
    assert import_into(make_dataset(), folder).error == (
        "Stopped. The images imported so far are kept; the same command resumes the import."
    )


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(folder, monkeypatch, terminal):
    write(folder / "a.jpg")
    dataset = make_dataset()
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    import_into(dataset, folder)
    assert ("1/1" in screen.getvalue()) is terminal


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_files_at_once_store_each_once(folder, media):
    for n in range(10):
        write(folder / f"{n}.jpg")
    dataset = make_dataset()
    listing = imports.find_images(str(folder), dataset.label_set)
    outcomes = []

    def run():
        try:
            outcomes.append(imports.import_images(dataset=dataset, listing=listing, progress=lambda n: None))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dataset.images.count() == sum(outcome.added for outcome in outcomes) == 10
    assert [outcome.added + outcome.existing for outcome in outcomes] == [10, 10]
    assert len([path for path in media.rglob("*") if path.is_file()]) == 10


# Labels


def test_labels_make_a_label_set_once(folder):
    text = "index,words,wnid,gloss,superclass,wikipedia_url\n"
    text += '7,"robin, redbreast",n0001,"a bird, red",Birds,https://en.wikipedia.org/wiki/Robin\n0,owl,,,,\n'
    assert import_labels(folder, text).out == "Label set “birds”: 2 labels were imported.\n"
    assert import_labels(folder, text).out == "Label set “birds”: 2 labels were already imported.\n"
    owl, robin = LabelSet.objects.get(name="birds").labels.order_by("index")
    assert (owl.index, owl.words, owl.wnid) == (0, "owl", "")
    assert (robin.index, robin.words, robin.gloss, robin.superclass) == (7, "robin, redbreast", "a bird, red", "Birds")
    assert robin.wikipedia_url == "https://en.wikipedia.org/wiki/Robin"


def test_other_labels_under_a_taken_name_are_refused(folder):
    import_labels(folder, "index,words\n0,owl\n")
    assert "with other labels" in import_labels(folder, "index,words\n0,crow\n").error
    assert "built-in" in import_labels(folder, "index,words\n0,owl\n", "ImageNet").error
    assert [label.words for label in LabelSet.objects.get(name="birds").labels.all()] == ["owl"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,owl,,", "the index “x” is not a whole number"),
        ("-1,owl,,", "the index “-1” is not a whole number"),
        ("0,crow,,", "the class 0 appears in line 2 too"),
        ("00,crow,,", "the class 0 appears in line 2 too"),
        ("1,crow,n1,", "the class n1 appears in line 2 too"),
        ("1,crow,55,", "looks like a class index"),
        ("1,,n2,", "words: This field cannot be blank."),
        ("99999999999,crow,,", "index: "),
        ("1,crow,n0123456789012345678901,", "wnid: "),
        ("1,crow,,javascript:alert(1)", "wikipedia_url: "),
        ("1,crow,,ftp://example.org/crow", "wikipedia_url: the address must start with http"),
        ("1,crow,", "has 3 cells"),
    ],
)
def test_a_bad_label_is_named_by_line_and_nothing_is_imported(folder, row, reason):
    result = import_labels(folder, f"index,words,wnid,wikipedia_url\n0,owl,n1,\n{row}\n")
    assert "no labels were imported.\nline 3: " in result.error
    assert reason in result.error
    assert not LabelSet.objects.exists()


def test_many_bad_labels_are_listed_up_to_20(folder):
    result = import_labels(folder, "index,words\n" + "x,owl\n" * 30)
    assert result.error.count("\nline ") == 20
    assert result.error.endswith("\nand 10 more")


def test_images_land_on_imported_labels(folder):
    import_labels(folder, "index,words\n0,owl\n1,crow\n")
    create_dataset(name="garden", label_set=LabelSet.objects.get(name="birds"))
    write(folder / "pics" / "1" / "a.jpg")
    assert import_into("garden", folder / "pics").error == ""
    assert labels_by_name(Dataset.objects.get(name="garden")) == {"1/a.jpg": 1}


def test_an_image_of_a_dataset_is_no_obstacle_in_another(folder):
    add_image(dataset=make_dataset(), name="a.jpg", dataset_label=None, photograph=small_photograph())
    write(folder / "a.jpg")
    assert "1 image was added" in import_into(make_dataset(), folder).out
