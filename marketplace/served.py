"""The application of `python -m marketplace serve`: each process of the server sweeps beside its requests."""

import os

from marketplace.wsgi import application

# Needs the settings loaded by the line above.
from marketplace.overdue.sweeping import sweep_beside  # isort: skip

SWEEP_EVERY = "MARKETPLACE_SWEEP_EVERY"

__all__ = ["application"]

if seconds := float(os.environ.get(SWEEP_EVERY) or 0):
    sweep_beside(seconds)
