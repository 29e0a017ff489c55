"""Images behind the figures of the page Agreement, each with the pairs that a figure is about."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.http import Http404
from django.utils.http import urlencode
from django.utils.translation import gettext

from aggregation.agreement.reads import posteriors_of, votes_of_two
from aggregation.models import PairPosterior
from catalog.models import Dataset, Image, Label
from contains_task.models import ContainsVote
from workforce.models import Batch

IMAGES_PER_PAGE = 24
LONGEST_NUMBER = 9


@dataclass(frozen=True)
class Figure:
    """The images behind a figure, in order; of their pairs, those of `label_ids` are shown, or all for None."""

    title: str
    image_ids: Sequence[int]
    label_ids: list[int] | None = None
    extra: str = ""


@dataclass(frozen=True)
class PairShown:
    """A pair with its posterior, and the answers of two workers where the page compares them."""

    posterior: PairPosterior
    answers: tuple[str, str] | None = None

    @property
    def is_disputed(self) -> bool:
        return self.answers is not None and self.answers[0] != self.answers[1]


@dataclass(frozen=True)
class Card:
    """An image with the pairs to show."""

    image: Image
    pairs: list[PairShown] = field(default_factory=list)


def behind_figure(dataset: Dataset, of: str, values: Mapping[str, str]) -> Figure:
    """Return the images behind a figure of the study. Raises Http404 for a figure that there is not."""
    if of == "unsure":
        return Figure(gettext("Images of the whole study"), _least_sure(posteriors_of(dataset)))
    if of == "batch":
        batch = Batch.objects.filter(dataset=dataset, pk=_number(values, "batch")).first() or _nothing()
        title = gettext("Images of batch %(number)s") % {"number": batch.pk}
        return Figure(title, _least_sure(_of_batch(dataset, batch)), extra=_extra(batch=batch.pk))
    if of == "label":
        label = _label(dataset, values, "label")
        title = gettext("Images asked about “%(label)s”") % {"label": label.name}
        ids = _least_sure(posteriors_of(dataset).filter(label=label))
        return Figure(title, ids, [label.pk], _extra(label=label.index))
    if of == "labels":
        return _of_two_labels(dataset, _label(dataset, values, "first"), _label(dataset, values, "second"))
    raise Http404


def _number(values: Mapping[str, str], name: str) -> int:
    text = values.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise Http404
    return int(text)


def _nothing() -> Any:
    raise Http404


def _extra(**values: int) -> str:
    return urlencode(values) + "&"


def _label(dataset: Dataset, values: Mapping[str, str], name: str) -> Label:
    index = _number(values, name)
    label: Label = Label.objects.filter(label_set=dataset.label_set_id, index=index).first() or _nothing()
    return label


def _least_sure(rows: "QuerySet[PairPosterior]") -> list[int]:
    """Return ids of images: first those with a pair that a second panel most likely decides otherwise."""
    images = rows.order_by().values("image_id").annotate(most=Max("otherwise")).order_by("-most", "image_id")
    return list(images.values_list("image_id", flat=True))


def _of_batch(dataset: Dataset, batch: Batch) -> "QuerySet[PairPosterior]":
    votes = ContainsVote.objects.filter(
        image=OuterRef("image"), label=OuterRef("label"), counted=True, submission__hit__batch=batch
    )
    return posteriors_of(dataset).filter(Exists(votes))


def _of_two_labels(dataset: Dataset, first: Label, second: Label) -> Figure:
    """Return the images asked about both labels, those first on which people most likely contradict each other."""
    divided: dict[int, list[float]] = defaultdict(list)
    for row in posteriors_of(dataset).filter(label__in=[first, second]):
        divided[row.image_id].append(row.frequency * (1 - row.frequency))
    both = {image: shares[0] * shares[1] for image, shares in divided.items() if len(shares) == 2}
    title = gettext("Images asked about “%(first)s” and “%(second)s”") % {"first": first.name, "second": second.name}
    ids = sorted(both, key=lambda image: (-both[image], image))
    return Figure(title, ids, [first.pk, second.pk], _extra(first=first.index, second=second.index))


def cards_of(image_ids: list[int], label_ids: list[int] | None) -> list[Card]:
    """Return the images with their pairs, in the order of the ids; of the pairs the least sure first."""
    cards = {key: Card(image) for key, image in Image.objects.in_bulk(image_ids).items()}
    rows = PairPosterior.objects.filter(image__in=image_ids).select_related("label").order_by("-otherwise", "label_id")
    for row in rows if label_ids is None else rows.filter(label__in=label_ids):
        cards[row.image_id].pairs.append(PairShown(row))
    return [cards[key] for key in image_ids if key in cards]


def cards_of_two(dataset: Dataset, workers: tuple[int, int], number: str) -> "tuple[Page[Any], list[Card]]":
    """Return a page of the pairs that two workers both answered: a card each, different answers first."""
    answers = votes_of_two(dataset, *workers)
    pairs = sorted(answers, key=lambda pair: (answers[pair][0] == answers[pair][1], pair))
    page = Paginator(pairs, IMAGES_PER_PAGE).get_page(number)
    images = Image.objects.in_bulk([image for image, _ in page])
    rows = PairPosterior.objects.filter(image__in=images).select_related("label")
    posteriors = {(row.image_id, row.label_id): row for row in rows}
    shown = [pair for pair in page if pair in posteriors]
    return page, [Card(images[pair[0]], [PairShown(posteriors[pair], answers[pair])]) for pair in shown]
