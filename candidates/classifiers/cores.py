"""How many cores there are for us."""

import os


def usable_cores() -> int:
    """The cores this process may run on: fewer than the machine has when it was pinned to some."""
    # Not every system can pin.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
