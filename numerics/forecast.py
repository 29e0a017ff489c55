"""Rate of work, and when the rest will be done at that rate."""

import numpy as np

# A pause of more seconds is no work.
LONGEST_PAUSE = 300.0


def rate_of_work(times: np.ndarray, workers: np.ndarray, longest_pause: float = LONGEST_PAUSE) -> float:
    """Return the answers of a person per hour of work; 0.0 without two answers of a person close together.

    `times` (N,) are seconds and `workers` (N,) whose answer it was, in any order. Work is the time between two answers
    of a person, unless it is longer than `longest_pause` seconds.

    >>> rate_of_work(np.array([0.0, 10.0, 20.0, 5000.0, 5010.0]), np.zeros(5))
    360.0
    """
    order = np.lexsort((times, workers))
    gaps, same = np.diff(times[order]), np.diff(workers[order]) == 0
    work = same & (gaps <= longest_pause)
    seconds = float(gaps[work].sum())
    return 3600.0 * int(work.sum()) / seconds if seconds > 0 else 0.0
