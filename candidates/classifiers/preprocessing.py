"""The preparation of a picture: the square of pixels that a network reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as Pillow

from candidates.classifiers.interface import ClassifierError, Pictures
from catalog.errors import gettext

INTERPOLATIONS = {
    "nearest": Pillow.Resampling.NEAREST,
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
    "lanczos": Pillow.Resampling.LANCZOS,
}
# The turn that sets a picture upright (EXIF orientation), as people see it.
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
# Modes that can be scaled as they are; a conversion in full size would take twice the memory and more.
SCALABLE = ("L", "RGB", "CMYK", "LA", "RGBA")
# A large JPEG is decoded at a half, a quarter or an eighth while that leaves this many times the required pixels.
DECODED_TIMES = 2
# Longer strips than this are not scaled as a whole: a picture of one row would fill the memory.
LONGEST = 8
VIEW = re.compile(r"flip|crop=(?P<crop>\d+(\.\d+)?)")
VIEWS = "flip (left and right exchanged) and crop=F (the middle F of the shorter side, above 0, at most 1)"


class UnknownView(ClassifierError):
    """An error: no view has that name."""


@dataclass(frozen=True)
class Preprocessing:
    """The crop of a picture's middle square, scaled to the size of the network's input.

    Attributes:
        input_size: side of the result in pixels.
        crop: side of the middle square, as a part of the picture's shorter side; 0.875 is the usual one.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        flip: whether left and right are exchanged.
        scaled: for networks whose authors scale first and then take the square at whole pixels: the length that the
            shorter side is scaled to. The square then lies where theirs does, up to half a pixel off the middle.
            None: exactly in the middle.
        squash: whether the authors scale both sides to `scaled`, whatever the picture's proportions.
    """

    input_size: int
    crop: float = 0.875
    interpolation: str = "bicubic"
    flip: bool = False
    scaled: int | None = None
    squash: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.input_size, bool) or not isinstance(self.input_size, int) or self.input_size < 1:
            message = gettext("input_size is %(value)r; write the side in pixels, such as 224.")
            raise ClassifierError(message % {"value": self.input_size})
        if isinstance(self.crop, bool) or not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            message = gettext("crop is %(value)r; it must be above 0 and at most 1.")
            raise ClassifierError(message % {"value": self.crop})
        if self.interpolation not in INTERPOLATIONS:
            message = gettext("interpolation is %(value)r; it must be one of: %(names)s.")
            raise ClassifierError(message % {"value": self.interpolation, "names": ", ".join(INTERPOLATIONS)})

    def prepare(self, picture: Pillow.Image) -> Pictures:
        """Return (input_size, input_size, 3) bytes of red, green and blue. Safe in threads, one picture each."""
        least = round(DECODED_TIMES * self.input_size / self.crop)
        whole = self._scaled_size(*picture.size)
        # Affects only a JPEG whose pixels have not been read yet.
        picture.draft(None, (least, least))
        turn = TURNS.get(_orientation(picture))
        small = rgb(self._middle(picture) if whole is None else self._as_authors(picture, whole))
        # The middle square turned is the turned picture's middle square.
        small = small.transpose(turn) if turn is not None else small
        small = small.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT) if self.flip else small
        return np.asarray(small)

    def _middle(self, picture: Pillow.Image) -> Pillow.Image:
        """Crop and scale in one step: only the pixels inside the box are touched."""
        width, height = picture.size
        side = min(width, height) * self.crop
        box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
        square = (self.input_size, self.input_size)
        return _scalable(picture).resize(square, INTERPOLATIONS[self.interpolation], box=box)

    def _as_authors(self, picture: Pillow.Image, whole: tuple[int, int]) -> Pillow.Image:
        """Scale first, then crop: every pixel is the authors'."""
        # A half is rounded to the even pixel, as the authors do.
        left, top = (round((side - self.input_size) / 2) for side in whole)
        scaled = _scalable(picture).resize(whole, INTERPOLATIONS[self.interpolation])
        return scaled.crop((left, top, left + self.input_size, top + self.input_size))

    def _scaled_size(self, width: int, height: int) -> tuple[int, int] | None:
        """Return the authors' size of the scaled picture; None where the square is cut from the middle at once."""
        if self.scaled is None or self.scaled < self.input_size or max(width, height) > LONGEST * min(width, height):
            return None
        if self.squash:
            return self.scaled, self.scaled
        # The longer side is rounded down.
        shorter = min(width, height)
        return self.scaled * width // shorter, self.scaled * height // shorter

    def viewed(self, view: str) -> Preprocessing:
        """Return the preparation with a view such as "flip" or "flip,crop=1.0". Raises UnknownView."""
        changed = self
        for part in view.split(","):
            match = VIEW.fullmatch(part)
            if match is None:
                message = gettext("There is no view %(view)r. Views: %(views)s; separate several with commas.")
                raise UnknownView(message % {"view": part, "views": VIEWS})
            crop = match["crop"]
            changed = replace(changed, flip=True) if crop is None else changed._cropped(float(crop))
        return changed

    def _cropped(self, crop: float) -> Preprocessing:
        """Return the preparation with a crop in the middle that keeps proportions; the authors' own crop stays."""
        return self if crop == self.crop else replace(self, crop=crop, scaled=None, squash=False)


def view_between(plain: Preprocessing, seen: Preprocessing) -> tuple[str, str]:
    """Return the differences of `seen` from `plain`, for people and as part of a name.

    >>> view_between(Preprocessing(224), Preprocessing(224, crop=1.0, flip=True))
    ('crop 1.0, flip', 'crop=1.0,flip')
    >>> view_between(Preprocessing(224), Preprocessing(224))
    ('', '')
    """
    parts = [("crop", str(seen.crop))] if seen.crop != plain.crop else []
    words = [" ".join(part) for part in parts] + ["flip"] * seen.flip
    names = ["=".join(part) for part in parts] + ["flip"] * seen.flip
    return ", ".join(words), ",".join(names)


def rgb(picture: Pillow.Image) -> Pillow.Image:
    """Return eight bits of red, green and blue; transparent areas are white; 16-bit grey is scaled, not clipped."""
    plain = _scalable(picture)
    if "A" in plain.getbands():
        layered = plain.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", layered.size, "white"), layered).convert("RGB")
    return plain.convert("RGB")


def _scalable(picture: Pillow.Image) -> Pillow.Image:
    """Return a picture whose values may be averaged: no palette, no single transparent colour, eight bits."""
    if "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode in SCALABLE:
        return picture
    if picture.mode.startswith("I"):
        levels = np.clip(np.asarray(picture), 0, 65535)
        return Pillow.fromarray((levels // 257).astype(np.uint8))
    return picture.convert("RGB")


def _orientation(picture: Pillow.Image) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        # Damaged metadata, of any kind: the picture stays unturned, as browsers show it.
        return 1
