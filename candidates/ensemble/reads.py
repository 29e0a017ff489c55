"""The classifiers that this process has loaded, and the images they read."""

import importlib
from functools import lru_cache
from typing import cast

from django.utils.translation import gettext

from candidates.classifiers import packages
from candidates.classifiers.interface import Classifier, ClassifierError
from candidates.classifiers.loading import MOST_BYTES, BadPicture
from catalog.models import Image

# Imported by name, only for predictions: web processes do not need 40 MB of a runtime.
REGISTRY = "candidates.classifiers.registry"


def named(name: str) -> Classifier:
    """Load the classifier of a name. Raises ClassifierError."""
    return cast(Classifier, importlib.import_module(REGISTRY).named(name))


def installed() -> list[str]:
    """Return the names of the networks whose weights are installed."""
    return packages.installed()


# Runs are done one after the other, and a network takes a hundred megabytes or more.
@lru_cache(maxsize=1)
def loaded(name: str, weights: str) -> Classifier:
    """Load the classifier of a name once per process. Raises ClassifierError, also when its weights have changed."""
    classifier = named(name)
    if classifier.weights != weights:
        message = gettext(
            "The weights of %(name)s have changed since the run was started (%(new)s, before %(old)s): restore the old "
            "weights, or choose another name for the new ones."
        )
        raise ClassifierError(message % {"name": name, "new": classifier.weights[:12], "old": weights[:12]})
    return classifier


def content_of(image: Image) -> bytes:
    """Return the bytes of an original image, from the site's storage. Raises BadPicture when there is no file."""
    if not image.original:
        raise BadPicture(gettext("no file: import the image first"))
    with image.original.open("rb") as file:
        return cast(bytes, file.read(MOST_BYTES + 1))
