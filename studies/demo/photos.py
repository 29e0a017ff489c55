"""The photographs of the demo study and the labels that their dataset gives them.

The photographs are part of two installed packages (requirements/demo.txt) and are read there: foolbox has ImageNet
samples whose file names end in the class index; scikit-image has free photographs without labels, which we labelled.
Some labels are wrong, so that the study has something to find. The classifiers propose the other labels.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext

from catalog.errors import UserError

FOOLBOX, SKIMAGE = "foolbox", "skimage"
DISTRIBUTIONS = {FOOLBOX: "foolbox", SKIMAGE: "scikit-image"}


class DemoPhotoMissing(UserError):
    """A photograph of the demo study that is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Photo:
    """The place of a photograph in a package, and the index of its ImageNet class."""

    package: str
    file: str
    dataset_label: int


@dataclass(frozen=True)
class DemoPhoto:
    """An installed photograph; `dataset_label` is a class index."""

    name: str
    path: Path
    dataset_label: int


def _foolbox(number: int, label: int) -> Photo:
    return Photo(FOOLBOX, f"data/imagenet_{number:02}_{label}.jpg", label)


def _skimage(file: str, label: int) -> Photo:
    return Photo(SKIMAGE, f"data/{file}", label)


# Grids are assigned in this order: photographs of several things, or of things that are hard to name, come first.
PHOTOS = (
    _skimage("chelsea.png", 281),  # tabby; which kind of cat it is, is open
    _skimage("coffee.png", 967),  # espresso, in a cup
    _skimage("motorcycle_left.png", 665),  # moped; ImageNet has no class for motorcycles
    _foolbox(6, 609),  # jeep, with car wheels, as the next
    _foolbox(7, 609),
    _skimage("rocket.jpg", 657),  # missile
    _skimage("camera.png", 872),  # tripod, and who uses it
    _foolbox(16, 251),  # dalmatian, with a mushroom
    _foolbox(5, 853),  # thatch, with an obelisk, or something like it
    _foolbox(12, 741),  # prayer rug, but what it shows is windows of coloured glass
    _foolbox(11, 630),  # Loafer, but a shoe with laces
    _skimage("astronaut.png", 812),  # space shuttle: a model of one, behind the astronaut
    _foolbox(3, 990),  # buckeye, with a spider web
    _foolbox(0, 243),  # bull mastiff
    _foolbox(15, 99),  # goose
    _foolbox(2, 438),  # beaker
    _foolbox(4, 949),  # strawberry
    _foolbox(9, 455),  # bottlecap
    _foolbox(13, 471),  # cannon
    _foolbox(14, 129),  # spoonbill
    _foolbox(17, 22),  # bald eagle
    _foolbox(18, 317),  # leafhopper
    _foolbox(19, 305),  # dung beetle
    _foolbox(8, 915),  # yurt
    _foolbox(1, 559),  # folding chair
)


def demo_photos() -> list[DemoPhoto]:
    """Return the installed photographs in their order. Raises DemoPhotoMissing."""
    return [
        DemoPhoto(
            name=f"photo-{number:02}",
            path=installed_path(photo.package, photo.file),
            dataset_label=photo.dataset_label,
        )
        for number, photo in enumerate(PHOTOS, start=1)
    ]


def installed_path(package: str, file: str) -> Path:
    """Return the path of a file in an installed package, without importing it. Raises DemoPhotoMissing."""
    distribution = DISTRIBUTIONS.get(package, package)
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DemoPhotoMissing(
            gettext("The demo study needs the package %(package)s for its photographs, which is not installed.")
            % {"package": distribution},
            shell=gettext("Install the package by starting ./run (requirements/demo.txt)."),
            page=gettext("The site administrator can install the package."),
        )
    path = Path(spec.submodule_search_locations[0], file)
    if not path.is_file():
        raise DemoPhotoMissing(
            gettext(
                "The installed package %(package)s has no %(file)s: its version differs from requirements/demo.txt."
            )
            % {"package": distribution, "file": file},
            shell=gettext("Install the right version by starting ./run."),
            page=gettext("The site administrator can install the right version."),
        )
    return path
