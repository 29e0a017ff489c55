"""Image files: their format, the checks before an import, and the pictures that workers see."""

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageCms, ImageMath, UnidentifiedImageError

from catalog.errors import UserError, gettext, reason_in
from catalog.tiles.reads import SIDES, small_version

# The suffix follows from the content of the file, never from its name. MPO: a JPEG with further pictures behind the
# first, as many telephones write them.
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp"}
LARGEST_FILE_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 25_000_000
# Its decoder takes three times the memory that the others do. A telephone's 4,032 x 3,024 are within.
MOST_PIXELS_OF_WEBP = 12_500_000
DISPLAY_SIDE_PIXELS = 1024
THUMBNAIL_SIDE_PIXELS = 320
JPEG_QUALITY = 90
# An image with more than this is decoded alone: several at once would fill the memory.
MANY_PIXELS = 2_000_000
# Rows converted at a time, so that memory never holds a whole image in two modes.
ROWS_AT_ONCE = 256
# Modes that can be scaled as they are; palettes cannot be averaged, 16-bit grey and transparency need work first.
PLAIN_MODES = ("L", "RGB", "CMYK")
# EXIF orientation: the turn that sets a picture upright.
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


class BadPhotograph(UserError):
    """An error: a file is not an image of a supported kind; the message gives the reason."""


@dataclass(frozen=True)
class Photograph:
    """An image file that was read to its end and can be shown. `width` and `height` are the original's, upright."""

    original: bytes
    suffix: str
    width: int
    height: int


@dataclass(frozen=True)
class Pictures:
    """The pictures of an image that people see: JPEG, upright, sRGB, without metadata.

    `display` has at most 1,024 pixels a side, for one image on a page; `thumbnail` at most 320, for many. `tiles` are
    smaller files of these, by their longest side (catalog.tiles).
    """

    display: bytes
    thumbnail: bytes
    tiles: dict[int, bytes]


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of an image file, by which the same file is known again."""
    return hashlib.sha256(content).hexdigest()


def read_content(path: Path) -> bytes:
    """Return the content of a file; a file too large is refused unread. Raises BadPhotograph."""
    try:
        # Not through a link put there since the path was checked, and without waiting for a pipe's other end.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadPhotograph(gettext("not a file: name an image file"))
            _check_size(status.st_size)
            return file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        message = gettext("the file cannot be read (%(reason)s): check its name and permissions")
        raise BadPhotograph(message % {"reason": error.strerror}) from None


def read_file(path: Path) -> Photograph:
    """Read the photograph in a file. Raises BadPhotograph."""
    return read_photograph(read_content(path))


def read_photograph(content: bytes) -> Photograph:
    """Check the bytes of an image file, to their end. Raises BadPhotograph with the reason and the way out."""
    with _refusals(), _opened(content) as picture:
        suffix = SUFFIXES[picture.format or ""]
        orientation = _orientation(picture)
        width, height = reversed(picture.size) if orientation in LYING else picture.size
        # The same steps that will make the pictures: an image that passes here can be displayed.
        _shown(picture, orientation)
        return Photograph(content, suffix, width, height)


def pictures_of(content: bytes) -> Pictures:
    """Return the pictures to show of an image file. Raises BadPhotograph."""
    with _refusals(), _opened(content) as picture:
        display = _shown(picture, _orientation(picture))
        tiles = {side: small_version(display, side) for side in SIDES}
        return Pictures(_jpeg(display), _thumbnail(display), tiles)


def display_and_thumbnail(content: bytes) -> tuple[bytes, bytes]:
    """Return the two pictures of an image file for researchers' pages alone. Raises BadPhotograph."""
    with _refusals(), _opened(content) as picture:
        display = _shown(picture, _orientation(picture))
        return _jpeg(display), _thumbnail(display)


def _thumbnail(display: Pillow.Image) -> bytes:
    thumbnail = display.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE_PIXELS, THUMBNAIL_SIDE_PIXELS))
    return _jpeg(thumbnail)


def n_pixels(content: bytes) -> int:
    """Return the number of pixels that the head of an image file declares. Raises BadPhotograph."""
    with _refusals(), _opened(content) as picture:
        return picture.width * picture.height


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise BadPhotograph for every error in reading an image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Pillow only warns of images between once and twice its limit; for us the limit is the limit.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            yield
    except BadPhotograph:
        raise
    except UnidentifiedImageError:
        raise BadPhotograph(gettext("unsupported format: use JPEG, PNG or WebP")) from None
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        message = gettext("far too many pixels: the limit is %(most)s million; make the image smaller")
        raise BadPhotograph(message % {"most": f"{MOST_PIXELS / 1e6:g}"}) from None
    except Exception as error:
        # Pillow's parsers let through whatever they stumble over in a damaged file: there is no list to name here.
        message = gettext("damaged file (%(reason)s): replace it with an intact copy")
        raise BadPhotograph(message % {"reason": reason_in(error)}) from None


@contextmanager
def _opened(content: bytes) -> Iterator[Pillow.Image]:
    _check_size(len(content))
    with Pillow.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
        width, height = picture.size
        most = MOST_PIXELS_OF_WEBP if picture.format == "WEBP" else MOST_PIXELS
        if width * height > most:
            message = gettext(
                "too many pixels (%(width)s x %(height)s): the limit is %(most)s million; make the image smaller"
            )
            raise BadPhotograph(message % {"width": f"{width:,}", "height": f"{height:,}", "most": f"{most / 1e6:g}"})
        yield picture


def _check_size(n_bytes: int) -> None:
    if n_bytes == 0:
        raise BadPhotograph(gettext("empty file: replace it with an intact copy"))
    if n_bytes > LARGEST_FILE_BYTES:
        message = gettext("file too large (%(size)s MiB): the limit is %(most)s MiB; make the image smaller")
        raise BadPhotograph(message % {"size": f"{n_bytes / 2**20:.1f}", "most": LARGEST_FILE_BYTES // 2**20})


def _orientation(picture: Pillow.Image) -> int | None:
    try:
        return picture.getexif().get(ORIENTATION)
    except Exception:
        # Damaged metadata must not cost the picture; browsers show it unturned, too.
        return None


def _shown(picture: Pillow.Image, orientation: int | None) -> Pillow.Image:
    """Return a picture of at most DISPLAY_SIDE_PIXELS a side, upright, RGB as browsers read it; without metadata."""
    profile = picture.info.get("icc_profile")
    plain = picture.mode in PLAIN_MODES and "transparency" not in picture.info
    # A plain JPEG is decoded at about the displayed size in the first place.
    display = picture if plain else _small_and_plain(picture)
    display.thumbnail((DISPLAY_SIDE_PIXELS, DISPLAY_SIDE_PIXELS))
    display = _srgb(display, profile)
    if orientation in TURNS:
        display = display.transpose(TURNS[orientation])
    bare = Pillow.new("RGB", display.size)
    bare.paste(display)
    return bare


def _jpeg(picture: Pillow.Image) -> bytes:
    # Only pixels go into the new file: no comment, profile or position that could tell where it came from.
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=JPEG_QUALITY)
    return target.getvalue()


def _small_and_plain(picture: Pillow.Image) -> Pillow.Image:
    """Return a plain picture at most about four times as large as the display; made one band of rows at a time."""
    factor = max(1, max(picture.size) // (2 * DISPLAY_SIDE_PIXELS))
    rows = ROWS_AT_ONCE // factor * factor or factor
    picture.load()
    whole = Pillow.new("L", (0, 0))
    for top in range(0, picture.height, rows):
        band = _plain(picture.crop((0, top, picture.width, min(top + rows, picture.height)))).reduce(factor)
        # Pasted at once: all bands beside the whole would hold the image a second time.
        whole = whole if top else Pillow.new(band.mode, (band.width, -(-picture.height // factor)))
        whole.paste(band, (0, top // factor))
    return whole


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """Return a picture of eight bits without palette; transparent areas are white."""
    if picture.mode.startswith("I"):
        return _eight_bits(picture)
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    # Pillow clips 16-bit grey to white, so the scaling is ours. Not numpy's: each decoding process would load that.
    levels = picture.convert("I")
    grey: Pillow.Image = ImageMath.lambda_eval(
        lambda names: names["convert"]((names["levels"] + 128) / 257, "L"), levels=levels
    )
    if (transparent := picture.info.get("transparency")) is not None:
        is_white = ImageMath.lambda_eval(
            lambda names: names["convert"]((names["levels"] == transparent) * 255, "L"), levels=levels
        )
        grey.paste(255, mask=is_white)
    return grey


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """Return the picture in the colours that browsers assume without a profile."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            # Damaged, or of another kind of picture (grey for colour): the plain conversion is the next best.
            return picture.convert("RGB")
        assert changed is not None, "only a change in place returns nothing"
        return changed
    return picture.convert("RGB")
