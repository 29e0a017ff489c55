"""Layout of a bar chart of a whole number's distribution, for the template that draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 26, 34
MOST_TICKS = 12
GAP = 0.18


@dataclass(frozen=True)
class Bar:
    """A bar: `count` cases have this `number`. `middle` is the place of its tick, if it has one."""

    number: int
    count: int
    x: float
    y: float
    width: float
    height: float
    middle: float
    has_tick: bool


@dataclass(frozen=True)
class Plot:
    """A chart in the units of its view box."""

    bars: list[Bar]
    mean_x: float
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP - 6
    floor: int = HEIGHT - BOTTOM
    tick_y: int = HEIGHT - BOTTOM + 14
    title_y: int = HEIGHT - 5
    middle: float = WIDTH / 2


def distribution_plot(counts: Sequence[int], mean: float) -> Plot | None:
    """Return bars for `counts` of 0, 1, 2, ... from the least number that occurs to the greatest; None if none does.

    >>> plot = distribution_plot([0, 1, 4], 1.8)
    >>> [(bar.number, bar.count) for bar in plot.bars]
    [(1, 1), (2, 4)]
    >>> plot.bars[1].height == 4 * plot.bars[0].height
    True
    """
    numbers = [number for number, count in enumerate(counts) if count]
    if not numbers:
        return None
    first, last, most = numbers[0], numbers[-1], max(counts)
    n_bars = last - first + 1
    step = (WIDTH - LEFT - RIGHT) / n_bars
    room = HEIGHT - TOP - BOTTOM
    every = -(-n_bars // MOST_TICKS)
    bars = [
        Bar(
            number=number,
            count=counts[number],
            x=LEFT + step * (number - first + GAP / 2),
            y=TOP + room * (1 - counts[number] / most),
            width=step * (1 - GAP),
            height=room * counts[number] / most,
            middle=LEFT + step * (number - first + 0.5),
            has_tick=(number - first) % every == 0,
        )
        for number in range(first, last + 1)
    ]
    return Plot(bars, mean_x=LEFT + step * (mean - first + 0.5))
