"""The number of usable cores."""

import os


def usable_cores() -> int:
    """Return the number of cores this process may run on: fewer than the machine has if it is pinned."""
    # Not every system can pin.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
