"""Queries on forms and their votes that more than one place needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Dataset, Image, Label
from catalog.reads import name_cells
from classify_task.models import ClassifyVote, Form
from workforce.models import Batch, Submission
from workforce.reads import hits_with_open_slots, is_excluded, not_aggregated, pseudonym_under, published_state

# What a row of the votes file is made of, and nothing more (see contains_task).
VOTE_COLUMNS = (
    *("image_id", "submission_id", "worker_id", "selected", "main", "role", "excluded", "annotator"),
    *("image__name", "image__dataset_label__index", "image__dataset__pseudonym_key"),
    *("submission__state", "submission__submitted_at", "submission__settings__version"),
)


def labels_to_offer(form: Form) -> list[Label]:
    label_set = form.image.dataset.label_set_id
    return list(Label.objects.filter(label_set=label_set, index__in=form.labels).order_by("index"))


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    """Return what the template of an answer shows: the form's image, and its labels with what was chosen."""
    form = Form.objects.filter(hit=hit_id).select_related("image__dataset").first()
    if form is None:
        return {}
    vote = ClassifyVote.objects.filter(submission=submission).first() if submission else None
    chosen, main = (set(vote.selected), vote.main) if vote else (set(), None)
    labels = [
        {"label": label, "is_chosen": label.index in chosen, "is_main": label.index == main}
        for label in labels_to_offer(form)
    ]
    return {"image": form.image, "labels": labels}


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(forms__hit=hit_id)


def standing_forms(image_ids: Iterable[int]) -> QuerySet[Form]:
    """The images' forms that are open, were replayed, or have a counted vote; a form closed without one is void."""
    counted = ClassifyVote.objects.filter(image=OuterRef("image"), submission__hit=OuterRef("hit"), counted=True)
    stands = Q(hit__closed_at=None) | Q(hit__batch__marketplace=Batch.Marketplace.REPLAY) | Exists(counted)
    return Form.objects.filter(stands, image__in=image_ids)


def form_labels(image_ids: Iterable[int]) -> dict[int, list[int]]:
    """The class indexes on each image's newest standing form. They differ from its candidate labels where people had
    the form in hand before the candidates changed; an image without such a form is missing."""
    return dict(standing_forms(image_ids).order_by("id").values_list("image_id", "labels"))


def names_waiting(dataset: Dataset) -> set[str]:
    """Return the names of the images that have a form with an open slot."""
    forms = Form.objects.filter(image__dataset=dataset, hit__in=hits_with_open_slots())
    return set(forms.values_list("image__name", flat=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images too early to annotate: a form of theirs has an open slot, or an answer not yet aggregated."""
    forms = Form.objects.filter(image__in=image_ids).order_by().values_list("image_id", flat=True)
    unanswered = forms.filter(hit__in=hits_with_open_slots())
    uncounted = forms.filter(hit__in=not_aggregated().values("hit"))
    # One statement, thus one moment: an answer that comes in meanwhile is seen as the one or as the other.
    return set(unanswered.union(uncounted))


def counted_votes(image_ids: Iterable[int]) -> QuerySet[ClassifyVote]:
    """Counted votes on the images, in order of submission within each image."""
    return ClassifyVote.objects.filter(image__in=image_ids, counted=True).order_by("image_id", "submission_id")


def votes_of(dataset: Dataset) -> QuerySet[ClassifyVote, Any]:
    """All votes on the dataset's images, in order of submission within each image: tuples of VOTE_COLUMNS, for
    `classify_vote_row`."""
    votes = ClassifyVote.objects.filter(image__dataset=dataset)
    votes = votes.annotate(excluded=is_excluded(), annotator=_n_earlier()).order_by("image_id", "submission_id")
    return votes.values_list(*VOTE_COLUMNS, named=True)


def _n_earlier() -> Coalesce:
    """How many answers to the same image came before. Not a window, which a page of rows would number anew."""
    earlier = ClassifyVote.objects.filter(image=OuterRef("image"), submission__lt=OuterRef("submission"))
    counted = earlier.order_by().values("image").annotate(n=Count("id")).values("n")
    return Coalesce(Subquery(counted), 0)


def classify_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the votes file, from a vote of `votes_of`; with `labels` (by index) their names are added."""
    row = {
        "image": vote.image__name,
        "dataset_label": vote.image__dataset_label__index,
        "annotator": vote.annotator,
        "main": vote.main,
        "selected": vote.selected,
        "worker": pseudonym_under(vote.image__dataset__pseudonym_key, vote.worker_id),
        "role": vote.role,
        "state": published_state(vote.submission__state, vote.excluded),
        "submitted_at": vote.submission__submitted_at,
        "settings_version": vote.submission__settings__version,
        "submission": vote.submission_id,
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
