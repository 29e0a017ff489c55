"""`./manage import images` from a CSV manifest."""

import pytest

from catalog.actions import create_dataset
from catalog.models import Dataset, Image, LabelSet
from tests.factories import make_batch, make_dataset, make_grid, make_images, make_lease, tick_images
from tests.importing import import_into, import_labels, labels_by_name, manifest
from tests.pictures import write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def test_a_manifest_gives_names_and_labels(folder):
    for name in ("a.jpg", "sub/b.jpg", "c.jpg"):
        write(folder / name)
    dataset = make_dataset()
    rows = ["\ufefffile,name,label", "a.jpg,first,2", "./sub/b.jpg,,n00000003", "", 'c.jpg,"x, y",', ""]
    table = manifest(folder, "\r\n".join(rows))
    assert import_into(dataset, table).refused == []
    assert labels_by_name(dataset) == {"first": 2, "sub/b.jpg": 3, "x, y": None}


def test_a_label_may_be_a_word_that_one_class_alone_has(folder):
    write(folder / "a.jpg")
    text = 'index,words,wnid\n0,crane,\n1,crane,\n2,"House finch, linnet",n0002\n3,7,\n7,"linnets, 0",\n'
    assert import_labels(folder, text).error == ""
    create_dataset(name="garden", label_set=LabelSet.objects.get(name="birds"))
    label_of_word = {"linnet": 2, "HOUSE FINCH": 2, "house finch, Linnet": 2, "n0002": 2, "7": 7, "0": 0}
    rows = [f'a.jpg,{n},"{word}"' for n, word in enumerate(label_of_word)]
    table = manifest(folder, "\n".join(["file,name,label", *rows, "a.jpg,x,crane", "a.jpg,y,finch"]))
    result = import_into("garden", table)
    labels = labels_by_name(Dataset.objects.get(name="garden"))
    assert [labels[str(n)] for n in range(len(label_of_word))] == list(label_of_word.values())
    assert "line 8 (a.jpg): 'crane' is a word of several classes of birds: write the index, 0, 1" in result.refused
    reason = "'finch' is no class of birds: write a class index, wnid or word of the class"
    assert f"line 9 (a.jpg): {reason}" in result.refused


def test_a_row_with_several_faults_is_told_all_of_them(folder):
    write(folder / "a.jpg")
    rows = ["a.jpg,one,", f"absent.jpg,{'x' * 501},nonsense", "../a.jpg,one,nonsense", "a.jpg,one,nonsense"]
    result = import_into(make_dataset(), manifest(folder, "file,name,label\n" + "\n".join(rows)))
    words = [
        ("line 3", "it cannot be read (No such file", "'nonsense' is no class", "a name has 1 to 500 characters"),
        ("line 4", "it leads out", "'nonsense' is no class", "“one” appears in line 2"),
        ("line 5", "'nonsense' is no class", "“one” appears in line 2"),
    ]
    assert len(result.refused) == len(words)
    for line, expected in zip(result.refused, words, strict=True):
        assert all(word in line for word in expected), line


def test_a_manifest_may_have_files_alone_and_lie_elsewhere_than_the_caller(folder, monkeypatch, tmp_path):
    write(folder / "a.jpg")
    manifest(folder, "file\na.jpg\n")
    monkeypatch.chdir(tmp_path)
    dataset = make_dataset()
    assert import_into(dataset, "pictures/manifest.csv").error == ""
    assert set(labels_by_name(dataset)) == {"a.jpg"}


def test_each_bad_row_is_listed_by_line_while_the_good_ones_are_in(folder, tmp_path):
    write(folder / "a.jpg")
    write(tmp_path / "outside.jpg")
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "sub").mkdir()
    long = "x" * 501
    rows = [
        "a.jpg,good,1",
        "a.jpg,other,4",
        "../outside.jpg,up,",
        "sub/../../outside.jpg,up2,",
        f"{tmp_path}/outside.jpg,absolute,",
        "link.jpg,link,",
        "absent.jpg,absent,",
        "sub,folder,",
        ",empty,",
        "a.jpg,good,1",
        "a.jpg,too,many,cells",
        "a.jpg",
        f"a.jpg,{long},",
        '"a.jpg","two\nlines",',
        "a.jpg,a\0b,",
        "a.jpg,last,",
    ]
    dataset = make_dataset()
    result = import_into(dataset, manifest(folder, "file,name,label\n" + "\n".join(rows)))
    assert set(labels_by_name(dataset)) == {"good", "last"}
    assert "2 images were added" in result.out
    assert "14 files were not imported" in result.error
    expected = [
        "line 3 (a.jpg): '4' is no class",
        "line 4 (../outside.jpg): it leads out",
        "line 5 (sub/../../outside.jpg): it leads out",
        f"line 6 ({tmp_path}/outside.jpg): it leads out",
        "line 7 (link.jpg): it is a link out of the folder",
        "line 8 (absent.jpg): it cannot be read (No such file",
        "line 9 (sub): it is a folder",
        "line 10 (): the column file is empty",
        "line 11 (a.jpg): the name “good” appears in line 2",
        "line 12: the line has 4 cells",
        "line 13: the line has 1 cell,",
        "line 14 (a.jpg): a name has 1 to 500 characters, this one has 501",
        "line 15 (a.jpg): the name 'two\\nlines' has characters",
        "line 17: a cell contains control characters",
    ]
    assert len(result.refused) == len(expected)
    for line, start in zip(result.refused, expected, strict=True):
        assert line.startswith(start), (line, start)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column 'file'"),
        (b"path\na.jpg\n", "no column 'file'"),
        (b"file,class\na.jpg,3\n", "an unknown column 'class'"),
        (b"file,file\na.jpg,3\n", "a column twice"),
        (b"file\n\xff\xfe\n", "not UTF-8"),
        (b'file\n"a.jpg\n', "line 2: unexpected end of data"),
        (b"file\n" + b"x" * 200_000, "line 2: field larger than"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_whole(folder, content, reason):
    dataset = make_dataset()
    result = import_into(dataset, write(folder / "manifest.csv", content))
    assert reason in result.error
    assert not dataset.images.exists()


def test_an_image_is_not_given_as_a_manifest(folder):
    assert "not UTF-8" in import_into(make_dataset(), write(folder / "a.jpg")).error


def test_another_label_for_an_image_that_is_there_is_refused_not_lost(folder):
    write(folder / "a.jpg")
    dataset = make_dataset()
    import_into(dataset, manifest(folder, "file,label\na.jpg,1\n"))
    result = import_into(dataset, manifest(folder, "file,label\na.jpg,2\n"))
    assert "“a.jpg” has the dataset label 1: thing 1" in result.refused[0]
    assert labels_by_name(dataset) == {"a.jpg": 1}
    assert import_into(dataset, manifest(folder, "file,label\na.jpg,\n")).error == ""


def test_an_image_without_a_dataset_label_gets_it_later_and_keeps_it(folder):
    for name in ("a.jpg", "b.jpg"):
        write(folder / name)
    dataset = make_dataset()
    import_into(dataset, folder)
    later = import_into(dataset, manifest(folder, "file,label\na.jpg,1\nb.jpg,\n"))
    assert "No new images; 2 images were already in the dataset" in later.out
    assert later.notes[0].startswith("1 image got its dataset label")
    assert labels_by_name(dataset) == {"a.jpg": 1, "b.jpg": None}
    again = import_into(dataset, manifest(folder, "file,label\na.jpg,2\nb.jpg,3\n"))
    assert "a.jpg" in again.refused[0]
    assert labels_by_name(dataset) == {"a.jpg": 1, "b.jpg": 3}


def test_an_image_that_somebody_has_answered_about_gets_no_dataset_label_any_more(folder):
    dataset = make_dataset()
    asked, held, other = make_images(dataset, 3, label=None)
    for image in (asked, held):
        grid = make_grid(batch=make_batch(dataset), label=1, images=[image])
        lease = make_lease(grid.hit.batch)
        if image == asked:
            tick_images(lease=lease, selected=[], idempotency_key="key")
    rows = "".join(f"{image.name},{image.name},1\n" for image in (asked, held, other))
    for image in (asked, held, other):
        write(folder / image.name)
    result = import_into(dataset, manifest(folder, f"file,name,label\n{rows}"))
    assert "workers have already answered questions about this image" in result.refused[0]
    assert labels_by_name(dataset) == {asked.name: None, held.name: 1, other.name: 1}


def test_an_image_known_only_by_its_answers_gets_its_file(folder):
    dataset = make_dataset()
    label = dataset.label_set.labels.get(index=1)
    Image.objects.create(dataset=dataset, name="a.jpg", dataset_label=label)
    write(folder / "a.jpg")
    assert "1 image was added." in import_into(dataset, folder).out
    assert "No new images; 1 image was already in the dataset" in import_into(dataset, folder).out
    assert dataset.images.get().original
