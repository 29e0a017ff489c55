"""The classifiers that this process has loaded, and the pictures they get to see."""

import importlib
from functools import lru_cache
from typing import cast

from candidates.classifiers import packages
from candidates.classifiers.interface import Classifier, ClassifierError
from candidates.classifiers.loading import MOST_BYTES, BadPicture
from catalog.models import Image

# Imported by its name, where something is predicted: web processes have no use for 40 MB of a runtime.
REGISTRY = "candidates.classifiers.registry"


def named(name: str) -> Classifier:
    """The classifier of a name, loaded anew. Raises ClassifierError."""
    return cast(Classifier, importlib.import_module(REGISTRY).named(name))


def installed() -> list[str]:
    """The names of the networks whose weights are installed."""
    return packages.installed()


# One run is done before the next, and a network takes a hundred megabytes or more.
@lru_cache(maxsize=1)
def loaded(name: str, weights: str) -> Classifier:
    """The classifier of a name, loaded once per process. Raises ClassifierError, also when its weights are others."""
    classifier = named(name)
    if classifier.weights != weights:
        raise ClassifierError(
            f"The weights of {name} are not those that the run was begun with ({classifier.weights[:12]}, not "
            f"{weights[:12]}): bring those back, or give the new ones another name."
        )
    return classifier


def content_of(image: Image) -> bytes:
    """The bytes of an image as it came, from wherever files are kept. Raises BadPicture when there is no file."""
    if not image.original:
        raise BadPicture("it has no file: import it first")
    with image.original.open("rb") as file:
        return cast(bytes, file.read(MOST_BYTES + 1))
