"""Files as an attacker or a careless archiver would send them: refused with a reason, or handled, in bounded memory.

The import runs as a researcher's does, in a process of its own, whose memory and that of its decoders is watched.
"""

import io
import os
import struct
import sys
import zipfile
import zlib
from functools import lru_cache
from urllib.parse import quote

import numpy as np
import pytest
from django.db import connection
from PIL import Image as Pillow
from PIL import PngImagePlugin

from catalog.photographs.actions import make_pictures
from data_import.images.actions import find_images, import_images
from launcher.places import ROOT
from tests.archives import LINK_MODE, member, tar, zip_of
from tests.factories import make_dataset
from tests.pictures import corner_colours, corners, decoded, encoded, write
from tests.process_memory import run_and_weigh, tree_bytes

MOST_BYTES = 500 * 10**6
HTML = b"<html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>'


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def png(width: int, height: int, pixels: bytes, depth: int = 8, colour: int = 2) -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        (b"IDAT", pixels),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def bomb(side: int) -> bytes:
    """A true PNG of side x side black pixels in a few kB: one bit each."""
    return png(side, side, zlib.compress(bytes((side // 8 + 1) * side), 9), depth=1, colour=0)


def squares(mode: str = "RGB") -> Pillow.Image:
    """25 million pixels, the most that is taken."""
    shades = np.arange(625 * 625 * 4, dtype=np.uint32).reshape(625, 625, 4) * 2_654_435_761 >> 24
    return Pillow.fromarray(shades.astype(np.uint8)).convert(mode).resize((5000, 5000), Pillow.Resampling.NEAREST)


@lru_cache(maxsize=1)
def largest_taken() -> dict[str, bytes]:
    """Of each kind, what takes the most memory to decode."""
    grey = np.asarray(squares("L")).astype(np.uint16) * 257
    webp = squares("RGBA").resize((4032, 3024), Pillow.Resampling.NEAREST)
    return {
        "rgba.png": encoded(squares("RGBA"), "PNG", compress_level=1),
        "grey16.png": encoded(Pillow.fromarray(grey), "PNG", compress_level=1),
        "progressive.jpg": encoded(squares(), quality=60, progressive=True, subsampling=0),
        "cmyk.jpg": encoded(squares("CMYK"), quality=50, progressive=True),
        "lossless.webp": encoded(webp, "WEBP", lossless=True, quality=0, method=0),
        "lossy.webp": encoded(webp, "WEBP", quality=40, method=0),
    }


def notes_of(text: str) -> PngImagePlugin.PngInfo:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", text, zip=True)
    return notes


@lru_cache(maxsize=1)
def refused() -> dict[str, tuple[bytes, str]]:
    """By name: the file, and a word of the reason."""
    return {
        "144-megapixels.png": (bomb(12_000), "the limit is 25 million"),
        "400-megapixels.png": (bomb(20_000), "the limit is 25 million"),
        "claims.png": (png(2**31 - 1, 2**31 - 1, b""), "the limit is 25 million"),
        "large.webp": (encoded(Pillow.new("RGB", (4200, 3000)), "WEBP", method=0), "the limit is 12.5 million"),
        "inflating-notes.png": (encoded(kind="PNG", pnginfo=notes_of("x" * 80_000_000)), "damaged"),
        "truncated.jpg": (encoded(squares().resize((800, 800)))[:20_000], "damaged"),
        "truncated.png": (encoded(squares().resize((800, 800)), "PNG")[:20_000], "damaged"),
        "drawing.svg": (SVG, "unsupported format"),
        "drawing.jpg": (SVG, "unsupported format"),
        "page.jpg": (HTML, "unsupported format"),
        "gifar.jpg": (encoded(kind="GIF") + HTML, "unsupported format"),
        "script.png": (b"#!/bin/sh\nexit\n" + encoded(kind="PNG"), "unsupported format"),
        "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported format"),
        "large.jpg": (encoded() + bytes(20 * 2**20), "the limit is 20 MiB"),
        "empty.jpg": (b"", "empty"),
    }


def polyglots() -> dict[str, bytes]:
    """Images that are also something else: taken as the image they are, and shown without the rest."""
    return {
        "image-and-page.jpg": encoded() + HTML,
        "comment.jpg": encoded(comment=HTML),
        "image-and-archive.png": encoded(kind="PNG") + zip_bytes({"index.html": HTML}),
        "=cmd|' -C calc'!A0.jpg": encoded(),
        '"><img src=x onerror=alert(1)>.jpg': encoded(),
    }


def zip_bytes(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


def imported(dataset, path) -> tuple[dict[str, str], str, int]:
    """Import in a process of its own: refusals by place, all that was said, and the most bytes it had."""
    site = connection.settings_dict
    address = f"postgres://{site['USER']}@{quote(site['HOST'], safe='')}:{site['PORT']}/{site['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "annotation_site.settings",
        "MEDIA_ROOT": str(path.parent / "media"),
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": address,
        "SECRET_KEY": "0123456789" * 5 + "abcdef",
    }
    words = [sys.executable, "manage.py", "import", "images", str(path), "--dataset", dataset.name]
    done, n_bytes = run_and_weigh(words, cwd=ROOT, env=environment)
    lines = dict(line.partition(": ")[::2] for line in done.stderr.splitlines())
    return lines, done.stdout + done.stderr, n_bytes


@pytest.mark.django_db(transaction=True)
def test_what_is_dangerous_is_refused_and_what_is_odd_is_handled_in_bounded_memory(tmp_path, media):
    folder = tmp_path / "corpus"
    bad, odd = refused(), polyglots() | largest_taken()
    for name, content in {**{name: content for name, (content, _) in bad.items()}, **odd}.items():
        write(folder / name, content)
    (folder / "passwd.jpg").symlink_to("/etc/passwd")
    dataset = make_dataset()
    reasons, said, n_bytes = imported(dataset, folder)
    assert f"Dataset “{dataset.name}”: {len(odd)} images were added." in said, said
    assert "passwd.jpg: it is a link out of the folder" in said
    assert {name: words for name, (_, words) in bad.items() if words not in reasons.get(name, "")} == {}
    assert set(dataset.images.values_list("name", flat=True)) == set(odd)
    print(f"most memory of the import: {n_bytes / 1e6:.0f} MB")
    assert n_bytes < MOST_BYTES


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["corpus.tar.gz", "corpus.zip"])
def test_the_same_holds_inside_an_archive(tmp_path, media, kind):
    bad, odd = refused(), polyglots() | {name: content for name, content in largest_taken().items() if "webp" in name}
    files = {name: content for name, (content, _) in bad.items()} | odd | {"../../slip.jpg": encoded()}
    if kind.endswith("zip"):
        path = zip_of(tmp_path / kind, files | {"passwd.jpg": b"/etc/passwd"}, passwd_jpg=LINK_MODE)
    else:
        link = member("passwd.jpg", type=b"2", linkname="/etc/passwd")
        path = tar(tmp_path / kind, *(member(name, content) for name, content in files.items()), link)
    dataset = make_dataset()
    reasons, said, n_bytes = imported(dataset, path)
    assert f"{len(odd)} images were added" in said, said
    assert "../../slip.jpg: its name leads out" in said and "passwd.jpg: it is a link" in said
    assert {name: words for name, (_, words) in bad.items() if words not in reasons.get(name, "")} == {}
    assert not list(tmp_path.parent.rglob("slip.jpg"))
    print(f"most memory of the import: {n_bytes / 1e6:.0f} MB")
    assert n_bytes < MOST_BYTES


@pytest.mark.django_db
def test_what_is_shown_of_a_polyglot_is_the_picture_alone(tmp_path, media):
    dataset = make_dataset()
    folder = tmp_path / "odd"
    for name, content in polyglots().items():
        write(folder / name, content)
    import_images(dataset=dataset, listing=find_images(str(folder), dataset.label_set), progress=lambda n: None)
    assert make_pictures() == len(polyglots())
    for image in dataset.images.all():
        for file in (image.display, image.thumbnail):
            with file.open() as opened:
                shown = opened.read()
            assert b"script" not in shown and b"PK" not in shown
            assert shown.endswith(b"\xff\xd9")
            assert np.abs(np.subtract(corner_colours(decoded(shown)), corner_colours(corners()))).max() < 20


def test_the_scales_weigh_children_too():
    block = "import time; b = bytearray(10**8); time.sleep(1)"
    both = f"import subprocess, sys; b = bytearray(10**8); subprocess.run([sys.executable, '-c', {block!r}])"
    _, n_bytes = run_and_weigh([sys.executable, "-c", both])
    assert n_bytes > 1.9e8
    assert tree_bytes(os.getpid()) > 10**7
