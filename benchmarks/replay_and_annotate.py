#!/usr/bin/env python3
"""Measure the time from the file of released CLASSIFY votes to annotations, next to plain enumerations in Python.

    python benchmarks/replay_and_annotate.py [classify_votes.csv.gz]

Uses a database cluster of its own, with the settings that keep data through a crash, and removes it afterwards.
Import is from the file to committed votes, annotation from committed votes to committed annotations. The plain
enumerations only search the partitions, in memory (see partition_search.py).
"""

import argparse
import io
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import django  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.partition_search import (  # noqa: E402
    VOTES,
    assignments,
    plain_search,
    plain_strings,
    plain_weights,
    problems,
    read_votes,
    timed,
)
from launcher.check import scratch_state  # noqa: E402
from launcher.embedded import services  # noqa: E402

REPEATS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("votes", nargs="?", type=Path, default=VOTES)
    path = parser.parse_args().votes
    if not path.is_file():
        sys.exit(f"There is no file {path}; name one of the form of classify_votes.csv.gz.")
    with scratch_state() as state:
        os.environ |= {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        with services(state):
            django.setup()
            call_command("migrate", verbosity=0)
            seconds = [measure(path, f"run {number}") for number in range(REPEATS)]
    report(path, min(imported for imported, _ in seconds), min(annotated for _, annotated in seconds))


def measure(path, name):
    """Seconds of the import and of the annotation of one more dataset."""
    begin = time.perf_counter()
    call_command("replay", "classify", str(path), dataset=name, stdout=io.StringIO())
    imported = time.perf_counter()
    call_command("aggregate", dataset=name, stdout=io.StringIO())
    return imported - begin, time.perf_counter() - imported


def report(path, imported, annotated):
    images = list(problems(read_votes(path)))
    plain = [(plain_weights(labels, selections), len(labels), k) for labels, k, selections in images]
    _, _, slow = timed(lambda: [plain_search(w, assignments(n, k)) for w, n, k in plain], 2)
    _, _, quick = timed(lambda: [plain_search(w, plain_strings(n, k)) for w, n, k in plain], 2)
    rows = [("import, file to votes", imported), ("annotation, votes to annotations", annotated)]
    for what, seconds in [*rows, ("every assignment, plain", slow), ("every partition, plain", quick)]:
        ratios = f"{seconds / slow:8.2f} x assignments  {seconds / quick:8.2f} x partitions"
        print(f"{what:34}{seconds:7.2f} s  {ratios}")


if __name__ == "__main__":
    main()
