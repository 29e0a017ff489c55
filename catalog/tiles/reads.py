"""Small versions of a photograph for slow connections, in the smaller of two formats. They can all be made again."""

import io

from PIL import Image as Pillow

# The longest side, in pixels. A cell of a grid is shown at 170 to 220: the first is for screens of one pixel to that
# unit, the second for all denser ones. Three pixels to a unit would be four times the bytes, which nobody would see in
# a picture of that size. The last is for a photograph that a page shows alone.
CELL_SIDES = (240, 300)
SIDES = (*CELL_SIDES, 720)
# Chosen on photographs of ImageNet's: about as good as each other, and 48 squares of 300 below 0.8 MB.
OPTIONS: dict[str, dict[str, int | bool]] = {
    "WEBP": {"quality": 70, "method": 2},
    "JPEG": {"quality": 75, "optimize": True, "progressive": True},
}
WEBP, JPEG = "image/webp", "image/jpeg"
MOST_SIDE_PIXELS = 2048


def small_version(picture: Pillow.Image, side: int) -> bytes:
    """Return a picture of at most `side` pixels a side, never enlarged, as WebP or JPEG: the smaller file.

    `picture` is ready to be shown: upright, RGB, sRGB.
    """
    small = picture.copy()
    small.thumbnail((side, side))
    return min((_encoded(small, kind) for kind in OPTIONS), key=len)


def small_version_of_file(content: bytes, side: int) -> bytes:
    """Return a small version of a JPEG that the site itself has made to be shown. Raises OSError if it is damaged."""
    with Pillow.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        if max(picture.size) > MOST_SIDE_PIXELS:
            raise OSError(f"a picture of {picture.size} was not made by this site")
        return small_version(picture.convert("RGB"), side)


def media_type(content: bytes) -> str:
    """Return the type of a small version, or nothing if it is not whole: a stop may have cut off its end.

    >>> media_type(b"RIFF"), media_type(b"")
    ('', '')
    """
    if (
        content[:4] == b"RIFF"
        and content[8:12] == b"WEBP"
        and len(content) == int.from_bytes(content[4:8], "little") + 8
    ):
        return WEBP
    return JPEG if content[:2] == b"\xff\xd8" and content[-2:] == b"\xff\xd9" else ""


def _encoded(picture: Pillow.Image, kind: str) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **OPTIONS[kind])
    return target.getvalue()
