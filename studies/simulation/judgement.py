"""Answers of simulated people: pure functions of the seed, the person, the photographs and the labels.

A pair of photograph and label is as hard for one person as for another, so that honest people err on the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from studies.simulation.people import Person

# How often people who do not look select a photograph.
BASE_RATE = 0.3
# Between these probabilities of a yes, whoever may say maybe does so half the time.
UNSURE = (0.35, 0.65)
EVERY = 3


@dataclass(frozen=True)
class Sight:
    """A photograph and a label, by name and class index, and whether the one shows the other."""

    image: str
    label: int
    shows: bool


def chance_of_yes(person: Person, sight: Sight) -> float:
    """Return the probability that this honest person says yes.

    A plain photograph that shows the label gets a yes by `skill`; a hard one, or a similar object, comes close to a
    coin. Some classes are harder for some people.
    """
    pair = Random(f"{person.seed}/pair/{sight.image}/{sight.label}")
    evidence = pair.betavariate(7, 1) if sight.shows else pair.betavariate(1, 12)
    of_class = Random(f"{person.seed}/class/{person.body}/{sight.label}").gauss(0, 0.04)
    skill = min(0.995, max(0.5, person.skill + of_class))
    return (1 - person.carelessness) * (skill * evidence + (1 - skill) * 0.5)


def judgement(person: Person, sight: Sight, *, with_maybe: bool = False) -> str:
    """Return yes, no or maybe, of somebody who looks."""
    body = Random(f"{person.seed}/look/{person.body}/{sight.image}/{sight.label}")
    chance = chance_of_yes(person, sight)
    answer = "yes" if body.random() < chance else "no"
    if with_maybe and UNSURE[0] < chance < UNSURE[1] and body.random() < 0.5:
        answer = "maybe"
    own = Random(f"{person.seed}/slip/{person.number}/{sight.image}/{sight.label}")
    return ("no" if answer == "yes" else "yes") if own.random() < person.noise else answer


def answers_to_grid(person: Person, page: str, sights: Sequence[Sight], *, with_maybe: bool = False) -> list[str]:
    """Return yes, no or maybe for each photograph of a grid, in the order of the page; `page` names it."""
    chance = Random(f"{person.seed}/page/{person.number}/{page}")
    if person.kind == "all_yes":
        return ["yes"] * len(sights)
    if person.kind == "all_no":
        return ["no"] * len(sights)
    if person.kind in ("random", "bot"):
        return ["yes" if chance.random() < BASE_RATE else "no" for _ in sights]
    if person.kind == "pattern":
        return ["yes" if place % EVERY == 0 else "no" for place in range(len(sights))]
    return [judgement(person, sight, with_maybe=with_maybe) for sight in sights]


def answer_to_form(person: Person, page: str, sights: Sequence[Sight], main: int) -> tuple[list[int], int]:
    """Return the selected labels and the main one, for the labels of a form in the order of the page.

    `main` is the label of the main object, as far as there is a truth. A form takes no empty answer.
    """
    answers = answers_to_grid(person, page, sights)
    labels = [sight.label for sight, answer in zip(sights, answers, strict=True) if answer == "yes"]
    if not labels and person.kind in ("all_no", "bot", "random"):
        labels = [sights[0].label]
    if not labels:
        labels = [max(sights, key=lambda sight: chance_of_yes(person, sight)).label]
    return labels, main if main in labels else labels[0]
