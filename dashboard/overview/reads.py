"""Reads of the results pages: a few queries a page, however many images and votes there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from catalog.models import Dataset, Image, Label
from classify_task.reads import form_labels, standing_forms
from contains_task.models import GridCell
from workforce.models import HIT, Batch, Slot

IMAGES_PER_PAGE = 24

MULTI_OBJECT = Q(annotation__n_objects__gt=1)
MAIN_DIFFERS = (
    MULTI_OBJECT
    & Q(annotation__dataset_label_object__isnull=False)
    & ~Q(annotation__main_object=F("annotation__dataset_label_object"))
)
WAITING = Q(annotation=None) & (
    Q(candidate_set=None, dataset_label__isnull=False) | Q(candidate_set__split="follow_up")
)
# Word in the address: (title on the page, condition on the images). Nothing from an address reaches a query.
FILTERS: dict[str, tuple[Promise, Q]] = {
    "all": (gettext_lazy("All"), Q()),
    "multi": (gettext_lazy("Several objects"), MULTI_OBJECT),
    "main-differs": (gettext_lazy("Main object differs"), MAIN_DIFFERS),
    "follow-up": (gettext_lazy("Follow-up"), Q(candidate_set__split="follow_up")),
    "settled": (gettext_lazy("Settled"), Q(candidate_set__split="settled")),
    "rejected": (gettext_lazy("Label rejected"), Q(candidate_set__split="rejected")),
    "waiting": (gettext_lazy("Waiting for answers"), WAITING),
}


@dataclass(frozen=True)
class Progress:
    """Slots of a batch or an image, one per answer needed: submitted, in progress, and free."""

    filled: int = 0
    leased: int = 0
    free: int = 0
    # Slots of forms that were replaced before anybody leased them.
    withdrawn: int = 0

    @property
    def needed(self) -> int:
        return self.filled + self.leased + self.free

    @property
    def filled_percent(self) -> float:
        return 100 * self.filled / self.needed if self.needed else 0.0

    @property
    def taken_percent(self) -> float:
        return 100 * (self.filled + self.leased) / self.needed if self.needed else 0.0


@dataclass(frozen=True)
class Pair:
    """An (image, label) pair with its selection frequency in grids."""

    label: Label
    n_selected: int
    n_shown: int
    is_dataset_label: bool
    is_candidate: bool

    @property
    def percent(self) -> float:
        return 100 * self.n_selected / self.n_shown


@dataclass(frozen=True)
class ObjectShown:
    """An object of an annotation, with the names of its labels."""

    name: str
    labels: list[dict[str, Any]]
    main_votes: int
    is_main: bool
    holds_dataset_label: bool


@dataclass(frozen=True)
class Result:
    """The results of one image so far. `candidates` and `annotation` are None until they are computed.

    `form_offers` names the labels of its form where these differ from the candidate labels.
    """

    image: Image
    contains: Progress
    classify: Progress
    pairs: list[Pair]
    candidates: CandidateSet | None
    annotation: Annotation | None
    main_label: str
    objects: list[ObjectShown]
    unplaced: list[str]
    form_offers: list[str]

    @property
    def main_depends_on_ties(self) -> bool:
        """Tell whether the rule for ties alone decides which object is the main one."""
        annotation = self.annotation
        return annotation is not None and annotation.main_may_differ and not annotation.main_must_differ


def datasets_with_batches(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """Return the datasets by name, each with its batches, the newest first."""
    batches = Batch.objects.select_related("settings").order_by("-id")
    return (
        datasets.select_related("label_set")
        .annotate(n_images=Count("images"))
        .prefetch_related(Prefetch("batches", batches))
        .order_by("name")
    )


def progress_of_batches(**batches: Any) -> dict[int, Progress]:
    """Return the progress by batch id. Replayed batches are left out: they came complete, and may be very large.

    `batches` narrows the batches down, such as batch__dataset=….
    """
    slots = Slot.objects.filter(**batches).exclude(batch__marketplace=Batch.Marketplace.REPLAY)
    return _progress(slots.values_list("batch_id", "state").annotate(n=Count("id")).order_by())


def hits_of_batches(**batches: Any) -> dict[int, int]:
    """Return the number of HITs by batch id, replayed batches left out."""
    hits = HIT.objects.filter(**batches).exclude(batch__marketplace=Batch.Marketplace.REPLAY)
    return dict(hits.order_by().values_list("batch_id").annotate(n=Count("id")))


def _progress(rows: Iterable[tuple[int, str, int]]) -> dict[int, Progress]:
    states: dict[int, dict[str, int]] = defaultdict(dict)
    for key, state, n in rows:
        states[key][state] = n
    return {key: Progress(**counts) for key, counts in states.items()}


def filter_counts(dataset: Dataset) -> dict[str, int]:
    """Return the number of images that each of FILTERS keeps."""
    counts = {key.replace("-", "_"): Count("id", filter=rule) for key, (_, rule) in FILTERS.items() if rule}
    totals = Image.objects.filter(dataset=dataset).aggregate(all=Count("id"), **counts)
    return {key: totals[key.replace("-", "_")] for key in FILTERS}


def page_of_results(dataset: Dataset, filter_name: str, number: str) -> "tuple[Page[Any], list[Result]]":
    """Return one page of a dataset's images in the order of import, or the nearest page there is."""
    images = Image.objects.filter(FILTERS[filter_name][1], dataset=dataset).order_by("id")
    page = Paginator(images.only("id"), IMAGES_PER_PAGE).get_page(number)
    ids = [image.pk for image in page.object_list]
    return page, results_of(dataset, ids)


def results_of(dataset: Dataset, image_ids: list[int]) -> list[Result]:
    """Return the results of the images, in the order of import."""
    images = list(
        Image.objects.filter(pk__in=image_ids)
        .select_related("dataset_label", "candidate_set", "annotation")
        .order_by("id")
    )
    pairs = _pairs(images)
    offers = _other_offers(images)
    names = _label_names(dataset, images, offers)
    contains, classify = _contains_progress(image_ids), _classify_progress(image_ids)
    progress = {key: (contains.get(key, Progress()), classify.get(key, Progress())) for key in image_ids}
    return [_result(image, pairs[image.pk], names, progress[image.pk], offers.get(image.pk, [])) for image in images]


def _other_offers(images: list[Image]) -> dict[int, list[int]]:
    """Return the labels of an image's form where they differ from its candidate labels, by image."""
    offers = form_labels([image.pk for image in images])
    candidates = {image.pk: sorted(image.candidate_set.labels) for image in images if hasattr(image, "candidate_set")}
    return {key: labels for key, labels in offers.items() if key in candidates and sorted(labels) != candidates[key]}


def _contains_progress(image_ids: list[int]) -> dict[int, Progress]:
    cells = GridCell.objects.filter(image__in=image_ids, role="question")
    return _progress(
        cells.values_list("image_id", "grid__hit__slots__state").annotate(n=Count("grid__hit__slots")).order_by()
    )


def _classify_progress(image_ids: list[int]) -> dict[int, Progress]:
    forms = standing_forms(image_ids)
    return _progress(forms.values_list("image_id", "hit__slots__state").annotate(n=Count("hit__slots")).order_by())


def _pairs(images: list[Image]) -> dict[int, list[Pair]]:
    """Return the answered pairs by image, the most selected first."""
    by_id = {image.pk: image for image in images}
    pairs: dict[int, list[Pair]] = defaultdict(list)
    for row in SelectionFrequency.objects.filter(image__in=images).select_related("label"):
        image = by_id[row.image_id]
        candidates = getattr(image, "candidate_set", None)
        pair = Pair(
            label=row.label,
            n_selected=row.n_selected,
            n_shown=row.n_shown,
            is_dataset_label=row.label_id == image.dataset_label_id,
            is_candidate=candidates is not None and row.label.index in candidates.labels,
        )
        pairs[image.pk].append(pair)
    for pairs_of_image in pairs.values():
        pairs_of_image.sort(key=lambda pair: (-pair.percent, pair.label.index))
    return pairs


def _label_names(dataset: Dataset, images: list[Image], offers: dict[int, list[int]]) -> dict[int, str]:
    annotations = [image.annotation for image in images if hasattr(image, "annotation")]
    objects = [item for annotation in annotations for item in annotation.objects_found]
    indexes = {index for labels in offers.values() for index in labels}
    indexes |= {label["label"] for item in objects for label in item["labels"]}
    indexes |= {index for annotation in annotations for index in [annotation.main_label, *annotation.unplaced]}
    labels = Label.objects.filter(label_set=dataset.label_set_id, index__in=indexes)
    return {label.index: label.name for label in labels}


def _result(
    image: Image, pairs: list[Pair], names: dict[int, str], progress: tuple[Progress, Progress], offers: list[int]
) -> Result:
    annotation = getattr(image, "annotation", None)
    contains, classify = progress
    return Result(
        image=image,
        contains=contains,
        classify=classify,
        pairs=pairs,
        candidates=getattr(image, "candidate_set", None),
        annotation=annotation,
        main_label=names[annotation.main_label] if annotation else "",
        objects=_objects(annotation, names) if annotation else [],
        unplaced=[names[index] for index in annotation.unplaced] if annotation else [],
        form_offers=[names[index] for index in offers],
    )


def _objects(annotation: Annotation, names: dict[int, str]) -> list[ObjectShown]:
    return [
        ObjectShown(
            name=names[item["label"]],
            labels=[
                {"name": names[label["label"]], "share": 100 * label["share"], "frequency": 100 * label["frequency"]}
                for label in item["labels"]
            ],
            main_votes=item["main_votes"],
            is_main=index == annotation.main_object,
            holds_dataset_label=index == annotation.dataset_label_object,
        )
        for index, item in enumerate(annotation.objects_found)
    ]
