"""Datasets, label sets, settings and images: what is stored, and what is refused with a reason."""

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import IntegrityError, transaction

from catalog import actions
from catalog.actions import (
    BadName,
    InvalidFigure,
    NameTaken,
    NewImage,
    UnknownFigure,
    add_image,
    add_images,
    add_label_set,
    change_settings,
    create_dataset,
    ensure_dataset,
    ensure_imagenet,
)
from catalog.label_data import LabelRecord
from catalog.models import Dataset, Image, SettingsVersion, Synset
from catalog.photographs.reads import read_photograph
from catalog.reads import UnknownLabel, UnknownLabelSet, current_settings, label_lookup, label_set_named
from tests.factories import make_dataset, make_label_set, small_photograph
from tests.pictures import corners, encoded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def files_in(media: Path) -> list[str]:
    return sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())


# Label sets


def test_imagenet_has_1000_labels_below_one_root_and_is_loaded_once():
    label_set = ensure_imagenet()
    assert ensure_imagenet() == label_set
    assert label_set.labels.count() == 1000
    assert (Synset.objects.count(), Synset.objects.filter(hypernyms=None).count()) == (1860, 1)
    assert set(label_set.labels.values_list("wnid", flat=True)) <= set(Synset.objects.values_list("wnid", flat=True))


def test_a_label_is_found_by_index_with_or_without_leading_zeros_and_by_wnid():
    find = label_lookup(make_label_set(12))
    assert [find(text).index for text in ("0", "000", "11", "0011", "n00000003")] == [0, 0, 11, 11, 3]


@pytest.mark.parametrize("text", ["12", "-1", "1.0", "", "thing 12", "n3", "٣", "N00000003"])
def test_what_is_no_class_is_named_with_the_label_set(text):
    label_set = make_label_set(12)
    with pytest.raises(UnknownLabel, match=f"no class of {label_set.name}: write a class index, wnid or word"):
        label_lookup(label_set)(text)


def test_an_unknown_label_set_is_named_with_those_there_are():
    label_set = make_label_set()
    with pytest.raises(UnknownLabelSet, match=f"'birds'.*{label_set.name}") as refused:
        label_set_named("birds")
    assert "import labels" in refused.value.for_shell


def test_a_second_label_set_of_a_name_is_refused_and_changes_nothing():
    label_set = make_label_set(3)
    with pytest.raises(NameTaken, match="another name"):
        add_label_set(name=label_set.name, labels=[LabelRecord(0, "", "x", "", "", "")])
    assert label_set.labels.count() == 3


# Datasets and settings


def test_a_dataset_begins_with_the_published_figures():
    settings = current_settings(make_dataset())
    assert settings.version == 1
    assert (settings.images_per_grid, settings.contains_answers, settings.classify_answers) == (48, 9, 9)
    assert (settings.min_shown, settings.ratio_numerator, settings.ratio_denominator) == (5, 1, 2)
    assert settings.max_other_labels == 5


def test_ensure_dataset_makes_a_dataset_once():
    dataset = ensure_dataset(name="pets")
    assert ensure_dataset(name="pets") == dataset
    assert dataset.label_set.name == "ImageNet"


def test_a_second_dataset_of_a_name_is_refused():
    dataset = make_dataset()
    with pytest.raises(NameTaken, match=f"'{dataset.name}' exists already"):
        create_dataset(name=dataset.name)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "line\nbreak", "\x1b[31m"])
def test_a_dataset_needs_a_name_that_can_be_read(name):
    with pytest.raises(BadName, match="1 to 100 printable characters"):
        create_dataset(name=name, label_set=make_label_set())
    assert not Dataset.objects.exists()


def test_changed_settings_are_a_new_version_with_the_other_figures_kept():
    dataset = make_dataset(images_per_grid=20)
    change_settings(dataset=dataset, contains_answers=3, note="a pilot")
    change_settings(dataset=dataset, min_shown=2)
    rows = dataset.settings_versions.order_by("version")
    figures = rows.values_list("version", "images_per_grid", "contains_answers", "min_shown", "note")
    assert list(figures) == [(1, 20, 9, 5, ""), (2, 20, 3, 5, "a pilot"), (3, 20, 3, 2, "")]


def test_figures_may_come_as_text():
    dataset = make_dataset()
    assert change_settings(dataset=dataset, images_per_grid="24").images_per_grid == 24
    assert current_settings(dataset).images_per_grid == 24


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"images_per_grid": "many"}, "images_per_grid: .*integer"),
        ({"images_per_grid": "0"}, "images_per_grid, .* must be 1 or more"),
        ({"contains_answers": 100_000}, "contains_answers: .*32767"),
        ({"min_shown": -1}, "min_shown: .*0"),
        ({"images_per_grid": 501}, "images_per_grid must be at most 500"),
        ({"ratio_numerator": 3}, "ratio_numerator must be 1 or more and at most ratio_denominator"),
        ({"ratio_numerator": 0}, "ratio_numerator must be 1 or more and at most ratio_denominator"),
        ({"ratio_denominator": 0}, "ratio_numerator must be 1 or more and at most ratio_denominator"),
        ({"max_other_labels": 12}, "max_other_labels must be from 1 to 11"),
        ({"lease_seconds": 29}, "lease_seconds must be 30 or more"),
        ({"note": "x" * 501}, "note: .*500"),
    ],
)
def test_figures_that_cannot_be_are_refused_in_words_and_change_nothing(figures, reason):
    dataset = make_dataset()
    with pytest.raises(InvalidFigure, match=f"{reason}.*Nothing was changed"):
        change_settings(dataset=dataset, **figures)
    with pytest.raises(InvalidFigure, match=reason):
        create_dataset(name="other", label_set=dataset.label_set, **figures)
    assert SettingsVersion.objects.count() == Dataset.objects.count() == 1


def test_every_constraint_on_figures_has_its_words():
    checks = {c.name for c in SettingsVersion._meta.constraints if c.name != "settings_version_once_per_dataset"}
    assert set(actions.RULES) == checks


@pytest.mark.parametrize("name", ["grid_size", "id", "pk", "dataset_id", "version", "created_at"])
def test_only_figures_can_be_set(name):
    dataset = make_dataset()
    for act in (
        lambda: change_settings(dataset=dataset, **{name: 1}),
        lambda: create_dataset(name="x", label_set=dataset.label_set, **{name: 1}),
    ):
        with pytest.raises(UnknownFigure, match="Settings: images_per_grid, contains_answers"):
            act()


# Images


def new_image(name: str, width: int = 16, label=None) -> NewImage:
    return NewImage(name, label, read_photograph(encoded(corners(width, 12))))


def test_an_image_is_stored_in_a_file_named_by_nothing_of_the_researchers(media):
    dataset = make_dataset()
    label = dataset.label_set.labels.get(index=2)
    content = encoded(corners(30, 20), "PNG")
    image, new = add_image(
        dataset=dataset, name="n02/../cat.jpg", dataset_label=label, photograph=read_photograph(content)
    )
    image.refresh_from_db()
    assert new
    assert (image.name, image.dataset_label, image.width, image.height) == ("n02/../cat.jpg", label, 30, 20)
    assert files_in(media) == [f"originals/{image.public_id}.png"]
    assert (media / image.original.name).read_bytes() == content
    assert len(image.public_id) >= 22


def test_an_image_that_is_there_is_left_as_it_is(media):
    dataset = make_dataset()
    first, _ = add_image(dataset=dataset, name="a", dataset_label=None, photograph=small_photograph())
    before = {name: (media / name).read_bytes() for name in files_in(media)}
    label = dataset.label_set.labels.get(index=1)
    second, new = add_image(dataset=dataset, name="a", dataset_label=label, photograph=new_image("a", 40).photograph)
    assert (second.pk, second.dataset_label, second.width, new) == (first.pk, None, first.width, False)
    assert {name: (media / name).read_bytes() for name in files_in(media)} == before


def test_images_are_stored_together_and_counted():
    dataset = make_dataset()
    assert add_images(dataset=dataset, images=[new_image("a"), new_image("b")]) == 2
    assert add_images(dataset=dataset, images=[new_image("b"), new_image("c")]) == 1
    assert add_images(dataset=dataset, images=[]) == 0
    assert sorted(dataset.images.values_list("name", flat=True)) == ["a", "b", "c"]


def test_the_same_name_in_two_datasets_is_two_images():
    for dataset in (make_dataset(), make_dataset()):
        assert add_images(dataset=dataset, images=[new_image("a")]) == 1
    assert Image.objects.values("public_id").distinct().count() == 2


def test_an_image_without_a_file_gets_it_and_keeps_its_label(media):
    dataset = make_dataset()
    label = dataset.label_set.labels.get(index=3)
    absent = Image.objects.create(dataset=dataset, name="a", dataset_label=label)
    assert add_images(dataset=dataset, images=[new_image("a", 40)]) == 1
    absent.refresh_from_db()
    assert (absent.dataset_label, absent.width) == (label, 40)
    assert files_in(media) == [absent.original.name]


@pytest.mark.parametrize("name", ["", "x" * 501, "a\nb", "\udcff.jpg", "a\0b", "\u202egpj.exe"])
def test_a_name_that_cannot_be_stored_or_shown_is_refused(name, media):
    dataset = make_dataset()
    with pytest.raises(BadName, match="choose another name"):
        add_images(dataset=dataset, images=[new_image("good"), new_image(name)])
    assert files_in(media) == []
    assert not dataset.images.exists()


def test_no_file_stays_when_the_row_fails(media):
    dataset = make_dataset()
    with pytest.raises(IntegrityError), transaction.atomic():
        # Twice the same name in one call breaks the constraint, after the files are written.
        add_images(dataset=dataset, images=[new_image("a"), new_image("a")])
    assert files_in(media) == []
    assert not dataset.images.exists()


def test_no_file_stays_when_the_disk_is_full_half_way(media, monkeypatch):
    dataset = make_dataset()
    write = getattr(FileSystemStorage, "_save")  # noqa: B009 - the types know the public methods alone

    def full_at_png(storage, name, content):
        saved = write(storage, name, content)
        if name.endswith(".png"):
            raise OSError(28, "No space left on device")
        return saved

    monkeypatch.setattr(FileSystemStorage, "_save", full_at_png)
    png = NewImage("b", None, read_photograph(encoded(kind="PNG")))
    with pytest.raises(OSError, match="No space left"):
        add_images(dataset=dataset, images=[new_image("a"), png])
    assert files_in(media) == []
    monkeypatch.undo()
    assert add_images(dataset=dataset, images=[new_image("a")]) == 1


def test_a_file_left_by_a_stop_half_way_is_replaced_not_evaded(media):
    dataset = make_dataset()
    absent = Image.objects.create(dataset=dataset, name="a")
    (media / "originals").mkdir(parents=True)
    (media / f"originals/{absent.public_id}.jpg").write_bytes(b"half" * 10_000)
    new = new_image("a")
    add_images(dataset=dataset, images=[new])
    assert files_in(media) == [f"originals/{absent.public_id}.jpg"]
    assert (media / f"originals/{absent.public_id}.jpg").read_bytes() == new.photograph.original
