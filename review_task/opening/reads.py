"""Predictions to review: those of classifiers on the site, or of a file."""

from collections.abc import Iterable

from django.db import connection
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import Dataset

# A network may have several views (crops, flips), which are no models of their own.
FIRST_RANKS = """
    SELECT prediction.image_id, label.id, count(DISTINCT classifier.network)
    FROM catalog_prediction prediction
    JOIN catalog_image image ON image.id = prediction.image_id AND image.dataset_id = %(dataset)s
    JOIN catalog_classifier classifier ON classifier.id = prediction.classifier_id
    JOIN catalog_label label ON label.label_set_id = classifier.label_set_id AND label.index = prediction.labels[1]
    WHERE classifier.label_set_id = %(label_set)s
    GROUP BY prediction.image_id, label.id
"""
NAMES_IN_A_MESSAGE = 5

Said = dict[tuple[int, int], int]


class UnknownNames(UserError):
    """Predictions of images or classes that the dataset lacks."""


def first_ranks(dataset: Dataset) -> Said:
    """Return the number of models on the site that rank a label first for an image, by (image id, label id)."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_RANKS, {"dataset": dataset.pk, "label_set": dataset.label_set_id})
        return {(image_id, label_id): n_models for image_id, label_id, n_models in cursor.fetchall()}


def said_in(predictions: Iterable[tuple[str, int, int]], dataset: Dataset) -> Said:
    """Return the number of models by (image id, label id) of rows (image name, class index, number of models).

    Of several rows on the same image and class the highest number holds. Raises UnknownNames.
    """
    images = dict(dataset.images.values_list("name", "pk"))
    labels = dict(dataset.label_set.labels.values_list("index", "pk"))
    said: Said = {}
    unknown: dict[str, None] = {}
    for name, index, n_models in predictions:
        if name not in images or index not in labels:
            unknown[name if name not in images else str(index)] = None
            continue
        key = images[name], labels[index]
        said[key] = max(said.get(key, 1), n_models)
    if unknown:
        names = ", ".join(list(unknown)[:NAMES_IN_A_MESSAGE])
        message = gettext("Dataset “%(dataset)s” lacks %(n)s of the images or classes: %(names)s.")
        raise UnknownNames(message % {"dataset": dataset.name, "n": len(unknown), "names": names})
    return said
