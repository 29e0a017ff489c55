"""What the researcher's pages show: a few queries a page, however many images and votes there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Prefetch, Q, QuerySet

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
# The word in the address, what the page calls it, which images it keeps. Nothing from an address reaches a query.
FILTERS: dict[str, tuple[str, Q]] = {
    "all": ("All", Q()),
    "multi": ("Several objects", MULTI_OBJECT),
    "main-differs": ("Main object is another", MAIN_DIFFERS),
    "follow-up": ("Follow-up", Q(candidate_set__split="follow_up")),
    "settled": ("Settled", Q(candidate_set__split="settled")),
    "rejected": ("Label rejected", Q(candidate_set__split="rejected")),
    "waiting": ("Waiting for answers", WAITING),
}


@dataclass(frozen=True)
class Progress:
    """Answers wanted of a batch or an image, and how many are in, in people's hands, and free."""

    filled: int = 0
    leased: int = 0
    free: int = 0
    # Once wanted, of forms that were replaced before anybody was given them.
    withdrawn: int = 0

    @property
    def wanted(self) -> int:
        return self.filled + self.leased + self.free

    @property
    def filled_percent(self) -> float:
        return 100 * self.filled / self.wanted if self.wanted else 0.0

    @property
    def taken_percent(self) -> float:
        return 100 * (self.filled + self.leased) / self.wanted if self.wanted else 0.0


@dataclass(frozen=True)
class Pair:
    """An (image, label) pair as people answered it in grids."""

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
    name: str
    labels: list[dict[str, Any]]
    main_votes: int
    is_main: bool
    holds_dataset_label: bool


@dataclass(frozen=True)
class Result:
    """All that is known of one image so far. `candidates` and `annotation` are None until they are computed;
    `form_offers` names the labels of its form where these are not the candidate labels."""

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
        found = self.annotation
        return found is not None and found.main_may_differ and not found.main_must_differ


def datasets_with_batches() -> QuerySet[Dataset]:
    """Datasets by name, with their batches, the newest first."""
    batches = Batch.objects.select_related("settings").order_by("-id")
    return (
        Dataset.objects.select_related("label_set")
        .annotate(n_images=Count("images"))
        .prefetch_related(Prefetch("batches", batches))
        .order_by("name")
    )


def progress_of_batches(**batches: Any) -> dict[int, Progress]:
    """Of the batches that people work in: a replayed one came complete, and may be very large.

    `batches` narrows them down, such as batch__dataset=….
    """
    slots = Slot.objects.filter(**batches).exclude(batch__marketplace=Batch.Marketplace.REPLAY)
    return _progress(slots.values_list("batch_id", "state").annotate(n=Count("id")).order_by())


def hits_of_batches(**batches: Any) -> dict[int, int]:
    hits = HIT.objects.filter(**batches).exclude(batch__marketplace=Batch.Marketplace.REPLAY)
    return dict(hits.order_by().values_list("batch_id").annotate(n=Count("id")))


def _progress(rows: Iterable[tuple[int, str, int]]) -> dict[int, Progress]:
    states: dict[int, dict[str, int]] = defaultdict(dict)
    for key, state, n in rows:
        states[key][state] = n
    return {key: Progress(**counts) for key, counts in states.items()}


def filter_counts(dataset: Dataset) -> dict[str, int]:
    counts = {key.replace("-", "_"): Count("id", filter=rule) for key, (_, rule) in FILTERS.items() if rule}
    found = Image.objects.filter(dataset=dataset).aggregate(all=Count("id"), **counts)
    return {key: found[key.replace("-", "_")] for key in FILTERS}


def page_of_results(dataset: Dataset, chosen: str, number: str) -> "tuple[Page[Any], list[Result]]":
    """One page of a dataset's images in the order of import; a page that is not there becomes the nearest."""
    images = Image.objects.filter(FILTERS[chosen][1], dataset=dataset).order_by("id")
    page = Paginator(images.only("id"), IMAGES_PER_PAGE).get_page(number)
    ids = [image.pk for image in page.object_list]
    return page, results_of(dataset, ids)


def results_of(dataset: Dataset, image_ids: list[int]) -> list[Result]:
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
    """What the form of an image offers, where its candidate labels have become others since it was opened."""
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
    """Per image, the pairs people answered, the most selected first."""
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
    for found in pairs.values():
        found.sort(key=lambda pair: (-pair.percent, pair.label.index))
    return pairs


def _label_names(dataset: Dataset, images: list[Image], offers: dict[int, list[int]]) -> dict[int, str]:
    found = [image.annotation for image in images if hasattr(image, "annotation")]
    wanted = {index for labels in offers.values() for index in labels}
    wanted |= {one["label"] for annotation in found for item in annotation.objects_found for one in item["labels"]}
    wanted |= {index for annotation in found for index in [annotation.main_label, *annotation.unplaced]}
    labels = Label.objects.filter(label_set=dataset.label_set_id, index__in=wanted)
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
                {"name": names[one["label"]], "share": 100 * one["share"], "frequency": 100 * one["frequency"]}
                for one in item["labels"]
            ],
            main_votes=item["main_votes"],
            is_main=at == annotation.main_object,
            holds_dataset_label=at == annotation.dataset_label_object,
        )
        for at, item in enumerate(annotation.objects_found)
    ]
