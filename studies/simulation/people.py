"""Simulated people: who they are. Everything follows from the seed, whatever the order in which they get work."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from django.utils.translation import gettext

from catalog.errors import UserError

HONEST = "honest"
# What each kind does, for the texts of the command.
KINDS = {
    HONEST: "looks, and errs by competence, class and carelessness",
    "all_yes": "selects everything",
    "all_no": "selects nothing",
    "random": "selects by chance, as often as honest people do",
    "pattern": "selects places of the page: every third one",
    "copycat": "copies an honest person, with 5 % errors",
    "several_ids": "all of this kind are one person under several IDs",
    "bot": "sends a random answer at once, without scripts and without looking",
}
# Of a hundred people, unless a mix is named; honest people make up the rest.
USUAL_SHARES = {"all_yes": 4, "all_no": 4, "random": 6, "pattern": 4, "copycat": 4, "several_ids": 4, "bot": 4}
MOST_PEOPLE = 2000
NOISE_OF_COPIES = 0.05


@dataclass(frozen=True)
class Person:
    """A simulated person. `body` is the number of the person whose judgement this is: a copycat has another's.

    `skill` is the probability to judge a plain case rightly beyond chance, `carelessness` that to miss a photograph,
    `noise` that to turn a judgement of the body's round, and `seconds` the time for a photograph.
    """

    seed: int
    number: int
    kind: str
    body: int
    skill: float
    carelessness: float
    noise: float
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.seed}-{self.number}-{self.kind}"


def mix_in(text: str) -> dict[str, int]:
    """Return the numbers of people by kind in a text. Raises UserError.

    >>> mix_in("honest=40, all_yes=3")
    {'honest': 40, 'all_yes': 3}
    """
    mix: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, _, number = (word.strip() for word in part.partition("="))
        if kind not in KINDS or not (number.isascii() and number.isdecimal()) or kind in mix:
            message = gettext("“%(part)s” is no part of a mix. Write kinds with numbers. Kinds: %(kinds)s.")
            raise UserError(
                message % {"part": part, "kinds": ", ".join(KINDS)},
                shell=gettext("For example: --mix honest=40,all_yes=3"),
            )
        mix[kind] = int(number)
    return mix


def whole_mix(n_people: int, mix: Mapping[str, int]) -> dict[str, int]:
    """Return how many people there are of each kind: those named, and honest ones up to `n_people`. Raises UserError.

    >>> whole_mix(50, {"all_yes": 3})
    {'honest': 47, 'all_yes': 3}
    >>> whole_mix(50, {})["honest"]
    35
    """
    if not 0 < n_people <= MOST_PEOPLE:
        message = gettext("The number of simulated people must be from 1 to %(n)s.")
        raise UserError(message % {"n": MOST_PEOPLE})
    mix = mix or {kind: round(n_people * share / 100) for kind, share in USUAL_SHARES.items()}
    others = {kind: number for kind, number in mix.items() if kind != HONEST and number}
    honest = mix.get(HONEST, n_people - sum(others.values()))
    if honest + sum(others.values()) != n_people or honest < 0:
        message = gettext("The mix has %(n_mix)s people, but there are to be %(n_people)s.")
        words = {"n_mix": mix.get(HONEST, 0) + sum(others.values()), "n_people": n_people}
        raise UserError(message % words, shell=gettext("Leave “honest” out of --mix: they make up the rest."))
    if "copycat" in others and not honest:
        raise UserError(gettext("A copycat needs an honest person to copy."))
    return {HONEST: honest} | others


def population(seed: int, mix: Mapping[str, int]) -> list[Person]:
    """Return the people of a mix, honest ones first; equal for equal arguments."""
    kinds = [kind for kind, number in mix.items() for _ in range(number)]
    return [_person(seed, number, kind, kinds) for number, kind in enumerate(kinds)]


def _person(seed: int, number: int, kind: str, kinds: list[str]) -> Person:
    chance = Random(f"{seed}/person/{number}")
    body = number
    if kind == "copycat":
        body = chance.choice([other for other, its_kind in enumerate(kinds) if its_kind == HONEST])
    elif kind == "several_ids":
        body = kinds.index(kind)
    nature = Random(f"{seed}/body/{body}")
    return Person(
        seed=seed,
        number=number,
        kind=kind,
        body=body,
        skill=nature.uniform(0.8, 0.98),
        carelessness=nature.betavariate(1, 40),
        noise=NOISE_OF_COPIES if body != number else 0.0,
        seconds=0.02 if kind == "bot" else nature.lognormvariate(-0.2, 0.35),
    )
