"""Synchronisation with the marketplace: the outbox is sent and submissions are polled, in turns.

One process at a time does either. Without turns, a long queue of calls would delay polling for minutes, and with it
the pay of the workers.
"""

import time

from mturk.locks import SYNC_LOCK, try_lock
from mturk.outbox.sending import send_waiting as send_waiting
from mturk.payments.polling import poll_assignments
from mturk.rate_limits.actions import is_due

# A longer task would keep other tasks from running.
SECONDS_A_RUN = 30
# Per turn. One call fetches nine answers of a HIT, and nine calls pay for them.
SENDING_SECONDS, ASKING_SECONDS = 10, 5
POLL, POLL_EVERY_SECONDS = "mturk poll", 5


def synchronise(seconds: float = SECONDS_A_RUN) -> None:
    """Send and poll in turns while there is something to do, for about this long."""
    with try_lock(SYNC_LOCK) as is_ours:
        end = time.monotonic() + seconds
        goes_on = is_ours
        while goes_on and time.monotonic() < end:
            goes_on = bool(send_waiting(SENDING_SECONDS))
            if is_due(name=POLL, every_seconds=POLL_EVERY_SECONDS):
                goes_on = bool(poll_assignments(ASKING_SECONDS)) or goes_on
