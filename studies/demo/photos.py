"""The photographs of the demo study and the labels that their dataset gives them.

The photographs lie inside two installed packages (requirements/demo.txt) and are read where they lie:
foolbox brings ImageNet samples whose file names end in the class index, scikit-image free photographs
without a label, which we gave one. Not every label is right: finding those that are not is what the study
is for. Which other labels people are asked about is for the classifiers to propose.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import UserError

FOOLBOX, SKIMAGE = "foolbox", "skimage"
DISTRIBUTIONS = {FOOLBOX: "foolbox", SKIMAGE: "scikit-image"}


class DemoPhotoMissing(UserError):
    """A photograph of the demo study is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Photo:
    """Where a photograph lies, and the index of its ImageNet class."""

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


# Grids are handed out in this order, so those that show several things, or are hard to name, come first.
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
    """The photographs in their order, as installed here. Raises DemoPhotoMissing."""
    return [
        DemoPhoto(
            name=f"photo-{number:02}",
            path=installed_path(photo.package, photo.file),
            dataset_label=photo.dataset_label,
        )
        for number, photo in enumerate(PHOTOS, start=1)
    ]


def installed_path(package: str, file: str) -> Path:
    """A file inside an installed package, found without importing the package. Raises DemoPhotoMissing."""
    distribution = DISTRIBUTIONS.get(package, package)
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DemoPhotoMissing(
            f"The demo study's photographs come with the package {distribution}, which is not installed.",
            shell="./run installs it (requirements/demo.txt).",
            page="The site administrator can install it.",
        )
    path = Path(spec.submodule_search_locations[0], file)
    if not path.is_file():
        raise DemoPhotoMissing(
            f"The installed {distribution} has no {file}, so it is not the version in requirements/demo.txt.",
            shell="./run installs that one.",
            page="The site administrator can install that one.",
        )
    return path
