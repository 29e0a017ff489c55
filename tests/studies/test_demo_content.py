"""The demo study's content: real photographs with the labels that their dataset gives them."""

import hashlib
import re
import sys

import pytest
from PIL import Image, ImageStat

from catalog.label_data import imagenet_labels
from studies.demo import photos
from studies.demo.photos import PHOTOS, DemoPhotoMissing, demo_photos
from tests.required import require


def test_there_are_at_least_24_different_photographs_with_names_that_tell_nothing():
    photos = demo_photos()
    assert len(photos) >= 24
    assert [photo.name for photo in photos] == [f"photo-{number:02}" for number in range(1, len(photos) + 1)]
    assert len({hashlib.sha256(photo.path.read_bytes()).digest() for photo in photos}) == len(photos)


def test_every_file_opens_as_a_picture_large_enough_to_judge_and_not_flat():
    for photo in demo_photos():
        with Image.open(photo.path) as image:
            grey = image.convert("L")
        assert min(grey.size) >= 300, photo
        assert ImageStat.Stat(grey).stddev[0] > 15, photo


def test_the_files_stay_where_they_are_installed():
    for photo in demo_photos():
        assert "site-packages" in photo.path.parts


def test_every_dataset_label_is_an_imagenet_class():
    assert {photo.dataset_label for photo in demo_photos()} <= {label.index for label in imagenet_labels()}


def test_the_dataset_label_of_a_foolbox_photo_is_the_one_in_its_file_name():
    labelled = [photo for photo in PHOTOS if photo.package == photos.FOOLBOX]
    assert len(labelled) == 19
    for photo in labelled:
        assert int(require(re.search(r"_(\d+)\.jpg$", photo.file))[1]) == photo.dataset_label


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("chelsea.png", "tabby"),
        ("coffee.png", "espresso"),
        ("motorcycle_left.png", "moped"),
        ("rocket.jpg", "missile"),
        ("camera.png", "tripod"),
        ("astronaut.png", "space shuttle"),
    ],
)
def test_the_label_we_gave_a_photograph_is_the_class_we_meant(file, word):
    (photo,) = (photo for photo in demo_photos() if photo.path.name == file)
    assert imagenet_labels()[photo.dataset_label].words.split(", ")[0] == word


def test_finding_the_photos_imports_neither_package():
    before = set(sys.modules)
    demo_photos()
    assert not {"foolbox", "skimage"} & (set(sys.modules) - before)


def test_a_package_that_is_not_installed_is_named_with_the_way_to_get_it():
    with pytest.raises(DemoPhotoMissing, match="no_such_package") as refused:
        photos.installed_path("no_such_package", "data/cat.png")
    assert refused.value.for_shell.endswith("Install the package by starting ./run (requirements/demo.txt).")


def test_a_file_that_the_installed_version_lacks_is_named_with_its_distribution():
    with pytest.raises(DemoPhotoMissing, match=r"scikit-image has no data/no-such\.png") as refused:
        photos.installed_path("skimage", "data/no-such.png")
    assert refused.value.for_shell.endswith("Install the right version by starting ./run.")
