"""Running a state machine over many histories, from a seed that is told and can be given again.

The short form always begins at the same seed: what a merge has to pass must not turn on luck. New histories are met
with `--soak`, or with another SEED.
"""

import os
import secrets
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

N_STEPS = 30
SEED_OF_THE_SHORT_FORM = 2020


def run_histories(machine: type[RuleBasedStateMachine], n_runs: int, capsys) -> None:
    """So many histories; prints their seed, with which SEED=... ./test ... runs the same ones again."""
    number = int(os.environ.get("SEED") or _seed())
    chosen = settings(
        max_examples=n_runs,
        stateful_step_count=N_STEPS,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        # Finding the shortest history takes minutes: the one that was met says enough.
        phases=[Phase.explicit, Phase.generate],
    )
    begin = time.monotonic()
    _tell(capsys, f"{machine.__name__}: {n_runs} histories of up to {N_STEPS} steps, SEED={number}")
    run_state_machine_as_test(seed(number)(machine), settings=chosen)
    _tell(capsys, f"{machine.__name__}: no counter-example in {time.monotonic() - begin:.0f} s")


def _seed() -> int:
    return secrets.randbelow(2**32) if os.environ.get("SOAK") else SEED_OF_THE_SHORT_FORM


def _tell(capsys, words: str) -> None:
    with capsys.disabled():
        print(f"\n{words}", flush=True)
