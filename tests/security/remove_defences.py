"""A script that removes the defences one by one, and says what their tests did: see tests/security/removal.py."""

import sys
from collections.abc import Sequence

from tests.security.defences import DEFENCES
from tests.security.removal import passing, scratch_copy, unnoticed


def main(words: Sequence[str]) -> int:
    chosen = [defence for defence in DEFENCES if not words or any(word in defence.name for word in words)]
    with scratch_copy() as copy:
        bad = [f"fails with everything in its place: {test}" for test in passing(copy, chosen)]
        for defence in chosen:
            tests = unnoticed(copy, defence)
            print(f"{'NOT NOTICED' if tests else 'noticed'}: {defence.name}", flush=True)
            bad += [f"passes without {defence.name}: {test}" for test in tests]
    print("\n".join(bad) or f"Each of {len(chosen)} defences was missed.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
