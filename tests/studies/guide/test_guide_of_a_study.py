"""Work on the guide of a study: messages for people, lines in the record in their name, and pictures that come in."""

from io import BytesIO

import pytest
from django.contrib.auth.models import User
from PIL import Image as Pillow

from audit.models import AuditEntry
from audit.reads import Actor, acting
from catalog.actions import create_dataset
from catalog.guide.actions import EditedMeanwhile, NoSharing
from catalog.guide.checks.reads import BadContent
from catalog.guide.reads import Content, entries_of, search_entries
from catalog.models import Dataset, GuideEntry, GuidePicture, GuideVersion
from catalog.photographs.reads import DISPLAY_SIDE_PIXELS, BadPhotograph
from studies.guide.actions import add_image, add_picture, reinstate, restore, use_guide_of, withdraw, write_entry
from tests.factories import make_account, make_dataset, make_images, unique
from tests.required import require


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def dataset(db) -> Dataset:
    return make_dataset(n_labels=6)


@pytest.fixture
def person(db) -> User:
    return make_account()


def write(dataset: Dataset, person: User, *, based_on: int = 0, **changed) -> GuideVersion:
    content = Content(**{"title": "Cranes", "labels": (0,), "body": "Grey."} | changed)
    entry = entries_of(dataset).filter(labels=list(content.labels)).first()
    return write_entry(dataset=dataset, content=content, by=person, entry=entry, based_on=based_on)[0]


def photograph(width: int, height: int, format: str = "JPEG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Pillow.new(mode, (width, height)).save(file, format)
    return file.getvalue()


# The record of decisions


def test_a_decision_is_recorded_in_the_name_of_who_acts(dataset, person):
    with acting(lambda: Actor(person.username, person.pk)):
        version = write(dataset, person)
    entry = AuditEntry.objects.get(action="guide.write")
    assert (entry.actor, entry.account, entry.area) == (person.username, person.pk, "config")
    assert entry.subject == f"guide of {dataset}: {version}"


@pytest.mark.parametrize("content", [Content("", (0,), "Grey."), Content("Cranes", (), "Grey.")])
def test_what_is_refused_leaves_no_line(dataset, person, content):
    with pytest.raises(BadContent):
        write_entry(dataset=dataset, content=content, by=person, entry=None, based_on=0)
    assert not AuditEntry.objects.filter(action__startswith="guide.").exists()
    assert not GuideEntry.objects.exists()


def test_a_conflict_leaves_no_line_and_no_version(dataset, person):
    write(dataset, person)
    write(dataset, person, body="Brown.", based_on=1)
    with pytest.raises(EditedMeanwhile):
        write(dataset, person, body="Black.", based_on=1)
    assert AuditEntry.objects.filter(action="guide.write").count() == 2
    assert GuideVersion.objects.count() == 2


def test_a_restoration_of_the_latest_version_changes_nothing(dataset, person):
    version = write(dataset, person)
    same, is_new = restore(dataset=dataset, entry=version.entry, number=1, by=person, based_on=1)
    assert (same, is_new) == (version, False)
    assert not AuditEntry.objects.filter(action="guide.restore").exists()


def test_an_entry_that_is_in_the_guide_is_put_back_without_a_line(dataset, person):
    entry = write(dataset, person).entry
    assert reinstate(dataset=dataset, entry=entry) == "“Cranes” is in the guide again."
    assert not AuditEntry.objects.filter(action="guide.reinstate").exists()


# A withdrawn entry


def test_writing_about_a_withdrawn_entry_puts_it_back(dataset, person):
    entry = write(dataset, person).entry
    withdraw(dataset=dataset, entry=entry, reason="Wrong.")
    content = Content("Cranes", (0,), "Grey, and tall.")
    version, _ = write_entry(dataset=dataset, content=content, by=person, entry=entry, based_on=1)
    assert (version.entry_id, version.number) == (entry.pk, 2)
    assert list(entries_of(dataset)) == [entry] and list(search_entries(dataset, "tall")) == [entry]


def test_a_new_entry_about_its_classes_takes_the_place_of_a_withdrawn_one(dataset, person):
    old = write(dataset, person).entry
    withdraw(dataset=dataset, entry=old)
    new = write(dataset, person, body="Brown.").entry
    assert new != old and list(entries_of(dataset)) == [new]
    assert list(entries_of(dataset, withdrawn=True)) == [old]


# Versions and searches


def test_a_restored_version_is_found_by_its_words_again(dataset, person):
    entry = write(dataset, person, body="folded").entry
    write(dataset, person, body="pointed", based_on=1)
    restore(dataset=dataset, entry=entry, number=1, by=person, based_on=2)
    assert search_entries(dataset, "folded") and not search_entries(dataset, "pointed")


def test_an_entry_may_change_its_classes(dataset, person):
    entry = write(dataset, person).entry
    content = Content("Cranes", (2, 3), "Grey.")
    write_entry(dataset=dataset, content=content, by=person, entry=entry, based_on=1)
    assert [row.labels for row in entries_of(dataset)] == [[2, 3]]
    assert search_entries(dataset, "n00000003") and not search_entries(dataset, "n00000000")


def test_a_search_stays_within_the_guide_of_the_study(dataset, person):
    write(dataset, person)
    other = make_dataset()
    write(other, person, title="Cranes elsewhere")
    assert [entry.title for entry in search_entries(dataset, "cranes")] == ["Cranes"]


# Studies that share a guide


def test_a_shared_guide_keeps_one_entry_for_a_class(dataset, person):
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    write(dataset, person)
    assert use_guide_of(dataset=other, other=dataset) == f"“{other}” uses the guide of “{dataset}”."
    with pytest.raises(EditedMeanwhile):
        write_entry(dataset=other, content=Content("Mine", (0,), "Black."), by=person, entry=None, based_on=0)


def test_sharing_twice_is_sharing_once(dataset, person):
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    write(dataset, person)
    for _ in range(2):
        use_guide_of(dataset=other, other=dataset)
    assert dataset.guide_use.guide.uses.count() == 2


def test_a_refused_sharing_leaves_no_line(dataset, person):
    with pytest.raises(NoSharing):
        use_guide_of(dataset=make_dataset(), other=dataset)
    assert not AuditEntry.objects.filter(action="guide.share").exists()


# Pictures


@pytest.mark.parametrize(
    ("format", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("WEBP", "RGB")],
)
def test_every_kind_of_photograph_becomes_a_small_jpeg(dataset, person, format, mode):
    picture = add_picture(dataset=dataset, content=photograph(1500, 20, format, mode), by=person)
    with picture.picture.open() as file, Pillow.open(file) as stored:
        assert (stored.format, stored.mode, stored.width) == ("JPEG", "RGB", DISPLAY_SIDE_PIXELS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"GIF89a" + b"\x00" * 50, "unsupported format"),
        (b"<svg onload=alert(1)></svg>", "unsupported format"),
        (photograph(60, 60)[:300], "damaged file"),
        (b"%PDF-1.4", "unsupported format"),
    ],
)
def test_other_files_are_refused_with_the_reason(dataset, person, content, reason):
    with pytest.raises(BadPhotograph, match=reason):
        add_picture(dataset=dataset, content=content, by=person)
    assert not GuidePicture.objects.exists()


def test_an_image_without_a_file_gives_no_picture(dataset, person):
    (image,) = make_images(dataset, 1)
    image.original.storage.delete(require(image.original.name))
    with pytest.raises(BadPhotograph, match="The image has no file"):
        add_image(dataset=dataset, image=image, by=person)
    image.original = ""
    with pytest.raises(BadPhotograph, match="The image has no file"):
        add_image(dataset=dataset, image=image, by=person)


def test_the_same_photograph_is_one_picture_in_each_guide(dataset, person):
    content, other = photograph(30, 20), make_dataset()
    first = add_picture(dataset=dataset, content=content, by=person)
    assert add_picture(dataset=dataset, content=content, by=make_account()) == first
    assert add_picture(dataset=other, content=content, by=person) != first
    assert first.added_by == person
