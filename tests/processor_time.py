"""Bounds on the time of the processor: for the long form, which has the machine for itself.

On a machine with other work, a second of the processor's time does less: what is right fails once in a while.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

SOAK = bool(os.environ.get("SOAK"))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    begin = time.process_time()
    yield
    assert not SOAK or time.process_time() - begin < seconds
