"""A study of honest people and frauds, with the truth: what T24 measures the flags on.

Honest people differ in how lavishly they select, how well they tell what a photograph shows, how well they know a
class, and how often they do not look. Frauds take as many seconds as honest people, so that nothing but their answers
gives them away.
"""

from dataclasses import dataclass, field

import numpy as np

from numerics.workers.tables import ControlTable, VoteTable

HONEST, ALL_YES, ALL_NO, RANDOM = "honest", "all yes", "all no", "random"
PATTERN, COPYCAT, SEVERAL_IDS = "pattern", "copycat", "several ids"
IDS_OF_A_PERSON = 4
NOISE_OF_A_COPY = 0.05
PEOPLE = {HONEST: 100, ALL_YES: 7, ALL_NO: 7, RANDOM: 7, PATTERN: 7, COPYCAT: 7, SEVERAL_IDS: 2 * IDS_OF_A_PERSON}
CELLS = 48
SHARE_SHOWING = 0.2
CONTROLS_OF_A_KIND = 200
# Log odds of a yes of a typical person: mean and spread over photographs.
SHOWING, NOT_SHOWING = (2.5, 1.2), (-3.5, 1.2)
POSITIVE_CONTROLS, NEGATIVE_CONTROLS = (3.0, 0.7), (-4.0, 0.7)
PERIODS = (2, 3, 4, 5, 7)


@dataclass(frozen=True)
class Plan:
    """The size of a study.

    Attributes:
        people: how many of each kind.
        n_pairs, answers: the questions, and how many people answer each.
        positive, negative: controls of each kind in a grid of 48 cells.
        clearness: by how much log odds are larger than those of real photographs. At 1, two answers of honest people
            differ as often as in the released votes of Beyer et al. 2020 (the mean of f (1 - f) is 0.06).
    """

    people: dict[str, int] = field(default_factory=lambda: dict(PEOPLE))
    n_pairs: int = 10_000
    answers: int = 9
    positive: int = 5
    negative: int = 0
    clearness: float = 1.0

    @property
    def questions(self) -> int:
        return CELLS - self.positive - self.negative

    @property
    def kinds(self) -> np.ndarray:
        return np.repeat(list(self.people), list(self.people.values()))


@dataclass(frozen=True)
class Study:
    """The answers of a study, and its truth.

    Attributes:
        kind: (W,) the kind of each person.
        source: (W,) whom a copycat copies; the person behind several ids; else oneself.
        frequency: (P,) the share of honest people who would select.
        votes, controls: the answers.
        turn: (V,) the place of the vote's grid among those of its worker, from 0, and of the source if that is another;
            control_turn: (C,) the same.
        honest: (W, P) probability of a yes of each person, were that person honest.
    """

    kind: np.ndarray
    source: np.ndarray
    frequency: np.ndarray
    votes: VoteTable
    controls: ControlTable
    turn: np.ndarray
    control_turn: np.ndarray
    honest: np.ndarray


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simulate(plan: Plan, seed: int) -> Study:
    """Simulate a study."""
    rng = np.random.default_rng(seed)
    kind = plan.kinds
    grids = _grids(plan, rng)
    showing = rng.random(plan.n_pairs) < SHARE_SHOWING
    truth = np.where(showing, rng.normal(*SHOWING, plan.n_pairs), rng.normal(*NOT_SHOWING, plan.n_pairs))
    truth *= plan.clearness
    controls = np.concatenate(
        [rng.normal(*POSITIVE_CONTROLS, CONTROLS_OF_A_KIND), rng.normal(*NEGATIVE_CONTROLS, CONTROLS_OF_A_KIND)]
    )
    label = np.empty(plan.n_pairs, int)
    for number, pairs in enumerate(grids):
        label[pairs] = number // 3
    honest, honest_controls = _people(kind.size, truth, label, controls, rng)
    frequency = honest[kind == HONEST].mean(axis=0) if (kind == HONEST).any() else honest.mean(axis=0)
    source = _sources(kind, rng)
    turns = _turns(plan, kind, source, len(grids), rng)
    return _answered(plan, kind, source, frequency, grids, turns, honest, honest_controls, rng)


def _grids(plan, rng):
    order = rng.permutation(plan.n_pairs)
    return np.split(order, range(plan.questions, plan.n_pairs, plan.questions))


def _people(n_people, truth, label, controls, rng):
    """Return the probability of a yes of each person, were that person honest, on pairs and on controls."""
    lavishness = rng.normal(0, 0.4, (n_people, 1))
    keenness = np.exp(rng.normal(0, 0.2, (n_people, 1)))
    knowledge = rng.normal(0, 0.3, (n_people, label.max() + 1))
    carelessness = rng.beta(1, 60, (n_people, 1))
    on_pairs = sigmoid(keenness * truth + lavishness + knowledge[:, label])
    on_controls = sigmoid(keenness * controls + lavishness)
    return on_pairs * (1 - carelessness), on_controls * (1 - carelessness)


def _sources(kind, rng):
    source = np.arange(kind.size)
    copies = np.flatnonzero(kind == COPYCAT)
    source[copies] = rng.choice(np.flatnonzero(kind == HONEST), copies.size, replace=False) if copies.size else []
    ids = np.flatnonzero(kind == SEVERAL_IDS)
    source[ids] = ids[np.arange(ids.size) // IDS_OF_A_PERSON * IDS_OF_A_PERSON]
    return source


def _turns(plan, kind, source, n_grids, rng):
    """Return (worker, grid) in the order of submission: copies after their sources, several ids in any order."""
    load = np.zeros(kind.size)
    takers: list[set] = [set() for _ in range(n_grids)]
    fair = round(n_grids * plan.answers / kind.size)
    followers = np.flatnonzero(source != np.arange(kind.size))
    for leader in np.unique(source[followers]):
        group = [leader, *followers[source[followers] == leader]]
        room = [grid for grid in range(n_grids) if len(takers[grid]) + len(group) <= plan.answers]
        for grid in rng.choice(room, min(fair, len(room)), replace=False):
            takers[grid].update(group)
            load[group] += 1
    for grid in rng.permutation(n_grids):
        others = [worker for worker in range(kind.size) if worker not in takers[grid]]
        others.sort(key=lambda worker: load[worker] + rng.random())
        for worker in others[: plan.answers - len(takers[grid])]:
            takers[grid].add(worker)
            load[worker] += 1
    turns = [(worker, grid) for grid in range(n_grids) for worker in takers[grid]]
    rng.shuffle(turns)
    return _copies_later(turns, kind)


def _copies_later(turns, kind):
    return [turn for turn in turns if kind[turn[0]] != COPYCAT] + [turn for turn in turns if kind[turn[0]] == COPYCAT]


def _answered(plan, kind, source, frequency, grids, turns, honest, honest_controls, rng):
    """Let everybody answer, and put all answers into tables."""
    rows, control_rows, done = [], [], np.zeros(kind.size, int)
    originals: dict = {}
    place: dict = {}
    speed, period = np.exp(rng.normal(0.3, 0.4, kind.size)), rng.choice(PERIODS, kind.size)
    base = float(frequency.mean())
    # All people who open a grid see the same controls, as on the site.
    shown = [_controls_of(plan, rng) for _ in grids]
    for number, (worker, grid) in enumerate(turns):
        pairs, controls = grids[grid], shown[grid]
        chance = np.concatenate([honest[worker, pairs], honest_controls[worker, controls]])
        position = rng.permutation(CELLS)[: chance.size]
        kept = originals.get((source[worker], grid))
        answer = _answer(kind[worker], chance, position, period[worker], base, kept, rng)
        if kept is None:
            originals[source[worker], grid] = answer
            place[source[worker], grid] = done[source[worker]]
            done[source[worker]] += 1
        n = pairs.size
        seconds = np.exp(rng.normal(np.log(speed[worker]), 0.6, n))
        rows.append(_columns(n, worker, pairs, answer[:n], position[:n], number, seconds, place[source[worker], grid]))
        expected = controls < CONTROLS_OF_A_KIND
        control_rows.append(
            _columns(controls.size, worker, controls, expected, answer[n:], place[source[worker], grid])
        )
    worker, pair, answer, position, grid, seconds, turn = _joined(rows)
    votes = VoteTable(worker, pair, answer, position, grid, seconds, kind.size, network=_networks(kind, source, rng))
    worker, control, expected, answer, control_turn = _joined(control_rows)
    controls = ControlTable(worker, control, expected, answer, kind.size)
    return Study(kind, source, frequency, votes, controls, turn, control_turn, honest)


def _controls_of(plan, rng):
    positive = rng.choice(CONTROLS_OF_A_KIND, plan.positive, replace=False)
    return np.concatenate([positive, CONTROLS_OF_A_KIND + rng.choice(CONTROLS_OF_A_KIND, plan.negative, replace=False)])


def _columns(n, *values):
    return [np.broadcast_to(value, (n,)) for value in values]


def _joined(rows):
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _answer(kind, chance, position, period, base, kept, rng):
    """Return the answers of one person to one grid; `kept` are those of a source, if there are any yet."""
    n = chance.size
    if kind == ALL_YES:
        return np.ones(n, bool)
    if kind == ALL_NO:
        return np.zeros(n, bool)
    if kind == RANDOM:
        return rng.random(n) < base
    if kind == PATTERN:
        return position % period == 0
    if kept is not None:
        return kept ^ (rng.random(n) < NOISE_OF_A_COPY)
    return rng.random(n) < chance


def _networks(kind, source, rng):
    """Give half of the people with several ids one network, and some honest people that of a neighbour."""
    network = np.arange(kind.size)
    for leader in np.unique(source[kind == SEVERAL_IDS]):
        if rng.random() < 0.5:
            network[source == leader] = leader
    for person in np.flatnonzero(kind == HONEST)[1::10]:
        network[person] = person - 1
    return network
