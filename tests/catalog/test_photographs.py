"""Image files: which are taken, and how they are shown."""

import itertools
import os
import random
import struct
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import cast

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, PngImagePlugin

from catalog.decoding import reads as decoding
from catalog.decoding.reads import read_files
from catalog.photographs.reads import (
    LARGEST_FILE_BYTES,
    BadPhotograph,
    Photograph,
    pictures_of,
    read_file,
    read_photograph,
)
from tests.pictures import BLUE, GREEN, GREY, RED, colour_at, corner_colours, corners, decoded, encoded, write


def near(colours, expected, tolerance=25):
    return np.abs(np.subtract(colours, expected)).max() <= tolerance


def shown(content: bytes) -> Pillow.Image:
    return decoded(pictures_of(content).display)


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")])
def test_the_suffix_follows_from_the_content_and_the_original_stays_as_it_came(kind, suffix):
    content = encoded(kind=kind)
    photograph = read_photograph(content)
    assert (photograph.suffix, photograph.width, photograph.height) == (suffix, 64, 48)
    assert photograph.original == content


def test_a_jpeg_with_a_second_picture_behind_it_is_a_jpeg():
    content = encoded(kind="MPO", save_all=True, append_images=[corners()])
    assert decoded(content).format == "MPO"
    assert read_photograph(content).suffix == ".jpg"


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (corners, {}),
        (lambda: corners().convert("RGBA"), {}),
        (lambda: corners().quantize(16), {}),
        (lambda: corners().convert("CMYK"), {"kind": "JPEG", "quality": 95}),
        (corners, {"kind": "WEBP", "lossless": True}),
    ],
    ids=["rgb", "rgba", "palette", "cmyk", "webp"],
)
def test_colours_are_shown_as_they_are(make, options):
    picture = shown(encoded(make(), **{"kind": "PNG", **options}))
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    assert near(corner_colours(picture), [RED, GREEN, BLUE, GREY])


def test_grey_of_16_bits_keeps_its_shades():
    levels = np.repeat(np.array([[0, 16384, 32768, 65535]], np.uint16), 20, axis=1).repeat(20, axis=0)
    picture = shown(encoded(Pillow.fromarray(levels), "PNG"))
    row = [colour_at(picture, x, 10)[0] for x in (10, 30, 50, 70)]
    assert near([row], [(0, 64, 128, 255)], tolerance=3)


def test_a_see_through_shade_of_16_bits_is_white():
    levels = np.full((20, 20), 1000, np.uint16)
    assert shown(encoded(Pillow.fromarray(levels), "PNG", transparency=1000)).getpixel((10, 10)) == (255, 255, 255)
    assert shown(encoded(Pillow.fromarray(levels), "PNG", transparency=1001)).getpixel((10, 10)) == (4, 4, 4)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_is_white_and_what_is_half_so_is_half_white(kind):
    picture = Pillow.new("RGBA", (40, 20), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 128), (20, 0, 40, 20))
    left, right = (shown(encoded(picture, kind)).getpixel((x, 10)) for x in (5, 35))
    assert near([left, right], [(255, 255, 255), (127, 127, 127)], tolerance=4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_shown_upright_and_its_size_is_the_upright_one(orientation, kind):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    content = encoded(corners(), kind, exif=exif.tobytes())
    photograph = read_photograph(content)
    upright = ImageOps.exif_transpose(decoded(content))
    picture = shown(content)
    assert picture.size == upright.size == (photograph.width, photograph.height)
    assert near(corner_colours(picture), corner_colours(upright.convert("RGB")))


def test_damaged_exif_costs_the_orientation_not_the_picture():
    exif = Pillow.Exif()
    exif[0x0112] = 6
    broken = encoded(exif=exif.tobytes()).replace(b"Exif\0\0MM", b"Exif\0\0\xff\xff")
    assert read_photograph(broken).width == 64


def test_what_workers_see_tells_nothing_but_the_picture():
    exif = Pillow.Exif()
    exif[0x010E] = "n02123045 tabby"
    exif.get_ifd(0x8825)[1] = "N"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Title", "n02123045 tabby")
    jpeg = encoded(exif=exif.tobytes(), comment=b"n02123045 tabby", xmp=b"<x>n02123045</x>")
    for content in (jpeg, encoded(kind="PNG", pnginfo=notes, exif=exif.tobytes())):
        display = pictures_of(content).display
        assert b"n02123045" in content
        assert b"n02123045" not in display
        # Quantisation, frame, Huffman tables, scan and the fixed JFIF header: no other segment.
        assert set(decoded(display).info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not decoded(display).getexif()


def test_a_colour_profile_is_applied_before_it_is_dropped():
    """The profile's primaries swap red and blue: a viewer with colour management shows this red picture blue."""
    profile = swapped_profile()
    picture = shown(encoded(Pillow.new("RGB", (32, 32), (220, 30, 30)), "PNG", icc_profile=profile))
    red, _, blue = colour_at(picture, 16, 16)
    assert blue > red + 100


def swapped_profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = [profile[132 + 12 * n : 144 + 12 * n] for n in range(struct.unpack(">I", profile[128:132])[0])]
    places = {bytes(entry[:4]): 132 + 12 * n for n, entry in enumerate(table)}
    profile[places[b"rXYZ"] : places[b"rXYZ"] + 4], profile[places[b"bXYZ"] : places[b"bXYZ"] + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_does_not_fit_is_passed_over(mode):
    grey_for_colour = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"nonsense", grey_for_colour):
        picture = shown(encoded(Pillow.new("RGB", (32, 32), GREY).convert(mode), icc_profile=profile))
        assert near([picture.getpixel((16, 16))], [GREY])


def test_a_large_picture_is_shown_at_1024_pixels_and_keeps_its_shape_and_true_size():
    content = encoded(corners(3000, 1500))
    photograph = read_photograph(content)
    assert shown(content).size == (1024, 512)
    assert (photograph.width, photograph.height) == (3000, 1500)
    assert near(corner_colours(shown(content)), [RED, GREEN, BLUE, GREY])


def test_a_small_picture_is_not_blown_up_and_a_sliver_keeps_a_pixel():
    assert shown(encoded(corners(5, 3))).size == (5, 3)
    assert shown(encoded(Pillow.new("L", (20_000, 1)), "PNG")).size == (1024, 1)


# What is refused


def reason_against(content: bytes) -> str:
    with pytest.raises(BadPhotograph) as refused:
        read_photograph(content)
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        b"n01440764",
        encoded(kind="GIF"),
        encoded(kind="BMP"),
        encoded(kind="TIFF"),
    ],
)
def test_anything_but_jpeg_png_and_webp_is_refused_with_the_way_out(content):
    assert reason_against(content) == ("unsupported format: use JPEG, PNG or WebP")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_file_is_refused_as_damaged(kind):
    noise = Pillow.effect_noise((200, 200), 60).convert("RGB")
    content = encoded(noise, kind)
    assert "replace it with an intact copy" in reason_against(content[: len(content) // 2])


def test_an_empty_file_is_refused():
    assert reason_against(b"") == "empty file: replace it with an intact copy"


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", body), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize(("width", "height"), [(5001, 5000), (10_000, 9_000), (12_000, 12_000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_unread(width, height):
    """Below Pillow's own limit, where it warns, and where it raises."""
    assert "the limit is 25 million; make the image smaller" in reason_against(header_of_png(width, height))


def test_25_million_pixels_are_taken():
    assert read_photograph(encoded(Pillow.new("L", (5000, 5000)), "PNG")).width == 5000


def test_notes_that_inflate_do_not_reach_the_memory():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "x" * 80_000_000, zip=True)
    assert "damaged" in reason_against(encoded(kind="PNG", pnginfo=notes))


def test_a_file_over_20_mib_is_refused():
    assert "the limit is 20 MiB; make the image smaller" in reason_against(encoded() + bytes(LARGEST_FILE_BYTES))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_whatever_is_wrong_in_a_file_it_is_taken_or_refused_never_a_crash(kind):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    content = encoded(kind=kind, exif=exif.tobytes(), icc_profile=swapped_profile())
    chance = random.Random(7)
    verdicts: set[type] = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            verdicts.add(type(read_photograph(bytes(damaged[: chance.randint(20, len(damaged))]))))
        except BadPhotograph as error:
            assert ": " in str(error)
            verdicts.add(BadPhotograph)
    assert BadPhotograph in verdicts


# Files


def test_a_file_too_large_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        # A hole: reading it would take 8 GiB.
        file.truncate(8 * 2**30)
    with pytest.raises(BadPhotograph, match=r"8192\.0 MiB\): the limit is 20"):
        read_file(path)


def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadPhotograph, match="not a file"):
        read_file(tmp_path / "pipe.jpg")


def test_a_link_is_not_followed_and_what_is_absent_is_said(tmp_path):
    write(tmp_path / "real.jpg")
    (tmp_path / "link.jpg").symlink_to("real.jpg")
    for name in ("link.jpg", "absent.jpg"):
        with pytest.raises(BadPhotograph, match="cannot be read"):
            read_file(tmp_path / name)


def test_many_files_come_back_in_their_order_with_the_bad_ones_in_their_places(tmp_path):
    paths = [write(tmp_path / f"{n}.jpg", encoded(corners(20 + n, 20))) for n in range(12)]
    paths[5].write_bytes(b"no image")
    verdicts = list(read_files(iter(paths), n_processes=2))
    assert [n for n, verdict in enumerate(verdicts) if isinstance(verdict, BadPhotograph)] == [5]
    assert [verdict.width for verdict in verdicts if isinstance(verdict, Photograph)] == [
        20 + n for n in range(12) if n != 5
    ]


def test_no_files_are_no_photographs():
    assert list(read_files([])) == []


def kill_at_trap(source):
    if getattr(source, "name", "") == "trap.jpg" or source == b"trap":
        os.abort()
    return ORIGINAL_READ(source)


def test_a_file_that_kills_its_decoder_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_read", kill_at_trap)
    paths = [write(tmp_path / name) for name in ("a.jpg", "b.jpg", "trap.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg")]
    verdicts = list(read_files(paths, n_processes=2))
    assert [type(verdict) for verdict in verdicts] == [Photograph] * 2 + [BadPhotograph] + [Photograph] * 4
    assert "crashed" in str(verdicts[2])


@pytest.mark.parametrize("traps", [{0}, {2, 3, 20}, {27, 28, 29}] if os.environ.get("SOAK") else [{0}, {2, 28, 29}])
def test_several_that_do_cost_only_themselves_however_many_are_in_work(monkeypatch, traps):
    monkeypatch.setattr(decoding, "_read", kill_at_trap)
    verdicts = list(read_files([b"trap" if n in traps else encoded(corners(20 + n, 20)) for n in range(30)], 2))
    assert {n for n, verdict in enumerate(verdicts) if isinstance(verdict, BadPhotograph)} == traps
    assert [verdict.width for verdict in verdicts if isinstance(verdict, Photograph)] == [
        20 + n for n in range(30) if n not in traps
    ]


def test_contents_are_read_as_files_are_and_what_was_refused_before_keeps_its_place(monkeypatch):
    monkeypatch.setattr(decoding, "_read", kill_at_trap)
    contents = [encoded(corners(20 + n, 20)) for n in range(4)]
    verdicts = list(read_files([*contents[:2], BadPhotograph("gone"), b"trap", b"no image", *contents[2:]], 2))
    assert [verdict.original for verdict in verdicts if isinstance(verdict, Photograph)] == contents
    reasons = [str(verdict).partition(" ")[0] for verdict in verdicts if isinstance(verdict, BadPhotograph)]
    assert reasons == ["gone", "reading", "unsupported"]
    assert [type(verdict) for verdict in verdicts[2:5]] == [BadPhotograph] * 3


def take_turns(source):
    with decoding._alone:
        begin = time.monotonic()
        time.sleep(0.3)
        return Photograph(b"", "", round(begin * 1000), round(time.monotonic() * 1000))


def test_images_of_many_pixels_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(decoding, "_read", take_turns)
    read = [verdict for verdict in read_files([b"a", b"b", b"c"], 3) if isinstance(verdict, Photograph)]
    assert len(read) == 3
    times = sorted((verdict.width, verdict.height) for verdict in read)
    assert all(first_end <= begin for (_, first_end), (begin, _) in itertools.pairwise(times))


def test_no_more_is_read_ahead_than_fits(monkeypatch):
    monkeypatch.setattr(decoding, "BYTES_AHEAD", 3000)
    numbers: list[int] = []

    def sources() -> Iterator[bytes]:
        for n in range(30):
            numbers.append(n)
            yield bytes(1000)

    with closing(cast(Generator, read_files(sources(), 4))) as photographs:
        next(photographs)
        assert len(numbers) <= 4


def eat_memory(path):
    return len(bytearray(3 * 2**30))


def test_a_decoder_cannot_take_the_machines_memory(tmp_path):
    with decoding._pool(1) as pool, pytest.raises(MemoryError):
        pool.submit(eat_memory, tmp_path).result()


def test_a_decoder_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_read", stay_in_read)
    verdicts = list(read_files([write(tmp_path / "a.jpg")], n_processes=1))
    assert "crashed, or took more than" in str(verdicts[0])


def stay_in_read(path):
    decoding.SECONDS_PER_FILE = 1
    decoding.read_photograph = endless
    return ORIGINAL_READ(path)


def endless(path):
    while True:
        pass


ORIGINAL_READ = decoding._read
