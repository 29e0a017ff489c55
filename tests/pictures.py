"""Pictures to import: four corners of different colours, so that turning and converting them shows."""

import io
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 160, 40), (40, 60, 200), (120, 120, 120)


def corners(width: int = 64, height: int = 48) -> Pillow.Image:
    """Red top left, green top right, blue bottom left, grey bottom right."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left], pixels[:top, left:], pixels[top:, :left], pixels[top:, left:] = RED, GREEN, BLUE, GREY
    return Pillow.fromarray(pixels)


def encoded(picture: Pillow.Image | None = None, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    (picture or corners()).save(target, kind, **options)
    return target.getvalue()


def decoded(content: bytes) -> Pillow.Image:
    picture = Pillow.open(io.BytesIO(content))
    picture.load()
    return picture


def corner_colours(picture: Pillow.Image) -> list[tuple[int, ...]]:
    """The colours in the middles of the four quarters, in the order of `corners`."""
    width, height = picture.size
    return [colour_at(picture, width * x // 4, height * y // 4) for y in (1, 3) for x in (1, 3)]


def colour_at(picture: Pillow.Image, x: int, y: int) -> tuple[int, ...]:
    """Return the colour of a pixel of a picture with several channels."""
    colour = picture.getpixel((x, y))
    assert isinstance(colour, tuple)
    return colour


def write(path: Path, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded() if content is None else content)
    return path
