"""Queries on forms and their votes that more than one place needs."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Dataset, Image, Label
from catalog.reads import name_cells
from catalog.references.reads import Reference, references_of
from classify_task.models import ClassifyVote, Form
from workforce.facts.reads import PageFacts, fact_cells
from workforce.models import Batch, Lease, Submission
from workforce.reads import hits_with_open_slots, is_excluded, not_aggregated, pseudonym_under, published_state

# The columns of a row of the votes file, and no more (see contains_task).
VOTE_COLUMNS = (
    *("image_id", "submission_id", "worker_id", "selected", "main", "surplus", "role", "excluded", "annotator"),
    *("image__name", "image__dataset_label__index", "image__dataset__pseudonym_key"),
    *("submission__state", "submission__submitted_at", "submission__settings__version"),
    *("shown", "facts", "page_facts"),
)


Item = TypeVar("Item")


def in_order_shown(lease_id: str, labels: Sequence[Item]) -> list[Item]:
    """Return the labels of a form (ascending) in the order in which the page of a lease (by public id) shows them.

    They are shuffled, so that no position favours the dataset label or any other. A reload keeps the order.
    """
    return random.Random(lease_id).sample(labels, len(labels))


def labels_to_offer(form: Form) -> list[Label]:
    label_set = form.image.dataset.label_set_id
    return list(Label.objects.filter(label_set=label_set, index__in=form.labels).order_by("index"))


@dataclass(frozen=True)
class Choice:
    """A label of a form's page, with the pages that explain it, and the marks that its worker has set."""

    label: Label
    references: list[Reference]
    is_selected: bool
    is_main: bool

    @property
    def also_called(self) -> str:
        return self.label.words.partition(",")[2].strip()


def choices_shown(lease: Lease, selected: Set[str], main: str) -> list[Choice]:
    """Return the labels of a lease's page as shown; `selected` and `main` are class indexes as the page sends them."""
    labels = in_order_shown(lease.public_id, labels_to_offer(lease.hit.form))
    references = references_of(lease.hit.form.image.dataset_id, labels)
    return [
        Choice(label, references[label.pk], str(label.index) in selected, str(label.index) == main) for label in labels
    ]


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    """Return what the template of an answer shows: the form's image, and its labels with the selection of the person
    and of others."""
    form = Form.objects.filter(hit=hit_id).select_related("image__dataset").first()
    if form is None:
        return {}
    # Of the raw answer: if the photograph was not seen, there is no vote.
    answer = submission.answer if submission else {}
    selected, main = set(answer.get("selected", ())), answer.get("main")
    others = counted_votes([form.image_id]).exclude(worker=submission.worker_id if submission else None)
    chosen = Counter(index for vote in others for index in vote.selected)
    mains = Counter(vote.main for vote in others)
    labels = [
        {
            "label": label,
            "is_chosen": label.index in selected,
            "is_main": label.index == main,
            "n_others": chosen[label.index],
            "n_others_main": mains[label.index],
        }
        for label in labels_to_offer(form)
    ]
    return {"image": form.image, "labels": labels, "is_unseen": bool(answer.get("unseen")), "n_others": len(others)}


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(forms__hit=hit_id)


def standing_forms(image_ids: Iterable[int]) -> QuerySet[Form]:
    """Return forms of the images that are open, replayed, or have a counted vote; others are void."""
    votes = ClassifyVote.objects.filter(image=OuterRef("image"), submission__hit=OuterRef("hit"), counted=True)
    stands = Q(hit__closed_at=None) | Q(hit__batch__marketplace=Batch.Marketplace.REPLAY) | Exists(votes)
    return Form.objects.filter(stands, image__in=image_ids)


def form_labels(image_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the class indexes on each image's newest standing form; images without one are missing.

    They differ from its candidate labels if the form was assigned before the candidates changed.
    """
    return dict(standing_forms(image_ids).order_by("id").values_list("image_id", "labels"))


def names_waiting(dataset: Dataset) -> set[str]:
    """Return the names of the images that have a form with an open slot."""
    forms = Form.objects.filter(image__dataset=dataset, hit__in=hits_with_open_slots())
    return set(forms.values_list("image__name", flat=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Return the images that are not ready to annotate: with an open slot, or an answer not yet aggregated."""
    forms = Form.objects.filter(image__in=image_ids).order_by().values_list("image_id", flat=True)
    unanswered = forms.filter(hit__in=hits_with_open_slots())
    uncounted = forms.filter(hit__in=not_aggregated().values("hit"))
    # In one statement, so that an answer that arrives meanwhile is in one of the two.
    return set(unanswered.union(uncounted))


def counted_votes(image_ids: Iterable[int]) -> QuerySet[ClassifyVote]:
    """Return counted votes on the images, in order of submission within each image."""
    return ClassifyVote.objects.filter(image__in=image_ids, counted=True).order_by("image_id", "submission_id")


def votes_of(dataset: Dataset) -> QuerySet[ClassifyVote, Any]:
    """Return all votes on the dataset's images, in order of submission within each image.

    They are tuples of VOTE_COLUMNS, for `classify_vote_row`.
    """
    votes = ClassifyVote.objects.filter(image__dataset=dataset)
    votes = votes.annotate(excluded=is_excluded(), annotator=_n_earlier(), page_facts=PageFacts("submission__answer"))
    # One vote of a submission: its raw answer is read once.
    votes = votes.annotate(shown=F("submission__answer__shown"), facts=F("submission__answer__facts"))
    votes = votes.order_by("image_id", "submission_id")
    return votes.values_list(*VOTE_COLUMNS, named=True)


def _n_earlier() -> Coalesce:
    """Count the earlier answers to the same image. Not a window, which would start again on every page of rows."""
    earlier = ClassifyVote.objects.filter(image=OuterRef("image"), submission__lt=OuterRef("submission"))
    n_earlier = earlier.order_by().values("image").annotate(n=Count("id")).values("n")
    return Coalesce(Subquery(n_earlier), 0)


def _seen_ms(facts: Mapping[str, Any] | None) -> int | None:
    """Return how long the photograph was in view."""
    looks = (facts or {}).get("photographs") or [None]
    return None if looks[0] is None else int(looks[0][1])


def classify_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the votes file, for a vote of `votes_of`; with `labels` (by index) add their names."""
    row = {
        "image": vote.image__name,
        "dataset_label": vote.image__dataset_label__index,
        "annotator": vote.annotator,
        "main": vote.main,
        "selected": vote.selected,
        "worker": pseudonym_under(vote.image__dataset__pseudonym_key, vote.worker_id),
        "role": vote.role,
        "state": published_state(vote.submission__state, vote.excluded, vote.surplus),
        "submitted_at": vote.submission__submitted_at,
        "settings_version": vote.submission__settings__version,
        "submission": vote.submission_id,
        "shown": vote.shown,
        "seen_ms": _seen_ms(vote.facts),
        "marks": (vote.facts or {}).get("marks"),
        **fact_cells(vote.page_facts),
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
