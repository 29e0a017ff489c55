"""Reads of the example photographs of a class."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from catalog.cached_queries import CachedQuery, Given
from catalog.models import Dataset, Example, ExampleSet, Image, Label, SettingsVersion

# The condition of the index, in its words: without it, Postgres would read all images.
HAS_DIGEST = ~Q(digest="")


class ExampleKey(NamedTuple):
    """Identity of an example within its set: the ids of the labels, and the digest of the file."""

    label_id: int
    look_alike_id: int | None
    digest: str


class LookAlikes(NamedTuple):
    """Another class that a class is often confused with, and photographs of it."""

    label: Label
    examples: list[Example]


class Examples(NamedTuple):
    """The example photographs on a page about a class."""

    of_label: list[Example]
    look_alikes: list[LookAlikes]


NO_EXAMPLES = Examples([], [])


def _set_in_force() -> Subquery:
    """Select the example set of a dataset's settings version: the latest one that began with it or before."""
    sets = ExampleSet.objects.filter(settings__dataset=Given("dataset"), settings__version__lte=Given("version"))
    return Subquery(sets.order_by("-settings__version").values("pk")[:1])


def _shown() -> QuerySet[Example]:
    """Select the examples of a label that are no image of the study or of its controls, also of ones added later."""
    images = Image.objects.filter(Q(dataset=Given("dataset")) | Q(dataset=Given("pool")), digest=OuterRef("digest"))
    images = images.filter(HAS_DIGEST)
    examples = Example.objects.filter(example_set=_set_in_force(), label=Given("label"))
    return examples.filter(~Exists(images)).order_by("look_alike_id", "pk")


EXAMPLES = CachedQuery(_shown, related=["look_alike"])


def examples_of(settings: SettingsVersion, label: Label) -> Examples:
    """Return the examples that a page under these settings shows for a label."""
    pool = settings.control_pool_id or settings.dataset_id
    rows = EXAMPLES.all(dataset=settings.dataset_id, version=settings.version, pool=pool, label=label.pk)
    if not rows:
        return NO_EXAMPLES
    look_alikes: dict[int, LookAlikes] = {}
    for row in rows:
        if row.look_alike is not None:
            look_alikes.setdefault(row.look_alike.pk, LookAlikes(row.look_alike, [])).examples.append(row)
    return Examples([row for row in rows if row.look_alike is None], list(look_alikes.values()))


def current_examples(dataset: Dataset) -> set[ExampleKey]:
    """Return the examples in force under the dataset's current settings."""
    latest = ExampleSet.objects.filter(settings__dataset=dataset).order_by("-settings__version").first()
    if latest is None:
        return set()
    return {ExampleKey(*row) for row in latest.examples.values_list("label_id", "look_alike_id", "digest")}


def images_among(digests: Collection[str], datasets: Collection[Dataset]) -> dict[str, Image]:
    """Return the images of these datasets that have one of these digests, by digest."""
    images = Image.objects.filter(HAS_DIGEST, dataset__in=datasets, digest__in=digests).select_related("dataset")
    return {image.digest: image for image in images}
