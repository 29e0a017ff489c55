"""Pictures of the guide, and saves at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.db import connection
from PIL import Image as Pillow

from catalog.guide.actions import EditedMeanwhile
from catalog.guide.actions import add_picture as store_picture
from catalog.guide.checks.reads import BadContent
from catalog.guide.reads import PictureUse, content_of
from catalog.models import Dataset, Guide, GuideEntry, GuidePicture
from catalog.photographs.reads import BadPhotograph, digest_of, pictures_of
from studies.guide.actions import add_image, add_picture
from tests.catalog.guide.test_guide import terriers, write
from tests.factories import make_account, make_dataset, make_images, small_photograph


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def dataset(db) -> Dataset:
    return make_dataset()


def photograph_with_a_place() -> bytes:
    """Return a JPEG whose metadata says where it was taken."""
    picture, file = Pillow.new("RGB", (40, 30), "green"), BytesIO()
    exif = Pillow.Exif()
    exif[0x010E] = "SECRET PLACE"
    picture.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_an_uploaded_picture_is_made_anew_and_stored_once(dataset):
    person, content = make_account(), photograph_with_a_place()
    picture = add_picture(dataset=dataset, content=content, by=person)
    with picture.picture.open() as file:
        stored = file.read()
    assert b"SECRET" in content and b"SECRET" not in stored
    assert Pillow.open(BytesIO(stored)).size == (40, 30)
    assert add_picture(dataset=dataset, content=content, by=person) == picture
    uses = (PictureUse(picture.public_id, "A lawn."),)
    assert content_of(write(dataset, terriers(body="", pictures=uses))).pictures == uses


@pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", small_photograph().original[:200]])
def test_a_file_that_is_no_picture_is_refused(dataset, content):
    with pytest.raises(BadPhotograph):
        add_picture(dataset=dataset, content=content, by=make_account())
    assert not GuidePicture.objects.exists()


def test_an_image_of_the_study_becomes_a_picture_that_names_it(dataset):
    (image,) = make_images(dataset, 1)
    picture = add_image(dataset=dataset, image=image, by=make_account())
    assert picture.source == image
    with pytest.raises(BadContent, match="does not belong"):
        write(make_dataset(), terriers(pictures=(PictureUse(picture.public_id),)))


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_the_same_moment_one_is_a_conflict():
    dataset = make_dataset()
    entry = write(dataset, terriers()).entry

    def save(words: str) -> str:
        try:
            write(dataset, terriers(body=words), entry=entry, based_on=1)
        except EditedMeanwhile as meanwhile:
            return f"meanwhile {meanwhile.version.body}"
        finally:
            connection.close()
        return words

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(save, ("first", "second")))
    assert outcomes in ({"first", "meanwhile first"}, {"second", "meanwhile second"})
    assert entry.versions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_new_entries_about_the_same_classes_one_is_a_conflict():
    dataset = make_dataset()

    def save(words: str) -> str:
        try:
            return write(dataset, terriers(title=words)).title
        except EditedMeanwhile as meanwhile:
            return f"meanwhile {meanwhile.version.title}"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(save, ("first", "second")))
    assert outcomes in ({"first", "meanwhile first"}, {"second", "meanwhile second"})
    assert GuideEntry.objects.count() == 1 and Guide.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_picture_at_once_is_stored_once():
    dataset, person, content = make_dataset(), make_account(), photograph_with_a_place()
    pictures = pictures_of(content)

    def store(number: int) -> str:
        try:
            row = store_picture(dataset=dataset, pictures=pictures, digest=digest_of(content), by=person)
            return row.public_id
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(store, range(2)))) == 1
    assert GuidePicture.objects.count() == 1
