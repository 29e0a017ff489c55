"""The pace of workers: the number of portions that one takes at once."""

from dataclasses import dataclass

# Portions are cut before the speed of the network is known. On a GPU a portion ends before the decoding threads are
# up; on a CPU it may take minutes, and a kill should cost no more.
SECONDS_AT_ONCE = 5.0
MOST_PORTIONS = 32
MOST_GROWTH = 4


@dataclass
class Pace:
    """The pace of this process in its latest run."""

    run: int | None = None
    n_portions: int = 1

    def of(self, run: int) -> int:
        """Return how many portions of this run to take: about SECONDS_AT_ONCE of work."""
        return self.n_portions if run == self.run else 1

    def note(self, run: int, n_portions: int, seconds: float) -> None:
        """Record how long a number of portions took.

        >>> pace = Pace()
        >>> pace.note(7, n_portions=1, seconds=0.5)
        >>> pace.of(7), pace.of(8)
        (4, 1)
        >>> pace.note(7, n_portions=4, seconds=2.0)
        >>> pace.of(7)
        10
        """
        n_in_time = int(SECONDS_AT_ONCE * n_portions / max(seconds, 1e-9))
        self.run, self.n_portions = run, max(1, min(n_in_time, MOST_GROWTH * n_portions, MOST_PORTIONS))
