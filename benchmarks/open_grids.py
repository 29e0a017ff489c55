"""Measure the time and memory for grids of the potential labels of 10,000 images, 14 each.

    ./manage shell -v 0 -c 'from benchmarks import open_grids; open_grids.main()'
    ./manage shell -v 0 -c 'from benchmarks import open_grids; open_grids.main(n_images=50_000, n_labels=16)'

Makes a scratch database with a study of the 1,000 ImageNet classes and measures what `./manage open contains
--profile` does, for both profiles: from reading the pairs to the commit, constraints checked. Then the grids are
checked: no pair missing or twice, and every lack of controls stated. The limits are 30 seconds for 10,000 images, and
300 MiB, the program itself included, for 50,000.
"""

import ctypes
import gc
import secrets
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from candidates.models import PotentialLabel
from catalog.actions import create_dataset
from catalog.models import Dataset, Image, Label
from contains_task.models import GridCell, Role
from studies.composed_grids.actions import OpenedComposed, open_composed
from studies.opening.actions import Pay

N_IMAGES = 10_000
N_LABELS = 14
LIMIT_SECONDS = 30
LIMIT_MIB = 300
PROFILES = ("tsipras", "imagenetv2")


def main(n_images: int = N_IMAGES, n_labels: int = N_LABELS) -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        seconds, mib = zip(*(measure(profile, n_images, n_labels) for profile in PROFILES), strict=True)
    finally:
        teardown_databases(databases, verbosity=0)
    if n_images <= N_IMAGES and max(seconds) > LIMIT_SECONDS:
        sys.exit(f"Opening grids took {max(seconds):.1f} s; at most {LIMIT_SECONDS} s are allowed.")
    if max(mib) > LIMIT_MIB:
        sys.exit(f"Opening grids took {max(mib):.0f} MiB; at most {LIMIT_MIB} are allowed.")


def measure(profile: str, n_images: int, n_labels: int) -> tuple[float, float]:
    dataset = new_study(n_images, n_labels)
    mib_before = forget_peak()
    begin = time.perf_counter()
    opened = open_composed(dataset=dataset, profile=profile, pay=Pay())
    seconds, mib = time.perf_counter() - begin, resident("VmHWM")
    print(
        f"{profile:11} {opened.n_pairs:>8,} pairs {opened.n_grids:>6,} grids {seconds:>6.1f} s  "
        f"{mib:>4.0f} MiB, {mib_before:.0f} of them before   "
        f"{len({label for label, _ in opened.shortfalls}):,} labels short of images",
        flush=True,
    )
    check(dataset, opened)
    return seconds, mib


def forget_peak() -> float:
    """The MiB that this process has now; from here on its peak is measured anew."""
    gc.collect()
    # Hands freed memory back, and resets VmHWM; both for Linux with its usual library.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def resident(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def new_study(n_images: int, n_labels: int) -> Dataset:
    """Images in turn of every class, each with its own label and others at random near it."""
    dataset = create_dataset(name=secrets.token_hex(8))
    labels = list(dataset.label_set.labels.order_by("index"))
    rng = np.random.default_rng(0)
    for start in range(0, n_images, 1000):
        add_images(dataset, labels, range(start, min(start + 1000, n_images)), n_labels, rng)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE catalog_image")
        cursor.execute("VACUUM ANALYZE candidates_potentiallabel")
    return dataset


def add_images(dataset: Dataset, labels: list[Label], numbers: range, n_labels: int, rng: np.random.Generator) -> None:
    images = Image.objects.bulk_create(
        Image(dataset=dataset, name=str(n), dataset_label=labels[n % len(labels)], original="originals/none.jpg")
        for n in numbers
    )
    PotentialLabel.objects.bulk_create(
        [
            PotentialLabel(
                image=image, label=labels[index], is_dataset_label=n == 0, sources=[{"classifier": "a", "rank": 1}]
            )
            for number, image in zip(numbers, images, strict=True)
            for n, index in enumerate(potential(number % len(labels), len(labels), n_labels, rng))
        ],
        batch_size=5000,
    )


def potential(label: int, n_classes: int, n_labels: int, rng: np.random.Generator) -> list[int]:
    """The own label and others, the most of them within 40 indexes of it, as similar classes often are."""
    neighbours = (label + rng.permutation(np.concatenate([np.arange(-40, 0), np.arange(1, 41)]))) % n_classes
    return [label, *neighbours[: n_labels - 1].tolist()]


def check(dataset: Dataset, opened: OpenedComposed) -> None:
    cells = GridCell.objects.filter(grid__hit__batch=opened.batch)
    questions = sorted(cells.filter(role=Role.QUESTION).values_list("image", "grid__label"))
    expected = sorted(PotentialLabel.objects.filter(image__dataset=dataset).values_list("image", "label"))
    if questions != expected:
        raise RuntimeError(f"{len(expected):,} pairs were to be asked about and {len(questions):,} are, or others.")
    settings = opened.batch.settings
    controls = Counter(cells.filter(role=Role.CONTROL).values_list("grid", "expected"))
    short = {label.pk for label, _ in opened.shortfalls}
    for grid, label in set(cells.values_list("grid", "grid__label")) if controls else ():
        n_controls = {True: settings.positive_controls, False: settings.negative_controls}
        if label not in short and any(controls[grid, kind] < n for kind, n in n_controls.items()):
            raise RuntimeError(f"Grid {grid} has too few controls, and nobody said so.")


if __name__ == "__main__":
    main()
