"""How much of a run a worker takes at once."""

from dataclasses import dataclass

# A portion is cut when nobody knows how fast its network is. On a GPU it would be over before the threads that decode
# have got going; on a CPU it may take minutes, and is as much as a kill should cost.
SECONDS_AT_ONCE = 5.0
MOST_PORTIONS = 32
MOST_GROWTH = 4


@dataclass
class Pace:
    """What this process has seen of the run that it was last at."""

    run: int | None = None
    n_portions: int = 1

    def of(self, run: int) -> int:
        """How many portions of this run to take: about what can be done in SECONDS_AT_ONCE."""
        return self.n_portions if run == self.run else 1

    def note(self, run: int, n_portions: int, seconds: float) -> None:
        """So many portions took so long.

        >>> pace = Pace()
        >>> pace.note(7, n_portions=1, seconds=0.5)
        >>> pace.of(7), pace.of(8)
        (4, 1)
        >>> pace.note(7, n_portions=4, seconds=2.0)
        >>> pace.of(7)
        10
        """
        fit = int(SECONDS_AT_ONCE * n_portions / max(seconds, 1e-9))
        self.run, self.n_portions = run, max(1, min(fit, MOST_GROWTH * n_portions, MOST_PORTIONS))
