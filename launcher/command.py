"""`./manage`: one management command with the embedded services running."""

import os
import signal
import subprocess
import sys

from launcher.addresses import origins_of_site
from launcher.catalogs import compile_catalogs
from launcher.embedded import report, services
from launcher.places import ROOT, PlaceError, state_dir


def main(arguments: list[str]) -> int:
    words = [sys.executable, str(ROOT / "manage.py"), *arguments]
    state = state_dir()
    try:
        compile_catalogs()
        if asks_for_help(arguments):
            return run(words)
        with services(state):
            # Commands report by themselves; log lines would repeat it.
            return run(words, {"LOG_LEVEL": "WARNING"} | os.environ | origins_of_site(state))
    except PlaceError as error:
        report(error)


def asks_for_help(arguments: list[str]) -> bool:
    """Return whether only help is requested, for which no service needs to start."""
    return not arguments or arguments[0] == "help" or not {"-h", "--help"}.isdisjoint(arguments)


def run(words: list[str], environment: dict[str, str] | None = None) -> int:
    """Run a child to its end. The child handles Ctrl-C, and a request to stop is passed on to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(words, env=environment, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
