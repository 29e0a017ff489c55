"""The agreement of a study's people and its worker model, as rows to store."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregation.agreement.loading import MAYBE, YES, CountedVotes, IntArray
from aggregation.models import AgreementOfStudy, Alpha, Contradiction, PairPosterior, SharedAnswers
from catalog.models import Dataset
from numerics import agreement
from numerics.posterior import decided_otherwise, fit_prior, noise_floor, posterior_of
from numerics.raters import RaterModel, presence
from numerics.selection import count_votes

FloatArray = NDArray[np.float64]

# The same votes give the same intervals.
SEED = 2020
MOST_CONTRADICTIONS = 1000
N_ANSWERS = 3


@dataclass(frozen=True)
class Computed:
    """Rows computed from the counted votes of a dataset."""

    study: AgreementOfStudy
    alphas: list[Alpha]
    shared: list[SharedAnswers]
    contradictions: list[Contradiction]
    posteriors: list[PairPosterior]


def computed_agreement(dataset: Dataset, votes: CountedVotes, maybe_counts: str) -> Computed:
    """Compute the agreement, the posteriors and the worker model of a dataset. The settings say what maybe counts as.

    Alpha, the comparison of workers and the model take maybe for what it is, whatever the settings say.
    """
    model, pairs = _model(votes), _pairs(votes, maybe_counts)
    posteriors = _posteriors(pairs, model)
    study = AgreementOfStudy(
        dataset=dataset,
        n_votes=len(votes),
        n_pairs=len(pairs.image),
        n_workers=len(np.unique(votes.worker)),
        three_answers=bool((votes.answer == MAYBE).any()),
        present=float(np.mean(model.posterior[:, 1] > 0.5)) if len(votes) else None,
        converged=model.converged,
    )
    _put_noise_floor(study, pairs, posteriors)
    return Computed(
        study, list(_alphas(dataset, votes)), _shared(dataset, votes), _contradictions(dataset, pairs), posteriors
    )


@dataclass(frozen=True)
class Pairs:
    """Pairs by column (P,): ids, whether the label is that of the dataset, and counts as the settings say."""

    image: IntArray
    label: IntArray
    of_dataset: IntArray
    n_selected: IntArray
    n_shown: IntArray

    @property
    def voted(self) -> NDArray[np.bool_]:
        return self.n_shown > 0


def positions(*columns: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first row of each distinct combination of ids, and the position of each row's among them.

    >>> positions(np.array([5, 5, 9]), np.array([1, 1, 0]))
    (array([0, 2]), array([0, 0, 1]))
    """
    code = np.zeros(len(columns[0]), np.int64)
    first = np.zeros(0, np.int64)
    for column in columns:
        _, place = np.unique(column, return_inverse=True)
        combined = code * (int(place.max(initial=0)) + 1) + place
        _, first, code = np.unique(combined, return_index=True, return_inverse=True)
    return first, code


def _pairs(votes: CountedVotes, maybe_counts: str) -> Pairs:
    first, pair = positions(votes.image, votes.label)
    selected = (votes.answer == YES) | ((votes.answer == MAYBE) & (maybe_counts == "yes"))
    counts = (votes.answer != MAYBE) | (maybe_counts != "nothing")
    n_selected, n_shown = count_votes(pair[counts], selected[counts], len(first))
    return Pairs(votes.image[first], votes.label[first], votes.of_dataset[first], n_selected, n_shown)


def _model(votes: CountedVotes) -> RaterModel:
    """Estimate the worker model, with maybe as an answer of its own where anybody gave it."""
    _, pair = positions(votes.image, votes.label)
    people, worker = np.unique(votes.worker, return_inverse=True)
    three = bool((votes.answer == MAYBE).any())
    return presence(pair, worker, votes.answer, n_workers=len(people), three=three)


def _posteriors(pairs: Pairs, model: RaterModel) -> list[PairPosterior]:
    """Return the rows of pairs with votes. Labels of the dataset are mostly right and others mostly wrong, so each of
    the two groups has a distribution of frequencies of its own."""
    mean, low, high, otherwise = (np.full(len(pairs.image), np.nan) for _ in range(4))
    for of_dataset in (0, 1):
        group = np.flatnonzero((pairs.of_dataset == of_dataset) & pairs.voted)
        counts = pairs.n_selected[group], pairs.n_shown[group]
        prior = fit_prior(*counts)
        posterior = posterior_of(*counts, prior)
        mean[group], low[group], high[group] = posterior.mean, posterior.low, posterior.high
        otherwise[group] = decided_otherwise(*counts, prior)
    # Where a beta distribution leans on 0 or 1, its mean may be outside of the middle 95 %.
    counts_and_mean = (pairs.image, pairs.label, pairs.n_selected, pairs.n_shown, mean)
    columns = (*counts_and_mean, np.minimum(low, mean), np.maximum(high, mean), otherwise, model.posterior[:, 1])
    fields = ("image_id", "label_id", "n_selected", "n_shown", "mean", "low", "high", "otherwise", "present")
    chosen = np.flatnonzero(pairs.voted)
    return [
        PairPosterior(**dict(zip(fields, row, strict=True)))
        for row in zip(*(column[chosen].tolist() for column in columns), strict=True)
    ]


def _put_noise_floor(study: AgreementOfStudy, pairs: Pairs, posteriors: list[PairPosterior]) -> None:
    voted = pairs.voted
    otherwise = np.array([row.otherwise for row in posteriors], np.float64)
    floor = noise_floor(pairs.n_selected[voted], pairs.n_shown[voted], otherwise)
    study.n_yes = floor.n_yes
    study.otherwise, study.yes_lost, study.no_lost = map(_number, (floor.otherwise, floor.yes_lost, floor.no_lost))


def _alphas(dataset: Dataset, votes: CountedVotes) -> Iterator[Alpha]:
    """Yield alpha of the dataset, of each batch and of each label."""
    yield from _alphas_of(dataset, votes)
    batches = np.unique(votes.batch).tolist()
    for batch in batches:
        # The votes of a single batch are all votes.
        of_batch = votes if len(batches) == 1 else votes.rows(votes.batch == batch)
        yield from _alphas_of(dataset, of_batch, batch_id=batch)
    order = np.argsort(votes.label, kind="stable")
    labels, starts = np.unique(votes.label[order], return_index=True)
    for label, rows in zip(labels.tolist(), np.split(order, starts[1:]), strict=True) if len(labels) else ():
        yield from _alphas_of(dataset, votes.rows(rows), label_id=label)


def _alphas_of(dataset: Dataset, votes: CountedVotes, **scope: int) -> Iterator[Alpha]:
    first, pair = positions(votes.image, votes.label)
    counts = agreement.answer_counts(pair, votes.answer, len(first), N_ANSWERS)
    tables = {Alpha.Answers.YES: np.stack([counts[:, YES], counts.sum(axis=1) - counts[:, YES]], axis=1)}
    # By class, few answers are left of each of three.
    if counts[:, MAYBE].any() and "label_id" not in scope:
        tables[Alpha.Answers.THREE] = counts
    for answers, table in tables.items():
        alpha = agreement.alpha_with_interval(table, votes.image[first], rng=np.random.default_rng(SEED))
        figures = {name: _number(getattr(alpha, name)) for name in ("value", "low", "high")}
        sizes = {"n_pairs": alpha.n_pairs, "n_answers": alpha.n_answers}
        yield Alpha(dataset=dataset, answers=answers, **scope, **figures, **sizes)


def _shared(dataset: Dataset, votes: CountedVotes) -> list[SharedAnswers]:
    _, pair = positions(votes.image, votes.label)
    people, worker = np.unique(votes.worker, return_inverse=True)
    shared = agreement.shared_answers(pair, worker, votes.answer, len(people), N_ANSWERS)
    columns = (people[shared.first], people[shared.second], shared.n_both, shared.n_same, shared.kappa)
    return [
        SharedAnswers(dataset=dataset, first_id=first, second_id=second, n_both=both, n_same=same, kappa=_number(kappa))
        for first, second, both, same, kappa in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _contradictions(dataset: Dataset, pairs: Pairs) -> list[Contradiction]:
    labels, label = np.unique(pairs.label, return_inverse=True)
    _, image = np.unique(pairs.image, return_inverse=True)
    two = agreement.contradictions(image, label, pairs.n_selected, pairs.n_shown, len(labels))
    columns = (labels[two.first], labels[two.second], two.n_images, two.expected)
    return [
        Contradiction(dataset=dataset, first_id=first, second_id=second, n_images=n_images, expected=expected)
        for first, second, n_images, expected in zip(
            *(column[:MOST_CONTRADICTIONS].tolist() for column in columns), strict=True
        )
    ]


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
