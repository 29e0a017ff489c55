"""Chance of the short form: what the site draws in a test (ids, keys, orders of cells) is the same in every run.

Else a test that is right in all but one of a thousand draws fails once in a while, and nobody can repeat it. The long
form draws as the site does.
"""

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

SOAK = bool(os.environ.get("SOAK"))
_chance = random.Random(0)
_real_generator = np.random.default_rng
_DRAWS: dict[tuple[Any, str], Any] = {
    # `secrets.token_hex` and `secrets.token_urlsafe` write these bytes as text.
    (secrets, "token_bytes"): lambda n_bytes=None: _chance.randbytes(
        secrets.DEFAULT_ENTROPY if n_bytes is None else n_bytes
    ),
    (secrets, "randbits"): lambda n_bits: _chance.getrandbits(n_bits),
    (np.random, "default_rng"): lambda seed=None: _real_generator(_chance.getrandbits(64) if seed is None else seed),
}
_REAL = {(module, name): getattr(module, name) for module, name in _DRAWS}


def seeds(n: int) -> range:
    """Return the seeds of generated worlds: `n` in the long form, a quarter of them in the short one, 2 at least."""
    return range(n if SOAK else max(2, n // 4))


def _put(functions: dict[tuple[Any, str], Any]) -> None:
    for (module, name), function in functions.items():
        setattr(module, name, function)


def draw_steadily() -> None:
    """Let what this process draws follow from `begin`. Its children draw as ever: two would draw the same."""
    if not SOAK:
        _put(_DRAWS)
        os.register_at_fork(after_in_child=lambda: _put(_REAL))


def begin(name: str) -> None:
    """Draw from now on what the test of this name always draws."""
    _chance.seed(name)


@contextmanager
def apart(name: str) -> Iterator[None]:
    """Draw by this name, and go on after it as if nothing had been drawn: rows that tests share are no test's own."""
    state = _chance.getstate()
    _chance.seed(name)
    try:
        yield
    finally:
        _chance.setstate(state)
