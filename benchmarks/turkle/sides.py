"""The rows of the comparison: which site, which work, and what the clients measured there."""

import statistics
from dataclasses import dataclass, field
from typing import Any

CLIENTS = 16
FEW = 1_000
CYCLES_OF_FEW = 240
ENOUGH = 1_000_000
NEXT = "hand in and accept"
# The sites, and their databases.
OURS, THEIRS, BEFORE = "ours", "turkle", "before"
OUR_PORT, THEIR_PORT, BEFORE_PORT = 8650, 8651, 8652


@dataclass
class Side:
    """One row of the table: who works on what, and what came of it.

    `batches` are worked on in turns, by new people each, if there are several; `cells` in each piece of work.
    `before` is the same side of the earlier checkout.
    """

    site: str
    work: str
    kind: str  # one of load.SIDES
    about: dict
    batches: list[str | int]
    cells: int = 1
    cycles: int = ENOUGH
    seconds: float = 1.0  # as a multiple of what was asked for
    before: "Side | None" = None
    done: int = 0
    rounds: list[dict] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{'Turkle' if self.site == THEIRS else self.site}, {self.work}"

    @property
    def rates(self) -> list[float]:
        return [result["cycles"] / result["seconds"] for result in self.rounds]

    def percentile(self, step: str, percent: int) -> float:
        return percentile([time for result in self.rounds for time in times_of(step, result)], percent)

    def p95_of_rounds(self, step: str) -> list[float]:
        return [percentile(times_of(step, result), 95) for result in self.rounds]


def sides_of(theirs: dict, ours: dict, before: dict | None = None) -> list[Side]:
    """Return the sides in the order of their turns: those of a pair one after the other."""
    their_address = {"host": "127.0.0.1", "port": THEIR_PORT, **theirs}
    our_sides = sides_of_study(OURS, OUR_PORT, ours)
    if before:
        for side, earlier in zip(our_sides, sides_of_study(BEFORE, BEFORE_PORT, before), strict=True):
            side.before = earlier
    turkle = Side(THEIRS, "one question", "turkle", their_address, [theirs["batch"]], seconds=2)
    sides = [turkle, *our_sides[:2], *sides_of_slots(ours), *our_sides[2:]]
    return [each for side in sides for each in (side, side.before) if each]


def sides_of_study(site: str, port: int, study: dict) -> list[Side]:
    address = {"host": "localhost", "port": port}
    framed, full = study["framed"], study["framed_full"]
    return [
        Side(site, "one question", "link", address, [study["one"]]),
        Side(site, "grid of 48", "link", address, [study["full"]], cells=48),
        Side(site, "one, in a frame", "framed", address | {"hits": framed["turns"]}, [framed["batch"]]),
        Side(site, "48, in a frame", "framed", address | {"hits": full["turns"]}, [full["batch"]], cells=48),
    ]


def sides_of_slots(ours: dict) -> list[Side]:
    address = {"host": "localhost", "port": OUR_PORT}
    again: dict[str, Any] = {"cycles": CYCLES_OF_FEW}
    return [
        Side(OURS, "few slots open", "link", address, ours["few"], **again),
        Side(OURS, "many slots open", "link", address, [ours["many"]] * len(ours["few"]), **again),
    ]


def times_of(step: str, result: dict) -> list[float]:
    """Return the times of a step, one of each cycle; NEXT is submitting and accepting, which may be one request."""
    if step == NEXT:
        return [sum(both) for both in zip(result["accept"], result["hand_in"], strict=True)]
    times: list[float] = result[step]
    return times


def percentile(figures: list[float], percent: int) -> float:
    return statistics.quantiles(figures, n=100)[percent - 1]
