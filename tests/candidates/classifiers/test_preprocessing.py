"""The preparation of pictures for a network."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from candidates.classifiers.interface import ClassifierError
from candidates.classifiers.preprocessing import Preprocessing, UnknownView, rgb, view_between

PLAIN = Preprocessing(32)


def noise(width=90, height=60, seed=0) -> Pillow.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Pillow.fromarray(pixels)


def smooth(width, height) -> Pillow.Image:
    """Red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Pillow.fromarray(pixels)


def saved(picture: Pillow.Image, kind="JPEG", **options) -> Pillow.Image:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return Pillow.open(io.BytesIO(target.getvalue()))


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (8, 8), (1, 1), (500, 3)])
def test_every_picture_becomes_a_square_of_bytes(size):
    array = PLAIN.prepare(noise(*size))
    assert array.shape == (32, 32, 3)
    assert array.dtype == np.uint8


def test_the_middle_square_is_taken_as_resizing_and_cropping_would():
    picture = smooth(400, 320)
    resized = picture.resize((320, 256), Pillow.Resampling.BICUBIC).crop((48, 16, 272, 240))
    pixels = Preprocessing(224, 0.875).prepare(picture)
    assert np.abs(pixels.astype(int) - np.asarray(resized).astype(int)).max() <= 1


def test_a_wider_crop_sees_more_of_the_picture():
    narrow, wide = (Preprocessing(32, crop).prepare(smooth(64, 64)) for crop in (0.5, 1.0))
    assert wide[0, 0].max() < 10 < narrow[0, 0].min() + 60
    assert narrow[0, 0, 0] == pytest.approx(64, abs=6)
    assert wide[-1, -1, :2].min() > 245


def test_a_flip_exchanges_left_and_right_and_nothing_else():
    picture = noise()
    assert np.array_equal(PLAIN.viewed("flip").prepare(picture), PLAIN.prepare(picture)[:, ::-1])


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same():
    picture = smooth(1600, 1200)
    opened = saved(picture, quality=95)
    pixels = PLAIN.prepare(opened)
    assert opened.size < picture.size
    assert np.abs(pixels.astype(int) - PLAIN.prepare(picture).astype(int)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_lying_picture_is_seen_upright(orientation):
    upright = smooth(120, 80)
    turns = {
        2: [Pillow.Transpose.FLIP_LEFT_RIGHT],
        3: [Pillow.Transpose.ROTATE_180],
        4: [Pillow.Transpose.FLIP_TOP_BOTTOM],
        5: [Pillow.Transpose.TRANSPOSE],
        6: [Pillow.Transpose.ROTATE_90],
        7: [Pillow.Transpose.TRANSVERSE],
        8: [Pillow.Transpose.ROTATE_270],
    }
    lying = upright
    for turn in turns.get(orientation, []):
        lying = lying.transpose(turn)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    pixels = PLAIN.prepare(saved(lying, quality=100, exif=exif))
    assert np.abs(pixels.astype(int) - PLAIN.prepare(upright).astype(int)).max() <= 12


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr", "I", "F"])
def test_every_mode_becomes_three_colours(mode):
    if mode == "CMYK":
        picture = Pillow.new("CMYK", (20, 10), (0, 255, 255, 0))
        assert PLAIN.prepare(picture)[0, 0].tolist() == [255, 0, 0]
    assert PLAIN.prepare(noise().convert("RGB").convert(mode)).shape == (32, 32, 3)


def test_sixteen_bits_of_grey_are_scaled_not_clipped():
    levels = np.array([[0, 65535], [32896, 257]], np.uint16)
    assert np.asarray(rgb(saved(Pillow.fromarray(levels), "PNG")))[..., 0].tolist() == [[0, 255], [128, 1]]


def test_what_is_transparent_is_white():
    hole = Pillow.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert np.asarray(rgb(hole)).min() == 255


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_notes_about_a_picture_do_not_lose_it():
    target = io.BytesIO()
    noise().save(target, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    assert PLAIN.prepare(Pillow.open(io.BytesIO(target.getvalue()))).shape == (32, 32, 3)


def test_views_are_named_by_what_they_do_otherwise():
    assert view_between(PLAIN, PLAIN.viewed("flip")) == ("flip", "flip")
    assert view_between(PLAIN, PLAIN.viewed("flip,crop=1.0")) == ("crop 1.0, flip", "crop=1.0,flip")
    assert view_between(PLAIN, PLAIN.viewed("crop=0.875")) == ("", "")


@pytest.mark.parametrize("view", ["rotate", "", "crop", "crop=", "crop=-1", "crop=1.0 ", "flip,", "crop=1e3", "FLIP"])
def test_an_unknown_view_is_refused_with_those_there_are(view):
    with pytest.raises(UnknownView, match="Views: flip .* and crop=F"):
        PLAIN.viewed(view)


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"input_size": 0}, "input_size"),
        ({"input_size": 2.5}, "input_size"),
        ({"input_size": True}, "input_size"),
        ({"input_size": 8, "crop": 0}, "crop"),
        ({"input_size": 8, "crop": 1.01}, "crop"),
        ({"input_size": 8, "crop": "all"}, "crop"),
        ({"input_size": 8, "interpolation": "cubic"}, "interpolation"),
    ],
)
def test_impossible_figures_are_refused_by_name(figures, word):
    with pytest.raises(ClassifierError, match=word):
        Preprocessing(**figures)
