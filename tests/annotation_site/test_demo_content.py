"""The demo study's content: real photographs, each asked about a few labels; small grids."""

import hashlib
import re
import sys
from collections import Counter

import pytest
from PIL import Image, ImageStat

from annotation_site import demo
from annotation_site.demo import TOPICS, DemoPhotoMissing, demo_photos
from catalog.label_data import imagenet_labels


def photos_of_each_label():
    return Counter(label for photo in demo_photos() for label in photo.potential_labels)


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


def test_each_photo_is_asked_about_2_to_6_labels_its_own_first():
    known = {label.index for label in imagenet_labels()}
    for photo in demo_photos():
        assert photo.potential_labels[0] == photo.dataset_label
        assert 2 <= len(photo.potential_labels) <= 6
        assert len(set(photo.potential_labels)) == len(photo.potential_labels)
        assert set(photo.potential_labels) <= known


def test_a_labels_grid_has_4_to_12_photographs():
    assert [label for label, photos in photos_of_each_label().items() if not 4 <= photos <= 12] == []


def test_a_topics_labels_belong_to_it_alone_so_its_photos_are_done_when_its_grids_are():
    labels = [label for topic in TOPICS for label in topic.labels]
    assert len(labels) == len(set(labels)) == len(photos_of_each_label())


def test_the_dataset_label_of_a_foolbox_photo_is_the_one_in_its_file_name():
    labelled = [photo for topic in TOPICS for photo in topic.photos if photo.package == demo.FOOLBOX]
    assert len(labelled) >= 15
    for photo in labelled:
        assert int(re.search(r"_(\d+)\.jpg$", photo.file)[1]) == photo.dataset_label


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("chelsea.png", {"tabby", "Egyptian cat"}),
        ("coffee.png", {"espresso", "cup"}),
        ("imagenet_16_251.jpg", {"dalmatian", "mushroom"}),
        ("imagenet_03_990.jpg", {"buckeye", "spider web"}),
        ("imagenet_06_609.jpg", {"jeep", "car wheel"}),
        ("imagenet_05_853.jpg", {"thatch", "obelisk"}),
        ("camera.png", {"tripod", "trench coat"}),
    ],
)
def test_a_photo_of_several_things_is_asked_about_each_of_them(file, words):
    labels = imagenet_labels()
    (photo,) = (photo for photo in demo_photos() if photo.path.name == file)
    assert words <= {labels[index].words.split(", ")[0] for index in photo.potential_labels}


def test_finding_the_photos_imports_neither_package():
    before = set(sys.modules)
    demo_photos()
    assert not {"foolbox", "skimage"} & (set(sys.modules) - before)


def test_a_package_that_is_not_installed_is_named_with_the_way_to_get_it():
    with pytest.raises(DemoPhotoMissing, match=r"no_such_package.*\./run.*requirements/demo\.txt"):
        demo.installed_path("no_such_package", "data/cat.png")


def test_a_file_that_the_installed_version_lacks_is_named_with_its_distribution():
    with pytest.raises(DemoPhotoMissing, match=r"scikit-image has no data/no-such\.png.*\./run"):
        demo.installed_path("skimage", "data/no-such.png")
