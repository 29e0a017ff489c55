"""Queries on forms and their votes that more than one place needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Dataset, Label
from catalog.reads import name_cells
from classify_task.models import ClassifyVote, Form
from workforce.reads import hits_with_open_slots, is_excluded, pseudonym, published_state


def labels_to_offer(form: Form) -> list[Label]:
    label_set = form.image.dataset.label_set_id
    return list(Label.objects.filter(label_set=label_set, index__in=form.labels).order_by("index"))


def images_with_forms(image_ids: Iterable[int]) -> set[int]:
    return set(Form.objects.filter(image__in=image_ids).values_list("image_id", flat=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images with a form that still has an open slot: too early to annotate them."""
    waiting = Form.objects.filter(image__in=image_ids, hit__in=hits_with_open_slots())
    return set(waiting.values_list("image_id", flat=True))


def counted_votes(image_ids: Iterable[int]) -> QuerySet[ClassifyVote]:
    """Counted votes on the images, in order of submission within each image."""
    return ClassifyVote.objects.filter(image__in=image_ids, counted=True).order_by("image_id", "submission_id")


def votes_of(dataset: Dataset) -> QuerySet[ClassifyVote]:
    """All votes on the dataset's images, in order of submission within each image, with what
    `classify_vote_row` needs."""
    return (
        ClassifyVote.objects.filter(image__dataset=dataset)
        .select_related("submission__settings", "image__dataset", "image__dataset_label")
        .annotate(excluded=is_excluded(), annotator=_n_earlier())
        .order_by("image_id", "submission_id")
    )


def _n_earlier() -> Coalesce:
    """How many answers to the same image came before. Not a window, which a page of rows would number anew."""
    earlier = ClassifyVote.objects.filter(image=OuterRef("image"), submission__lt=OuterRef("submission"))
    counted = earlier.order_by().values("image").annotate(n=Count("id")).values("n")
    return Coalesce(Subquery(counted), 0)


def classify_vote_row(vote: ClassifyVote, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the votes file, from a vote of `votes_of`; with `labels` (by index) their names are added."""
    own = vote.image.dataset_label
    row = {
        "image": vote.image.name,
        "dataset_label": own and own.index,
        "annotator": vote.annotator,
        "main": vote.main,
        "selected": vote.selected,
        "worker": pseudonym(vote.image.dataset, vote.worker_id),
        "role": vote.role,
        "state": published_state(vote.submission, vote.excluded),
        "submitted_at": vote.submission.submitted_at,
        "settings_version": vote.submission.settings.version,
    }
    if labels is None:
        return row
    return (
        row
        | name_cells("dataset_label", row["dataset_label"], labels)
        | name_cells("main", row["main"], labels)
        | {"selected_wnid": [labels[index].wnid for index in vote.selected]}
        | {"selected_words": [labels[index].words for index in vote.selected]}
    )
