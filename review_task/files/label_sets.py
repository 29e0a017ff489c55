"""Final label sets of reviews: as rows, and as one document with the keys of the release of Shankar et al. 2020."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy

from catalog.models import Dataset, Label
from catalog.reads import name_cells
from numerics.verdicts import STATES, VERDICTS, final_states, problematic_images
from review_task.blinding.reads import is_blinded
from review_task.models import ConsensusVerdict, Item, ProblemMark, Review, Verdict
from workforce.kinds import ExportedRows
from workforce.models import Submission
from workforce.reads import is_excluded

UNSETTLED = "unreviewed"
# In a mark that stands for those of several people.
BETWEEN_REASONS = "; "
N_COLUMNS = ("n_correct", "n_wrong", "n_unclear", "n_dont_know")
COLUMNS = (
    *("review", "title", "stage", "image", "dataset_label", "label", "state", "initial_state", "n_models"),
    *(*N_COLUMNS, "settled", "problematic", "reasons"),
)


def label_sets_of(dataset: Dataset) -> "QuerySet[Any, Any]":
    """Return the items of all reviews of a dataset, with what `label_set_row` needs."""
    return _with_counts(Item.objects.filter(page__review__batch__dataset=dataset))


def _with_counts(items: QuerySet[Item]) -> "QuerySet[Any, Any]":
    settled = ConsensusVerdict.objects.filter(item=OuterRef("pk"), is_last=True).values("verdict")
    marks = ProblemMark.objects.filter(page=OuterRef("page"), image=OuterRef("image"), counted=True, is_set=True)
    marks = marks.exclude(is_excluded())
    people = Submission.objects.filter(hit=OuterRef("page__hit"), state="confirmed").exclude(is_excluded("pk"))
    counts = {column: _count(verdict) for column, verdict in zip(N_COLUMNS, VERDICTS, strict=True)}
    return items.select_related("page__review__batch", "image__dataset_label", "label").annotate(
        **counts,
        settled=Coalesce(Subquery(settled), Value(UNSETTLED)),
        n_marks=_number(marks.order_by().values("page").annotate(n=Count("pk")).values("n")),
        reasons=Subquery(marks.order_by().values("page").annotate(all=ArrayAgg("reason", distinct=True)).values("all")),
        n_people=_number(people.order_by().values("hit").annotate(n=Count("pk")).values("n")),
    )


def _count(verdict: str) -> Coalesce:
    rows = Verdict.objects.filter(item=OuterRef("pk"), counted=True, verdict=verdict).order_by().values("item")
    return _number(rows.annotate(n=Count("pk")).values("n"))


def _number(rows: Any) -> Coalesce:
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)


@lru_cache(maxsize=10_000)
def _state(counts: tuple[int, ...], settled: str, n_reviewers: int) -> str:
    states = final_states(np.array([counts]), np.array([STATES.index(settled)]), n_reviewers)
    return STATES[states[0]]


@lru_cache(maxsize=1_000)
def _is_problematic(n_marks: int, n_people: int) -> bool:
    return bool(problematic_images(np.array([n_marks]), np.array([max(n_people, n_marks)]))[0])


def label_set_row(item: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a label of an image with its state, what it rests on, and whether the image is problematic."""
    review = item.page.review
    counts = tuple(getattr(item, column) for column in N_COLUMNS)
    problematic = _is_problematic(item.n_marks, item.n_people)
    target = item.image.dataset_label
    row = {
        "review": review.pk,
        "title": review.title,
        "stage": review.stage,
        "image": item.image.name,
        "dataset_label": target.index if target else None,
        "label": item.label.index,
        "state": _state(counts, item.settled, review.n_reviewers),
        "initial_state": _state(counts, UNSETTLED, review.n_reviewers),
        "n_models": None if is_blinded(review) else item.n_models,
        **dict(zip(N_COLUMNS, counts, strict=True)),
        "settled": item.settled if item.settled != UNSETTLED else "",
        "problematic": problematic,
        "reasons": _reasons(item) if problematic else [],
    }
    if labels is not None:
        row |= name_cells("dataset_label", row["dataset_label"], labels) | name_cells("label", row["label"], labels)
    return row


def _reasons(item: Any) -> list[str]:
    return sorted({words for reason in item.reasons or () for words in reason.split(BETWEEN_REASONS)})


LABEL_SETS = ExportedRows(
    name="label_sets",
    says=gettext_lazy("Experts’ decision on each label of each image, and which images are problematic."),
    rows_of=label_sets_of,
    order=("page__review_id", "image__name", "label__index"),
    row=label_set_row,
    columns=COLUMNS,
    named=("dataset_label", "label"),
)


def label_set_document(review: Review) -> dict[str, Any]:
    """Return the label sets of a review in the keys of the release. Call it in one transaction.

    `image_labels` and `initial_annots` name wnids by image and state, the latter without the consensus; a state without
    labels is absent, as is an image that nobody has reviewed, and a label in dispute is unclear. A problematic image
    without any has one label as `unreviewed`. Classes without a wnid are named by their index.
    """
    final: dict[str, dict[str, list[str]]] = defaultdict(dict)
    initial: dict[str, dict[str, list[str]]] = defaultdict(dict)
    images: dict[str, dict[str, Any]] = {}
    targets: dict[str, str] = {}
    items = _with_counts(Item.objects.filter(page__review=review)).order_by("image__name", "label__index")
    for item in items.iterator(chunk_size=5000):
        row = label_set_row(item)
        wnid = _name_of(item.label)
        for sets, state in ((final, row["state"]), (initial, row["initial_state"])):
            if published := PUBLISHED.get(state):
                sets[row["image"]].setdefault(published, []).append(wnid)
        images[row["image"]] = _image_facts(row) | {"unreviewed": wnid}
        if item.image.dataset_label:
            targets[row["image"]] = _name_of(item.image.dataset_label)
    reviewed = {image for image, facts in images.items() if image in final or image in initial or facts["problematic"]}
    for image in images.keys() & (final.keys() | initial.keys() | targets.keys()):
        del images[image]["unreviewed"]
    return {
        "image_labels": final,
        "initial_annots": initial,
        "image_map": {image: facts for image, facts in images.items() if image in reviewed},
        "wnid_map": {image: wnid for image, wnid in targets.items() if image in reviewed},
    }


PUBLISHED = {"correct": "correct", "wrong": "wrong", "unclear": "unclear", "disputed": "unclear"}


def _image_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"id": row["image"], "problematic": row["problematic"]}
    return facts | ({"reasons": row["reasons"]} if row["reasons"] else {})


def _name_of(label: Label) -> str:
    return label.wnid or str(label.index)
