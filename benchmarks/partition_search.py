#!/usr/bin/env python3
"""Measure the partition search, next to plain enumerations in Python on the same images in the same run.

    python benchmarks/partition_search.py [classify_votes.csv.gz]

All are given the co-selection counts and find all optimal partitions of every image with more than one
object (with one object there is nothing to search). There are two plain enumerations: the obvious one puts
every label into every block and so meets each partition k! times; the careful one visits it once. The answers
are compared, so a fast wrong search ends in an error.
"""

import argparse
import csv
import gzip
import itertools
import sys
import time
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from numerics.consensus import number_of_objects  # noqa: E402
from numerics.objects import annotate_many  # noqa: E402
from numerics.partition import co_selection, growth_strings, optimal_partitions, optimal_rows, stirling  # noqa: E402

VOTES = ROOT.parent / "shared" / "released" / "classify_votes.csv.gz"
REPEATS = 5


def read_votes(path):
    """Image to (selections, mains, dataset label)."""
    selections, mains, dataset_labels = defaultdict(list), defaultdict(list), {}
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            selections[row["image"]].append([int(label) for label in row["selected"].split()])
            mains[row["image"]].append(int(row["main"]))
            dataset_labels[row["image"]] = int(row["dataset_label"])
    return [(selections[image], mains[image], dataset_labels[image]) for image in dataset_labels]


def plain_strings(n, k, string=(0,)):
    """Growth strings of n labels in exactly k blocks, one after the other."""
    used = max(string) + 1
    if len(string) == n:
        if used == k:
            yield string
        return
    for block in range(min(used + 1, k)):
        yield from plain_strings(n, k, (*string, block))


def assignments(n, k):
    """All ways to put n labels into k blocks and leave none empty: every partition k! times."""
    return (string for string in itertools.product(range(k), repeat=n) if len(set(string)) == k)


def plain_search(weights, strings):
    """The strings with the least weight inside blocks; weights: {(a, b): count} for a < b."""
    least: int | None = None
    best: list[tuple[int, ...]] = []
    for string in strings:
        inside = sum(count for (a, b), count in weights.items() if string[a] == string[b])
        if least is None or inside < least:
            least, best = inside, []
        if inside == least:
            best.append(string)
    return best


def problems(items):
    """(labels, number of objects, selections) of each image with more than one object."""
    for selections, _, _ in items:
        k = number_of_objects(selections)
        if k > 1:
            together = {label for selection in selections if len(selection) > 1 for label in selection}
            yield sorted(together), k, selections


def plain_weights(labels, selections):
    position = {label: position for position, label in enumerate(labels)}
    return Counter(
        pair
        for selection in selections
        for pair in itertools.combinations(sorted(position[x] for x in selection if x in position), 2)
    )


def timed(function, repeats=REPEATS):
    """The result, the seconds of the first call, and those of the fastest of all."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return result, seconds[0], min(seconds)


def canonical(string):
    """The growth string of an assignment."""
    number: dict[int, int] = {}
    return [number.setdefault(block, len(number)) for block in string]


def compare(items):
    images = list(problems(items))
    plain = [(plain_weights(labels, selections), len(labels), k) for labels, k, selections in images]
    groups = defaultdict(list)
    for position, (labels, k, _) in enumerate(images):
        groups[len(labels), k].append(position)
    stacks = {
        shape: np.stack([co_selection(images[position][2], images[position][0]) for position in members])
        for shape, members in groups.items()
    }
    ours, first, fastest = timed(lambda: {(n, k): optimal_rows(w, k)[0] for (n, k), w in stacks.items()})
    obvious, _, slow = timed(lambda: [plain_search(w, assignments(n, k)) for w, n, k in plain], 2)
    careful, _, quick = timed(lambda: [plain_search(w, plain_strings(n, k)) for w, n, k in plain])
    for (n, k), members in groups.items():
        for position, rows in zip(members, ours[n, k], strict=True):
            strings = growth_strings(n, k)[rows].tolist()
            theirs = [list(string) for string in careful[position]]
            if not strings == theirs == sorted({tuple(canonical(s)): canonical(s) for s in obvious[position]}.values()):
                sys.exit(f"The searches differ on labels {images[position][0]} in {k} objects.")
    _, _, whole = timed(lambda: annotate_many(items))
    print(f"{len(items):,} images, {len(images):,} of them with several objects, {len(groups)} shapes")
    report("every assignment, plain", slow, slow, quick)
    report("every partition, plain", quick, slow, quick)
    report("our search, first call", first, slow, quick)
    report("our search, tables kept", fastest, slow, quick)
    report("all of annotate_many", whole, slow, quick)


def report(name, seconds, slow, quick):
    print(f"{name:26}{seconds * 1e3:9.1f} ms  {slow / seconds:8.2f} x assignments  {quick / seconds:8.2f} x partitions")


def largest(n=12, k=6):
    rng = np.random.default_rng(1)
    weights = np.triu(rng.integers(0, 9, (n, n)), 1)
    weights += weights.T
    plain = {(a, b): int(weights[a, b]) for a, b in itertools.combinations(range(n), 2)}
    theirs, _, enumeration = timed(lambda: plain_search(plain, plain_strings(n, k)), 1)
    (ours, _), first, fastest = timed(lambda: optimal_partitions(weights, k))
    if ours.tolist() != [list(string) for string in theirs]:
        sys.exit(f"The searches differ on {n} labels in {k} objects.")
    tracemalloc.start()
    optimal_partitions(weights, k)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"{n} labels in {k} objects: {stirling(n, k):,} partitions, made anew in each search; peak {peak / 1e6:.0f} MB"
    )
    for name, seconds in (
        ("every partition, plain", enumeration),
        ("our search, first call", first),
        ("our search, fastest", fastest),
    ):
        print(f"{name:26}{seconds * 1e3:9.1f} ms  {enumeration / seconds:8.2f} x partitions")


def main():
    parser = argparse.ArgumentParser(description="Partition search against a plain enumeration.")
    parser.add_argument("votes", nargs="?", type=Path, default=VOTES, help="released CLASSIFY votes (.csv.gz)")
    path = parser.parse_args().votes
    if not path.is_file():
        parser.error(f"there is no file {path}; name the released CLASSIFY votes (classify_votes.csv.gz)")
    compare(read_votes(path))
    largest()


if __name__ == "__main__":
    main()
