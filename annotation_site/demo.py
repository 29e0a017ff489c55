"""The photographs of the demo study and the labels people are asked about.

The photographs lie inside two installed packages (requirements/demo.txt) and are read where they lie:
foolbox brings ImageNet samples whose file names end in the class index, scikit-image free photographs
without a label, which we gave one.

No classifier proposes labels here. Instead each topic has its labels, and all of them are asked of all its
photographs: some are what the file says, some are a second thing that is really there (the mushroom under
the dalmatian's nose), some are look-alikes (tabby or Egyptian cat), and the rest are plain negatives.
Whoever answers the grids of one topic has finished its photographs. Not every dataset label is right:
finding those that are not is what the study is for.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

FOOLBOX, SKIMAGE = "foolbox", "skimage"
DISTRIBUTIONS = {FOOLBOX: "foolbox", SKIMAGE: "scikit-image"}


class DemoPhotoMissing(Exception):
    """A photograph of the demo study is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Photo:
    """Where a photograph lies, and the index of its ImageNet class."""

    package: str
    file: str
    dataset_label: int


@dataclass(frozen=True)
class Topic:
    """Photographs and the ImageNet class indexes asked of each of them, their dataset labels included."""

    name: str
    labels: tuple[int, ...]
    photos: tuple[Photo, ...]


@dataclass(frozen=True)
class DemoPhoto:
    """An installed photograph. `potential_labels`: class indexes, its `dataset_label` first."""

    name: str
    path: Path
    dataset_label: int
    potential_labels: tuple[int, ...]


def _foolbox(number: int, label: int) -> Photo:
    return Photo(FOOLBOX, f"data/imagenet_{number:02}_{label}.jpg", label)


def _skimage(file: str, label: int) -> Photo:
    return Photo(SKIMAGE, f"data/{file}", label)


TOPICS = (
    Topic(
        "pets and a farmyard",
        # tabby, Egyptian cat, bull mastiff, dalmatian, goose, mushroom
        labels=(281, 285, 243, 251, 99, 947),
        photos=(
            _skimage("chelsea.png", 281),  # the breed is open: tabby or Egyptian cat
            _foolbox(16, 251),  # with a mushroom
            _foolbox(0, 243),
            _foolbox(15, 99),
        ),
    ),
    Topic(
        "table and kitchen",
        # espresso, cup, beaker, strawberry, bottlecap
        labels=(967, 968, 438, 949, 455),
        photos=(
            _skimage("coffee.png", 967),  # in a cup
            _foolbox(2, 438),
            _foolbox(4, 949),
            _foolbox(9, 455),
        ),
    ),
    Topic(
        "wheels",
        # jeep, car wheel, moped, disk brake, cannon
        labels=(609, 479, 665, 535, 471),
        photos=(
            _foolbox(6, 609),  # with car wheels, as the next
            _foolbox(7, 609),
            # A motorcycle, for which ImageNet has no class; with a disk brake.
            _skimage("motorcycle_left.png", 665),
            _foolbox(13, 471),
        ),
    ),
    Topic(
        "wings and trees",
        # spoonbill, bald eagle, leafhopper, dung beetle, buckeye, spider web
        labels=(129, 22, 317, 305, 990, 815),
        photos=(
            _foolbox(3, 990),  # with a spider web
            _foolbox(14, 129),
            _foolbox(17, 22),
            _foolbox(18, 317),
            _foolbox(19, 305),
        ),
    ),
    Topic(
        "towers and houses",
        # missile, space shuttle, thatched roof, obelisk, yurt
        labels=(657, 812, 853, 682, 915),
        photos=(
            _skimage("rocket.jpg", 657),
            _skimage("astronaut.png", 812),  # a model of it, behind the astronaut
            _foolbox(5, 853),  # with an obelisk, or something like it
            _foolbox(8, 915),
        ),
    ),
    Topic(
        "clothes and furnishings",
        # tripod, trench coat, folding chair, Loafer, prayer rug
        labels=(872, 869, 559, 630, 741),
        photos=(
            _skimage("camera.png", 872),  # with a dark coat
            _foolbox(1, 559),
            _foolbox(11, 630),  # a shoe with laces, so hardly a Loafer
            _foolbox(12, 741),  # windows of coloured glass: the label is wrong
        ),
    ),
)


def demo_photos() -> list[DemoPhoto]:
    """The photographs in topic order, as installed here. Raises DemoPhotoMissing."""
    asked = [(topic, photo) for topic in TOPICS for photo in topic.photos]
    return [
        DemoPhoto(
            name=f"photo-{number:02}",
            path=installed_path(photo.package, photo.file),
            dataset_label=photo.dataset_label,
            potential_labels=_own_first(photo.dataset_label, topic.labels),
        )
        for number, (topic, photo) in enumerate(asked, start=1)
    ]


def installed_path(package: str, file: str) -> Path:
    """A file inside an installed package, found without importing the package. Raises DemoPhotoMissing."""
    distribution = DISTRIBUTIONS.get(package, package)
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DemoPhotoMissing(
            f"The demo study's photographs come with the package {distribution}, which is not installed. "
            "./run installs it (requirements/demo.txt)."
        )
    path = Path(spec.submodule_search_locations[0], file)
    if not path.is_file():
        raise DemoPhotoMissing(
            f"The installed {distribution} has no {file}, so it is not the version in requirements/demo.txt. "
            "./run installs that one."
        )
    return path


def _own_first(dataset_label: int, labels: tuple[int, ...]) -> tuple[int, ...]:
    return (dataset_label, *(label for label in labels if label != dataset_label))
