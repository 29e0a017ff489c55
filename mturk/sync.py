"""Speaking with the marketplace in turns: what was decided is sent, then what was handed in is asked for, and again.

One process at a time does either. Left to chance whose turn it is, a long queue of calls would keep answers from
being taken in for minutes, and with them the pay of those who gave them.
"""

import time

from mturk.locks import SPEAKING, try_lock
from mturk.outbox.sending import send_waiting as send_waiting
from mturk.payments.polling import poll_assignments
from mturk.rate_limits.actions import is_due

# A task that speaks for longer keeps others from their turn.
SECONDS_A_RUN = 30
# Each turn. One call asks for nine answers of a HIT, and nine calls pay for them.
SENDING_SECONDS, ASKING_SECONDS = 10, 5
POLL, POLL_EVERY_SECONDS = "mturk poll", 5


def speak(seconds: float = SECONDS_A_RUN) -> None:
    """Send and ask for as long as there is something to do, for about so long."""
    with try_lock(SPEAKING) as is_ours:
        end = time.monotonic() + seconds
        goes_on = is_ours
        while goes_on and time.monotonic() < end:
            goes_on = bool(send_waiting(SENDING_SECONDS))
            if is_due(name=POLL, every_seconds=POLL_EVERY_SECONDS):
                goes_on = bool(poll_assignments(ASKING_SECONDS)) or goes_on
