"""The pictures of an image: made once, by a task or the first page, and never by two workers at a time."""

import io
import threading

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import transaction

from catalog.actions import NewImage, add_images
from catalog.models import Image
from catalog.photographs import actions
from catalog.photographs.actions import ensure_pictures, make_pictures
from catalog.photographs.reads import pictures_of, read_photograph
from catalog.tasks import make_pictures as task
from tests.factories import make_dataset, make_images, staff_client
from tests.pictures import corners, decoded, encoded
from tests.threads import PATIENCE_SECONDS, in_threads, started, waits, while_another_has_done

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def files_in(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def content_of(file) -> bytes:
    with file.open() as opened:
        return opened.read()


def add(dataset, **contents: bytes) -> dict[str, Image]:
    new = [NewImage(name, None, read_photograph(content)) for name, content in contents.items()]
    add_images(dataset=dataset, images=new)
    return {image.name: image for image in dataset.images.all()}


def test_an_image_has_its_original_alone_until_the_task_has_made_its_pictures(media):
    content = encoded(corners(1500, 900))
    image = add(make_dataset(), a=content)["a"]
    assert files_in(media) == [image.original.name]
    task()
    image.refresh_from_db()
    assert files_in(media) == [
        f"display/{image.public_id}.jpg",
        f"originals/{image.public_id}.jpg",
        f"thumbnails/{image.public_id}.jpg",
        f"tiles/240/{image.public_id}",
        f"tiles/300/{image.public_id}",
        f"tiles/720/{image.public_id}",
    ]
    assert decoded(content_of(image.display)).size == (1024, 614)
    assert decoded(content_of(image.thumbnail)).size == (320, 192)
    assert content_of(image.original) == content


def test_a_small_image_is_not_blown_up():
    image = add(make_dataset(), a=encoded(corners(40, 30)))["a"]
    assert make_pictures() == 1
    image.refresh_from_db()
    assert {decoded(content_of(file)).size for file in (image.display, image.thumbnail)} == {(40, 30)}


def test_pictures_carry_no_metadata():
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02\0\0\0\x10\0\0\0\x1a" + b"\0\0\0\0n02123045 tabby\0"
    content = encoded(corners(400, 300), exif=exif, comment=b"n02123045", xmp=b"<x>n02123045</x>")
    assert b"n02123045" in content
    image = add(make_dataset(), a=content)["a"]
    make_pictures()
    image.refresh_from_db()
    for file in (image.display, image.thumbnail):
        shown = content_of(file)
        assert b"n02123045" not in shown
        assert set(decoded(shown).info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_doing_it_twice_changes_nothing(media):
    make_images(make_dataset(), 3)
    assert make_pictures() == 3
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in media.rglob("*")}
    assert make_pictures() == 0
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in media.rglob("*")} == before


def test_one_of_the_two_that_is_missing_is_made():
    image = make_images(make_dataset(), 1)[0]
    make_pictures()
    Image.objects.filter(pk=image.pk).update(thumbnail="")
    assert make_pictures() == 1
    image.refresh_from_db()
    assert image.thumbnail


def test_an_image_without_a_file_is_left_alone(media):
    image = Image.objects.create(dataset=make_dataset(), name="replayed")
    assert make_pictures() == 0
    assert not ensure_pictures(image=image).display
    assert not media.exists()


def test_files_that_are_gone_or_damaged_are_logged_and_do_not_stand_in_the_way(media, monkeypatch, caplog):
    monkeypatch.setattr(actions, "PICTURES_AT_ONCE", 2)
    images = make_images(make_dataset(), 6)
    (media / images[0].original.name).unlink()
    (media / images[1].original.name).write_bytes(b"no image any more")
    assert make_pictures() == 4
    assert Image.objects.filter(display="").count() == 2
    assert [f"image {image.pk}" in caplog.text for image in images] == [True, True, False, False, False, False]
    assert [bool(image.pictures_problem) for image in Image.objects.order_by("pk")] == [True] * 2 + [False] * 4
    assert "No such file" in Image.objects.get(pk=images[0].pk).pictures_problem
    assert "unsupported format" in Image.objects.get(pk=images[1].pk).pictures_problem
    caplog.clear()
    (media / images[1].original.name).write_bytes(encoded())
    assert make_pictures() == 0
    assert not ensure_pictures(image=images[1]).display
    assert not caplog.text, "nobody tries for ever"


def test_an_image_whose_file_was_of_no_use_gets_another_by_the_next_import(media):
    dataset = make_dataset()
    image = add(dataset, a=encoded())["a"]
    (media / image.original.name).write_bytes(b"no image any more")
    make_pictures()
    assert Image.objects.get().pictures_problem
    assert add_images(dataset=dataset, images=[NewImage("a", None, read_photograph(encoded()))]) == 1
    assert make_pictures() == 1
    assert Image.objects.get().pictures_problem == ""


def test_a_host_that_fails_for_a_moment_spoils_no_image(media, monkeypatch, caplog):
    (image,) = make_images(make_dataset(), 1)

    def too_many(self, name, mode="rb"):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "_open", too_many)
        assert make_pictures() == 0
    assert "for now" in caplog.text
    assert make_pictures() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_looks_at_large_images_one_decodes(media, monkeypatch):
    images = make_images(make_dataset(), 3)
    Image.objects.filter(pk__in=[image.pk for image in images[:2]]).update(width=3000, height=2000)
    with while_another_has_done(lambda: ensure_pictures(image=images[0])) as other:
        assert ensure_pictures(image=images[2]).display, "a small one waits for nobody"
        with started(lambda: ensure_pictures(image=images[1])) as second:
            assert waits(second)
            other.end(commit=True)
            assert second.result(PATIENCE_SECONDS).display


def test_a_full_disk_leaves_neither_half_a_file_nor_a_row_that_names_one(media, monkeypatch):
    image = make_images(make_dataset(), 1)[0]
    write = getattr(FileSystemStorage, "_save")  # noqa: B009 - the types know the public methods alone

    def full_at_thumbnail(storage, name, content):
        saved = write(storage, name, content)
        if name.startswith("thumbnails/"):
            raise OSError(28, "No space left on device")
        return saved

    monkeypatch.setattr(FileSystemStorage, "_save", full_at_thumbnail)
    with pytest.raises(OSError, match="No space left"), transaction.atomic():
        make_pictures()
    image.refresh_from_db()
    assert (files_in(media), image.display.name) == ([image.original.name], "")
    monkeypatch.undo()
    assert make_pictures() == 1


def test_a_task_stops_after_its_time_and_the_next_goes_on(monkeypatch):
    monkeypatch.setattr(actions, "PICTURES_AT_ONCE", 2)
    make_images(make_dataset(), 5)
    times = iter([0.0, 1.0, 2.0, 3.0])
    monkeypatch.setattr(actions, "monotonic", lambda: next(times))
    assert make_pictures(seconds=2.0) == 2
    monkeypatch.undo()
    assert make_pictures() == 3


def test_the_first_look_makes_what_is_missing_and_the_next_finds_it(media, monkeypatch):
    content = encoded(corners(600, 400))
    image = add(make_dataset(), a=content)["a"]
    client = staff_client()
    for _ in range(2):
        response = client.get(f"/i/{image.public_id}.jpg")
        assert (response.status_code, b"".join(response)) == (200, pictures_of(content).display)
        monkeypatch.setattr(actions, "pictures_of", lambda content: pytest.fail("made twice"))
    assert make_pictures() == 0
    assert len(files_in(media)) == 6


def test_an_original_that_is_gone_is_not_found_rather_than_an_error(media):
    image = make_images(make_dataset(), 1)[0]
    (media / image.original.name).unlink()
    assert staff_client().get(f"/i/{image.public_id}.jpg").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_several_at_once_make_every_picture_once(monkeypatch):
    monkeypatch.setattr(actions, "PICTURES_AT_ONCE", 3)
    images = make_images(make_dataset(), 24)
    contents, lock = [], threading.Lock()

    def count_and_make(content):
        with lock:
            contents.append(content)
        return pictures_of(content)

    monkeypatch.setattr(actions, "pictures_of", count_and_make)
    counts = in_threads(4, lambda n: make_pictures() if n else bool(ensure_pictures(image=images[0])) - 1)
    assert len(contents) == 24
    assert sum(counts) in (23, 24)
    assert not Image.objects.filter(thumbnail="").exists()


@pytest.mark.django_db(transaction=True)
def test_images_that_another_has_in_work_are_passed_over():
    images = make_images(make_dataset(), 4)
    held = Image.objects.select_for_update(no_key=True).filter(pk__in=[image.pk for image in images[:2]])
    with while_another_has_done(lambda: list(held)) as other:
        assert make_pictures() == 2
        other.end(commit=False)
    assert make_pictures() == 2


def test_what_is_checked_at_the_import_can_be_shown():
    for picture in (corners(3000, 20), corners(20, 3000), corners(1, 1)):
        for kind in ("JPEG", "PNG", "WEBP"):
            target = io.BytesIO()
            picture.save(target, kind)
            photograph = read_photograph(target.getvalue())
            shown = pictures_of(photograph.original)
            assert max(decoded(shown.thumbnail).size) <= 320 and max(decoded(shown.display).size) <= 1024
