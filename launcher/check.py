"""`./test`: lint, types, migrations and pytest against a cluster of their own, thrown away afterwards."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from launcher.catalogs import compile_catalogs
from launcher.command import run
from launcher.embedded import report, services, try_lock
from launcher.places import ROOT, PlaceError, places_of
from launcher.processes import end_leftovers


def main(arguments: list[str]) -> int:
    soak = "--soak" in arguments
    arguments = [word for word in arguments if word != "--soak"]
    try:
        compile_catalogs()
        with scratch_state() as state:
            environment = environment_of(state, soak)
            os.environ |= environment
            with services(state, durable=False):
                if not arguments:
                    lint()
                    migrations_complete()
                return run([sys.executable, "-m", "pytest", *arguments])
    except PlaceError as error:
        report(error)


def environment_of(state: Path, soak: bool) -> dict[str, str]:
    return {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"} | (
        {"SOAK": "1"} if soak else {}
    )


@contextlib.contextmanager
def scratch_state() -> Iterator[Path]:
    """A state folder for this run alone: two runs never meet, a killed one is tidied up by the next."""
    base = ROOT / "var" / "test"
    base.mkdir(parents=True, exist_ok=True)
    for old in base.iterdir():
        tidy(old)
    state = base / str(os.getpid())
    state.mkdir(exist_ok=True)
    with open(base / f"{os.getpid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield state
        finally:
            remove(state)
            Path(lock.name).unlink(missing_ok=True)


def tidy(old: Path) -> None:
    """Remove the state of a run that ended without doing so itself. Its lock tells whether it still lives."""
    if old.suffix != ".lock":
        return
    with open(old, "a") as lock:
        if try_lock(lock):
            remove(old.with_suffix(""))
            old.unlink(missing_ok=True)


def remove(state: Path) -> None:
    end_leftovers(state)
    places = places_of(state)
    for folder in (state, places.postgres_sockets, places.valkey_sockets, places.outside):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def lint() -> None:
    step("lint", ["-m", "ruff", "check", "."])
    step("format", ["-m", "ruff", "format", "--check", "--quiet", "."])
    step("types", ["-m", "mypy", "."])
    step("types of the marketplace", ["-m", "mypy", "--config-file", "marketplace/mypy.ini"])


def migrations_complete() -> None:
    step("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"])


def step(name: str, words: list[str]) -> None:
    """Run a check; exit with its status, and say which it was, if it fails."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT)
    if done.returncode:
        print(f"-- {name}: failed; no test was run", file=sys.stderr, flush=True)
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
