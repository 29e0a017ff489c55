"""Publishes studies in the running site's database, from a process that has the site's settings."""

import json

from contains_task.actions import open_grids
from tests.factories import make_batch, make_dataset, make_images


def publish(n_studies: int, n_grids: int, n_images: int, n_slots: int) -> None:
    print(json.dumps([publish_one(n_grids, n_images, n_slots) for _ in range(n_studies)]))


def publish_one(n_grids: int, n_images: int, n_slots: int) -> dict[str, str | int]:
    """Make a grid for each label, over the same images, so that nobody answers the same pair twice."""
    dataset = make_dataset(n_labels=n_grids, images_per_grid=n_images, contains_answers=n_slots)
    batch = make_batch(dataset)
    images = make_images(dataset, n_images)
    open_grids(batch=batch, images_by_label=dict.fromkeys(dataset.label_set.labels.all(), images))
    return {"batch": batch.public_id, "dataset": dataset.pk}
