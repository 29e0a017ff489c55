"""Small versions of photographs: whole, in the smaller format, and made once, also for images from before."""

import shutil

import pytest
from django.core.files.storage import FileSystemStorage
from PIL import Image as Pillow

from catalog.actions import NewImage, add_images
from catalog.models import Image
from catalog.photographs.actions import make_pictures
from catalog.photographs.reads import read_photograph
from catalog.tiles import actions
from catalog.tiles.reads import JPEG, OPTIONS, SIDES, WEBP, media_type, small_version
from contains_task.reads import cells_by_handle
from tests.factories import make_dataset, make_grid, make_lease, worker_client
from tests.pictures import BLUE, GREEN, GREY, RED, colour_at, corner_colours, corners, decoded, encoded
from workforce.models import Lease

pytestmark = pytest.mark.django_db
CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
EARLIER = "image/png,image/*;q=0.8,*/*;q=0.5"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def stored(content: bytes) -> Image:
    dataset = make_dataset()
    add_images(dataset=dataset, images=[NewImage("a", None, read_photograph(content))])
    return dataset.images.get()


def on_a_page(image: Image) -> tuple[Lease, str]:
    """Return a lease that shows the image, and the image's handle there."""
    lease = make_lease(make_grid(images=[image]).hit.batch)
    return lease, next(iter(cells_by_handle(lease)))


def get(lease: Lease, side: int, handle: str, accept: str = CHROMIUM):
    return worker_client().get(f"/i/{lease.public_id}/{side}/{handle}", headers={"accept": accept})


def content_of(response) -> bytes:
    assert response.status_code == 200
    return b"".join(response)


@pytest.mark.parametrize(
    ("size", "smaller"), [((1500, 900), (300, 180)), ((300, 1200), (75, 300)), ((40, 30), (40, 30))]
)
def test_the_whole_photograph_is_there_and_never_enlarged(size, smaller):
    picture = decoded(content_of(get(*on_a_page_with(stored(encoded(corners(*size))), 300))))
    assert picture.size == smaller and picture.mode == "RGB"
    for seen, meant in zip(corner_colours(picture), (RED, GREEN, BLUE, GREY), strict=True):
        assert max(abs(a - b) for a, b in zip(seen, meant, strict=True)) < 25


def on_a_page_with(image: Image, side: int) -> tuple[Lease, int, str]:
    lease, handle = on_a_page(image)
    return lease, side, handle


def test_it_stands_upright_on_white_without_metadata():
    turned = Pillow.Exif()
    turned[0x0112] = 6
    upright = decoded(content_of(get(*on_a_page_with(stored(encoded(corners(400, 200), exif=turned)), 240))))
    assert upright.size == (120, 240) and not upright.getexif() and "icc_profile" not in upright.info
    glass = Pillow.new("RGBA", (400, 200), (0, 0, 0, 0))
    clear = decoded(content_of(get(*on_a_page_with(stored(encoded(glass, "PNG")), 240))))
    assert colour_at(clear, 50, 50) == (255, 255, 255)


def test_the_smaller_of_two_formats_is_stored_and_sent_to_who_reads_it(media):
    lease, handle = on_a_page(stored(encoded(corners(640, 480))))
    response = get(lease, 240, handle)
    content = content_of(response)
    assert (response.headers["Content-Type"], media_type(content)) == (WEBP, WEBP)
    assert int(response.headers["Content-Length"]) == len(content)
    for reads_none in (EARLIER, "*/*", ""):
        other = get(lease, 240, handle, reads_none)
        assert other.headers["Content-Type"] == JPEG and media_type(content_of(other)) == JPEG
        assert other.headers["Vary"] == response.headers["Vary"] == "Accept, Accept-Language"
    headers = response.headers
    assert headers["Cache-Control"].startswith("private, max-age=") and headers["Cache-Control"].endswith("immutable")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["X-Content-Type-Options"] == "nosniff"


def test_jpeg_is_kept_where_it_is_the_smaller(monkeypatch):
    monkeypatch.setitem(OPTIONS, "WEBP", {"lossless": True})
    noise = Pillow.effect_noise((300, 300), 90).convert("RGB")
    assert media_type(small_version(noise, 240)) == JPEG


def test_a_browser_without_webp_gets_a_large_photograph_where_one_stands_alone():
    image = stored(encoded(corners(1500, 900)))
    lease, handle = on_a_page(image)
    assert decoded(content_of(get(lease, 720, handle))).size == (720, 432)
    assert decoded(content_of(get(lease, 720, handle, EARLIER))).size == (1024, 614)


def test_those_of_cells_are_stored_with_the_pictures_and_made_once_for_images_from_before(media, monkeypatch):
    image = stored(encoded(corners(640, 480)))
    assert make_pictures() == 1
    assert sorted(path.name for path in (media / "tiles").iterdir()) == [str(side) for side in SIDES]
    lease, handle = on_a_page(image)
    shutil.rmtree(media / "tiles")
    first = content_of(get(lease, 240, handle))
    monkeypatch.setattr(actions, "small_version_of_file", lambda *_: pytest.fail("made twice"))
    assert content_of(get(lease, 240, handle)) == first
    assert Image.objects.get().pictures_problem == ""


def test_one_that_was_cut_off_is_made_anew(media):
    image = stored(encoded(corners(640, 480)))
    lease, handle = on_a_page(image)
    get(lease, 240, handle)
    shutil.rmtree(media / "tiles")
    whole = content_of(get(lease, 240, handle))
    path = media / "tiles" / "240" / image.public_id
    for damaged in (whole[:-20], b"", b"RIFF", whole + b"more", b"<script>", encoded()[:-2]):
        path.write_bytes(damaged)
        assert content_of(get(lease, 240, handle)) == whole == path.read_bytes()


def test_a_photograph_is_shown_even_if_nothing_can_be_stored(media, monkeypatch, caplog):
    image = stored(encoded(corners(640, 480)))
    make_pictures()
    shutil.rmtree(media / "tiles")

    def full(storage, name, content):
        raise OSError("No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    assert media_type(content_of(get(*on_a_page_with(image, 240)))) == WEBP
    assert "could not be stored" in caplog.text


def test_a_display_that_cannot_be_read_costs_the_small_version_alone(media, caplog):
    image = stored(encoded(corners(640, 480)))
    make_pictures()
    image.refresh_from_db()
    lease, handle = on_a_page(image)
    shutil.rmtree(media / "tiles")
    bomb = Pillow.new("L", (3000, 10))
    for damaged in (b"no picture", encoded()[:200], encoded(corners(), "PNG"), encoded(bomb)):
        (media / image.display.name).write_bytes(damaged)
        assert decoded(content_of(get(lease, 240, handle))).size == (320, 240)
    assert caplog.text.count("No small version") == 4
    (media / image.thumbnail.name).unlink()
    assert get(lease, 240, handle).status_code == 404


def test_nobody_elses_handle_no_other_size_and_no_image_without_a_file():
    image = stored(encoded())
    lease, handle = on_a_page(image)
    other, other_handle = on_a_page(stored(encoded()))
    assert get(lease, 240, handle).status_code == 200
    for held, side, named in (
        (lease, 240, other_handle),
        (other, 240, handle),
        (lease, 241, handle),
        (lease, 0, handle),
    ):
        assert get(held, side, named).status_code == 404
    assert get(lease, 240, image.public_id).status_code == 404
    Image.objects.filter(pk=image.pk).update(original="", display="", thumbnail="")
    assert get(lease, 240, handle).status_code == 404
