"""Opening of a blind second review (Shankar et al. 2020, section 4.3)."""

import secrets
from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import LARGEST_SEED
from review_task.blind.composition import (
    IMAGES_PER_PAGE,
    Drafts,
    Pair,
    all_labels,
    images_without_models,
    portions,
    seeded_predictions,
)
from review_task.blind.reads import drafts_of_review, further_labels_of, ranked_labels
from review_task.blinding.reads import blind_review_in
from review_task.errors import NothingToReview
from review_task.models import Review
from review_task.opening.actions import Predictions, compose_pages, make_review, note_opening
from review_task.opening.reads import Said, first_ranks, said_in
from workforce.models import Batch


class EarlierReviewOpen(UserError):
    """An earlier review that still takes verdicts, so that its label sets are not final."""


class BlindReviewOpen(UserError):
    """A study with a blind review: another one would show its labels again."""


@transaction.atomic
def open_blind_review(
    *,
    earlier: Review,
    title: str,
    n_reviewers: int = 1,
    labels: Iterable[tuple[str, int]] = (),
    predictions: Predictions = (),
    with_later_predictions: bool = False,
    seed: int | None = None,
    only_labelled: bool = False,
    images_per_page: int = IMAGES_PER_PAGE,
) -> Review:
    """Open a second review of the images of an earlier one, in which all labels of an image look alike.

    They are the labels of the earlier review, those that its reviewers added, those of people (`labels`: image name and
    class index) and of a second ensemble (`predictions`, as for `open_review`; `with_later_predictions`: those on the
    site now), and a prediction drawn at random for each image that has no label of models alone.

    Pages are portions of images in random order, and the labels of an image stand in random order. `seed` decides both;
    without it, it is a secret that nobody can guess. `only_labelled` leaves out images of which nobody else said
    anything. Raises EarlierReviewOpen, BlindReviewOpen, NothingToReview and UnknownNames.
    """
    _check(earlier)
    dataset = earlier.batch.dataset
    people = {*said_in(((name, index, 1) for name, index in labels), dataset), *further_labels_of(earlier)}
    models = said_in(predictions, dataset) | (_later_predictions(earlier) if with_later_predictions else {})
    drafts = _labels(earlier, people, models, only_labelled)
    seed = secrets.randbelow(LARGEST_SEED) if seed is None else seed
    to_seed = images_without_models(drafts, people)
    drafts |= seeded_predictions(to_seed, drafts, ranked_labels(dataset, to_seed), seed)
    review = make_review(
        dataset=dataset, title=title, stage=Review.Stage.BLIND, n_reviewers=n_reviewers, seed=seed, earlier=earlier
    )
    compose_pages(review=review, pages=portions(drafts, seed, images_per_page))
    note_opening(review=review)
    return review


def _check(earlier: Review) -> None:
    # Two openings at once follow one another here.
    batch = Batch.objects.select_for_update(no_key=True).get(pk=earlier.batch_id)
    if batch.closed_at is None:
        raise EarlierReviewOpen(
            gettext("The review “%(title)s” is open, so its label sets can change.") % {"title": earlier.title},
            page=gettext("Close it first."),
        )
    if blind := blind_review_in(batch.dataset):
        raise BlindReviewOpen(
            gettext("The blind review “%(title)s” of this study is open.") % {"title": blind.title},
            page=gettext("Close it first."),
        )


def _later_predictions(earlier: Review) -> Said:
    """Return the first ranks on the site that the earlier review has not."""
    reviewed = drafts_of_review(earlier)
    return {pair: n for pair, n in first_ranks(earlier.batch.dataset).items() if pair not in reviewed}


def _labels(earlier: Review, people: set[Pair], models: Said, only_labelled: bool) -> Drafts:
    drafts = all_labels(drafts_of_review(earlier), people, models)
    labelled = {image_id for image_id, _ in (*people, *models)}
    if not any(image_id in labelled for image_id, _ in drafts):
        raise NothingToReview(
            gettext("Nobody has said anything of the images of “%(title)s” since.") % {"title": earlier.title},
            page=gettext("Collect labels of people first, or import predictions of other models."),
        )
    if only_labelled:
        return {pair: draft for pair, draft in drafts.items() if pair[0] in labelled}
    return drafts
