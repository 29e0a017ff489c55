"""Reading an image file: what it is, whether we take it, and the picture that workers get to see."""

import io
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, UnidentifiedImageError

# The suffix follows from what the file is, never from its name. MPO: a JPEG with further pictures behind the first,
# as many telephones write them.
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp"}
LARGEST_FILE_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 25_000_000
DISPLAY_SIDE_PIXELS = 1024
# What can be made smaller as it is; palettes cannot be averaged, 16-bit grey and transparency need work first.
PLAIN_MODES = ("L", "RGB", "CMYK")
# EXIF orientation: how a picture has to be turned to stand upright.
ORIENTATION = 0x0112
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)


class BadPhotograph(ValueError):
    """A file that is not an image we take; the message says why."""


@dataclass(frozen=True)
class Photograph:
    """An image as it came, and as it is shown: at most 1,024 pixels a side, upright, sRGB, without metadata.

    `width` and `height` are the original's, upright.
    """

    original: bytes
    suffix: str
    display: bytes
    width: int
    height: int


def read_file(path: Path) -> Photograph:
    """The photograph in a file; a file too large is refused unread. Raises BadPhotograph."""
    try:
        # Not through a link put there since the path was checked, and without waiting for a pipe's other end.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadPhotograph("it is not a file: name an image file")
            _check_size(status.st_size)
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise BadPhotograph(f"it cannot be read ({error.strerror}): check the name and its permissions") from None
    return read_photograph(content)


def read_photograph(content: bytes) -> Photograph:
    """Check and convert the bytes of an image file. Raises BadPhotograph with the reason and the way out."""
    _check_size(len(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Pillow only warns of images between once and twice its limit; for us the limit is the limit.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            return _convert(content)
    except BadPhotograph:
        raise
    except UnidentifiedImageError:
        raise BadPhotograph(
            "it is not an image that is taken: JPEG, PNG and WebP are; convert it, or leave it out"
        ) from None
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise BadPhotograph(_too_many_pixels("far more")) from None
    except Exception as error:
        # Pillow's parsers let through whatever they stumble over in a damaged file: there is no list to name here.
        raise BadPhotograph(f"it is damaged ({error or type(error).__name__}): get a complete copy of it") from None


def _check_size(n_bytes: int) -> None:
    if n_bytes == 0:
        raise BadPhotograph("it is empty: get a complete copy of it")
    if n_bytes > LARGEST_FILE_BYTES:
        limit = LARGEST_FILE_BYTES // 2**20
        raise BadPhotograph(f"it has {n_bytes / 2**20:.1f} MiB; at most {limit} are taken: make it smaller")


def _too_many_pixels(found: str) -> str:
    return f"it has {found} pixels; at most {MOST_PIXELS / 1e6:.0f} million are taken: make it smaller"


def _convert(content: bytes) -> Photograph:
    with Pillow.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise BadPhotograph(_too_many_pixels(f"{width:,} x {height:,}"))
        suffix = SUFFIXES[picture.format or ""]
        orientation = _orientation(picture)
        if orientation in LYING:
            width, height = height, width
        return Photograph(content, suffix, _display(picture, orientation), width, height)


def _orientation(picture: Pillow.Image) -> int | None:
    try:
        return picture.getexif().get(ORIENTATION)
    except Exception:
        # A picture is not lost for damaged notes about it; browsers show it as it lies, too.
        return None


def _display(picture: Pillow.Image, orientation: int | None) -> bytes:
    shown = picture if picture.mode in PLAIN_MODES and "transparency" not in picture.info else _plain(picture)
    # A plain JPEG is decoded at about the size shown in the first place.
    shown.thumbnail((DISPLAY_SIDE_PIXELS, DISPLAY_SIDE_PIXELS))
    shown = _srgb(shown, picture.info.get("icc_profile"))
    if orientation in TURNS:
        shown = shown.transpose(TURNS[orientation])
    # Only pixels go into the new file: no comment, profile or position that could tell where it came from.
    bare = Pillow.new("RGB", shown.size)
    bare.paste(shown)
    target = io.BytesIO()
    bare.save(target, "JPEG", quality=90)
    return target.getvalue()


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """Eight bits, without palette; what is transparent is white."""
    if picture.mode.startswith("I"):
        return _eight_bits(picture)
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    # Pillow clips 16-bit grey to white, so the scaling is ours.
    levels = np.asarray(picture)
    grey = np.rint(levels / 257).astype(np.uint8)
    grey[levels == picture.info.get("transparency", -1)] = 255
    return Pillow.fromarray(grey)


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """In the colours that a browser assumes of a picture without a profile."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            # Damaged, or of another kind of picture (grey for colour): the plain conversion is the next best.
            return picture.convert("RGB")
    return picture.convert("RGB")
