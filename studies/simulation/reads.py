"""The sight of simulated people: photographs and labels of a page, and what is true of them.

A page shows them handles, as it does everybody. A real person looks at the photographs; a simulated one is told here
which they are, and what is true of them. The truth is nobody's knowledge: it is drawn by the seed from what the study
knows, the dataset label and the potential labels, and a control shows what it is to show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from candidates.models import PotentialLabel
from catalog.models import Image
from contains_task.models import GridCell
from contains_task.reads import cells_by_handle
from studies.simulation.judgement import Sight
from workforce.models import Batch, Lease

# How often the dataset label is right, and how often a potential label is that a classifier ranks first, second, ….
DATASET_LABEL_IS_RIGHT = 0.9
POTENTIAL_LABEL_IS_RIGHT = (0.45, 0.25, 0.15, 0.08)


@dataclass(frozen=True)
class Truth:
    """The class indexes that an image shows, and that of its main object."""

    labels: frozenset[int]
    main: int | None


def truth_of(seed: int, image: Image, potential: Sequence[tuple[int, int]]) -> Truth:
    """Return what is true of an image; `potential` are (class index, best rank from 0) of its potential labels."""
    dataset_label = _dataset_label(image)
    shown = []
    for label, rank in sorted(potential, key=lambda pair: (pair[0] != dataset_label, pair[1], pair[0])):
        likely = POTENTIAL_LABEL_IS_RIGHT[min(rank, len(POTENTIAL_LABEL_IS_RIGHT) - 1)]
        chance = Random(f"{seed}/truth/{image.name}/{label}").random()
        if chance < (DATASET_LABEL_IS_RIGHT if label == dataset_label else likely):
            shown.append(label)
    if not shown and dataset_label is not None:
        shown = [dataset_label]
    return Truth(frozenset(shown), shown[0] if shown else None)


def _dataset_label(image: Image) -> int | None:
    return image.dataset_label.index if image.dataset_label else None


def truths_of(seed: int, images: Sequence[Image]) -> dict[int, Truth]:
    """Return the truth of each image, by its id."""
    potential: dict[int, list[tuple[int, int]]] = {image.pk: [] for image in images}
    rows = PotentialLabel.objects.filter(image__in=images).values_list("image_id", "label__index", "sources")
    for image_id, label, sources in rows:
        rank = min((source["rank"] - 1 for source in sources), default=len(POTENTIAL_LABEL_IS_RIGHT))
        potential[image_id].append((label, rank))
    for image in images:
        dataset_label = _dataset_label(image)
        if dataset_label is not None and dataset_label not in dict(potential[image.pk]):
            potential[image.pk].append((dataset_label, 0))
    return {image.pk: truth_of(seed, image, potential[image.pk]) for image in images}


@dataclass(frozen=True)
class Seen:
    """Photographs and labels to judge on a page, by handle in a grid and by class index in a form.

    `main` is the label of the main object, for a form.

    `page` names the page for the seed, by the photographs on it: ids differ between two sites, or two runs.
    """

    batch: Batch
    page: str
    sights: dict[str, Sight]
    main: int = -1

    @property
    def with_maybe(self) -> bool:
        return self.batch.answers == Batch.Answers.THREE


def seen_on_page(seed: int, lease_id: str) -> Seen | None:
    """Return what a page shows, by the public id of its lease; None if the lease is gone."""
    related = ("hit__batch", "hit__grid__label", "hit__form__image__dataset_label")
    lease = Lease.objects.select_related(*related).filter(public_id=lease_id).first()
    if lease is None:
        return None
    return _seen_on_grid(seed, lease) if hasattr(lease.hit, "grid") else _seen_on_form(seed, lease)


def _seen_on_grid(seed: int, lease: Lease) -> Seen:
    label = lease.hit.grid.label.index
    handle_of = {cell.image_id: handle for handle, cell in cells_by_handle(lease).items()}
    images = Image.objects.select_related("dataset_label").in_bulk(handle_of)
    truths = truths_of(seed, list(images.values()))
    expected = dict(GridCell.objects.filter(grid=lease.hit.grid).values_list("image_id", "expected"))
    sights = {}
    for image_id, handle in handle_of.items():
        shows = expected[image_id]
        shows = label in truths[image_id].labels if shows is None else shows
        sights[handle] = Sight(images[image_id].name, label, shows)
    names = sorted(image.name for image in images.values())
    return Seen(lease.hit.batch, f"{label}/{names[0]}", sights)


def _seen_on_form(seed: int, lease: Lease) -> Seen:
    form = lease.hit.form
    truth = truths_of(seed, [form.image])[form.image_id]
    sights = {str(label): Sight(form.image.name, label, label in truth.labels) for label in form.labels}
    main = truth.main if truth.main is not None else -1
    return Seen(lease.hit.batch, f"form/{form.image.name}", sights, main)
