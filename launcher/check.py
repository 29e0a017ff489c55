"""`./test`: lint, types, migrations and pytest, against servers of their own that are thrown away afterwards."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from launcher.catalogs import compile_catalogs
from launcher.embedded import report, services, try_lock
from launcher.migrated import copy_migrated_cluster
from launcher.places import ROOT, PlaceError, places_of
from launcher.processes import end_leftovers
from launcher.secrets import make_site_key
from launcher.suites import Suite, folders_of, run_suites, suites_of

# What Python is told to run. `.pre-commit-config.yaml` has the same commands.
QUICK_CHECKS = {
    "lint": ["-m", "ruff", "check", "--quiet", "."],
    "format": ["-m", "ruff", "format", "--check", "--quiet", "."],
}
SLOW_CHECKS = {
    "types": ["-m", "mypy", "."],
    "types of the marketplace": ["-m", "mypy", "--config-file", "marketplace/mypy.ini"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}


def main(arguments: list[str]) -> int:
    flags = {"--soak", "--coverage"} & set(arguments)
    words = [word for word in arguments if word not in flags]
    suites = suites_of(words)
    try:
        compile_catalogs()
        with scratch_state() as state, contextlib.ExitStack() as running:
            os.environ |= environment_of(state, "--soak" in flags)
            keep_bytecode(os.environ)
            make_site_key(state)
            for folder in folders_of(state, max((suite.n_processes for suite in suites), default=1)):
                copy_migrated_cluster(folder)
                running.enter_context(services(folder, durable=False))
            if not words:
                check_sources(state)
            if "--coverage" in flags:
                return run_measured(suites, state)
            return run_suites(suites, state, [sys.executable])
    except PlaceError as error:
        report(error)


def environment_of(state: Path, soak: bool) -> dict[str, str]:
    return {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"} | (
        {"SOAK": "1"} if soak else {}
    )


def keep_bytecode(environment: MutableMapping[str, str]) -> None:
    """Let the hundreds of processes of a run compile each module once, and the next run not at all.

    Where the checkout is to hold no compiled files, they go below `var/`.
    """
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "var" / "bytecode"))


def run_measured(suites: list[Suite], state: Path) -> int:
    """Run the suites, and print which lines neither they nor the processes that they start come to."""
    coverage = [sys.executable, "-m", "coverage"]
    os.environ["COVERAGE_FILE"] = str(state / "coverage")
    status = run_suites(suites, state, [*coverage, "run"])
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=True)
    subprocess.run([*coverage, "report"], cwd=ROOT, check=True)
    return status


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
    """Remove a state folder and those of its processes, with the servers that still run on them."""
    for folder_of_process in (*state.glob("gw*"), state):
        end_leftovers(folder_of_process)
        places = places_of(folder_of_process)
        for folder in (folder_of_process, places.postgres_sockets, places.valkey_sockets, places.outside):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def check_sources(state: Path) -> None:
    """Check style, format, types and migrations; the slow ones beside each other."""
    for name, words in QUICK_CHECKS.items():
        step(name, words)
    environment = {"STATE_DIR": str(folders_of(state, 1)[0])}
    with ThreadPoolExecutor() as pool:
        checks = [pool.submit(step, name, words, environment) for name, words in SLOW_CHECKS.items()]
    for check in checks:
        check.result()


def step(name: str, words: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a check; exit with its status, and say which it was, if it fails."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=os.environ | (environment or {}))
    if done.returncode:
        print(f"-- {name}: failed; no test was run", file=sys.stderr, flush=True)
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
