import itertools

import numpy as np
import pytest

from numerics.raters import THREE_ANSWERS, TWO_ANSWERS, dawid_skene, presence


def plain_dawid_skene(votes, first, n_workers, n_rounds):
    """The rounds of Dawid and Skene 1979, votes one by one, without smoothing."""
    n_pairs, (n_answers, n_states) = 1 + max(pair for pair, _, _ in votes), first.shape
    posterior = np.zeros((n_pairs, n_states))
    for pair, _, answer in votes:
        posterior[pair] += first[answer]
    posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(n_rounds):
        prior, answers = posterior.mean(axis=0), np.zeros((n_workers, n_states, n_answers))
        for pair, worker, answer in votes:
            answers[worker, :, answer] += posterior[pair]
        answers /= answers.sum(axis=2, keepdims=True)
        posterior = np.tile(prior, (n_pairs, 1))
        for pair, worker, answer in votes:
            posterior[pair] *= answers[worker, :, answer]
        posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def crowd(seed, right, n_pairs=400, share=0.3):
    """Return votes of people with these (P(no | absent), P(yes | present)) on all pairs, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n_pairs) < share
    votes: list[tuple[int, int, int]] = []
    for worker, (specificity, sensitivity) in enumerate(right):
        yes = rng.random(n_pairs) < np.where(truth, sensitivity, 1 - specificity)
        votes += zip(range(n_pairs), itertools.repeat(worker), yes.astype(int), strict=False)
    return np.array(votes).T, truth


GOOD, SPAMMER = (0.9, 0.8), (0.5, 0.5)


@pytest.mark.parametrize("first", [TWO_ANSWERS, THREE_ANSWERS], ids=["two answers", "three answers"])
def test_the_rounds_are_those_of_the_source(first):
    rng = np.random.default_rng(7)
    votes = [(pair, worker, int(rng.integers(len(first)))) for pair in range(12) for worker in range(4)]
    columns = (np.array(column) for column in zip(*votes, strict=True))
    model = dawid_skene(*columns, first=first, n_workers=4, smoothing=0, most_rounds=6, tolerance=-1)
    assert model.posterior == pytest.approx(plain_dawid_skene(votes, first, 4, 6), abs=1e-9)
    assert not model.converged and model.n_rounds == 6


def test_what_people_are_like_is_learnt_without_the_truth():
    right = [GOOD] * 5 + [(0.99, 0.4), (0.4, 0.99)]
    (pair, worker, answer), _ = crowd(1, right, n_pairs=4000)
    model = presence(pair, worker, answer, n_workers=len(right))
    assert model.prior[1] == pytest.approx(0.3, abs=0.03)
    assert model.answers[:, 0, 0] == pytest.approx([specificity for specificity, _ in right], abs=0.04)
    assert model.answers[:, 1, 1] == pytest.approx([sensitivity for _, sensitivity in right], abs=0.04)


def test_the_model_is_right_where_a_majority_of_spammers_is_wrong():
    (pair, worker, answer), truth = crowd(2, [GOOD] * 4 + [SPAMMER] * 5)
    model = presence(pair, worker, answer, n_workers=9)
    majority = np.bincount(pair, weights=answer) > 4.5
    right = ((model.posterior[:, 1] > 0.5) == truth).mean()
    assert (majority == truth).mean() < 0.88 and right > 0.93


def test_a_person_who_answers_the_reverse_counts_the_reverse():
    (pair, worker, answer), truth = crowd(3, [GOOD] * 5 + [(0.1, 0.1)])
    model = presence(pair, worker, answer, n_workers=6)
    assert model.answers[5, 1, 1] < 0.25
    assert ((model.posterior[:, 1] > 0.5) == truth).mean() > 0.93


def test_maybe_is_worth_what_the_votes_say():
    """Half of the answers on what is there are maybe, none on what is not: maybe then speaks for presence."""
    rng = np.random.default_rng(4)
    truth = rng.random(500) < 0.4
    pair, worker = np.repeat(np.arange(500), 5), np.tile(np.arange(5), 500)
    present, draw = truth[pair], rng.random(2500)
    answer = np.where(present, np.where(draw < 0.45, 2, np.where(draw < 0.9, 1, 0)), np.where(draw < 0.05, 1, 0))
    model = presence(pair, worker, answer, n_workers=5, three=True)
    assert (model.answers[:, 1, 2] > 0.35).all() and (model.answers[:, 0, 2] < 0.02).all()
    assert ((model.posterior[:, 1] > 0.5) == truth).mean() > 0.98


def test_somebody_with_few_answers_counts_as_people_do_usually():
    (pair, worker, answer), _ = crowd(5, [GOOD] * 5)
    pair, worker, answer = np.append(pair, 0), np.append(worker, 5), np.append(answer, 1)
    model = presence(pair, worker, answer, n_workers=6)
    assert model.answers[5, 1, 1] == pytest.approx(0.8, abs=0.15)
    assert presence(pair, worker, answer, n_workers=6, smoothing=0).answers[5, 1, 1] == pytest.approx(1)


def test_pairs_without_votes_have_no_posterior_and_no_votes_no_pairs():
    model = presence(np.array([0, 2]), np.array([0, 0]), np.array([1, 0]), n_workers=1)
    assert np.isnan(model.posterior[1]).all() and np.isfinite(model.posterior[[0, 2]]).all()
    nothing = np.zeros(0, int)
    assert presence(nothing, nothing, nothing, n_workers=0).posterior.shape == (0, 2)


def test_the_order_of_votes_does_not_matter():
    (pair, worker, answer), _ = crowd(6, [GOOD] * 4, n_pairs=50)
    order = np.random.default_rng(1).permutation(len(pair))
    one, other = (
        presence(*columns, n_workers=4).posterior
        for columns in ((pair, worker, answer), (pair[order], worker[order], answer[order]))
    )
    assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("worker 3", {"worker": np.array([3])}),
        ("answer 2", {"answer": np.array([2])}),
        ("answer has shape", {"answer": np.array([1, 1])}),
        ("add up to 1", {"first": np.array([[1.0, 0.5], [0.0, 1.0]])}),
    ],
)
def test_wrong_votes_are_refused_with_what_is_wrong(problem, change):
    right = {"pair": np.array([0]), "worker": np.array([0]), "answer": np.array([1]), "first": TWO_ANSWERS}
    with pytest.raises(ValueError, match=problem):
        dawid_skene(**right | change, n_workers=2)
