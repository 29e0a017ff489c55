"""How long it takes to turn the potential labels of 10,000 images, 14 each, into grids with controls.

    ./manage shell -v 0 -c 'from benchmarks import open_grids; open_grids.main()'

Makes a scratch database with a study of the 1,000 ImageNet classes and measures what `./manage open contains
--profile` does, for both profiles: from reading the pairs to the commit, constraints checked. Then the grids are
checked: no pair missing or twice, and every lack of controls stated. The limit is 30 seconds.
"""

import secrets
import sys
import time
from collections import Counter

import numpy as np
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from annotation_site.composed_study import OpenedComposed, open_composed
from annotation_site.study import Pay
from candidates.models import PotentialLabel
from catalog.actions import create_dataset
from catalog.models import Dataset, Image
from contains_task.models import GridCell, Role

N_IMAGES = 10_000
N_LABELS = 14
LIMIT_SECONDS = 30
PROFILES = ("tsipras", "imagenetv2")


def main() -> None:
    made = setup_databases(verbosity=0, interactive=False)
    try:
        seconds = [measure(profile) for profile in PROFILES]
    finally:
        teardown_databases(made, verbosity=0)
    if max(seconds) > LIMIT_SECONDS:
        sys.exit(f"Opening grids took {max(seconds):.1f} s; at most {LIMIT_SECONDS} s are allowed.")


def measure(profile: str) -> float:
    dataset = new_study()
    begin = time.perf_counter()
    opened = open_composed(dataset=dataset, profile=profile, pay=Pay())
    seconds = time.perf_counter() - begin
    cells = check(dataset, opened)
    print(
        f"{profile:11} {opened.n_pairs:>8,} pairs {opened.n_grids:>6,} grids {sum(cells.values()):>8,} cells "
        f"{seconds:>6.1f} s   {len({label for label, _ in opened.shortfalls}):,} labels short of images"
    )
    return seconds


def new_study() -> Dataset:
    """Images in turn of every class, each with its own label and others at random near it."""
    dataset = create_dataset(name=secrets.token_hex(8))
    labels = list(dataset.label_set.labels.order_by("index"))
    images = Image.objects.bulk_create(
        [
            Image(dataset=dataset, name=str(n), dataset_label=labels[n % len(labels)], original="originals/none.jpg")
            for n in range(N_IMAGES)
        ],
        batch_size=5000,
    )
    rng = np.random.default_rng(0)
    rows = [
        PotentialLabel(image=image, label=labels[at], is_dataset_label=n == 0, sources=[{"classifier": "a", "rank": 1}])
        for number, image in enumerate(images)
        for n, at in enumerate(potential(number % len(labels), len(labels), rng))
    ]
    PotentialLabel.objects.bulk_create(rows, batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE catalog_image")
        cursor.execute("VACUUM ANALYZE candidates_potentiallabel")
    return dataset


def potential(own: int, n_labels: int, rng: np.random.Generator) -> list[int]:
    """The own label and others, the most of them within 40 indexes of it, as similar classes often are."""
    others = (own + rng.permutation(np.concatenate([np.arange(-40, 0), np.arange(1, 41)]))) % n_labels
    return [own, *others[: N_LABELS - 1].tolist()]


def check(dataset: Dataset, opened: OpenedComposed) -> Counter[str]:
    cells = GridCell.objects.filter(grid__hit__batch=opened.batch)
    asked = sorted(cells.filter(role=Role.QUESTION).values_list("image", "grid__label"))
    wanted = sorted(PotentialLabel.objects.filter(image__dataset=dataset).values_list("image", "label"))
    if asked != wanted:
        raise RuntimeError(f"{len(wanted):,} pairs were to be asked about and {len(asked):,} are, or others.")
    settings = opened.batch.settings
    controls = Counter(cells.filter(role=Role.CONTROL).values_list("grid", "expected"))
    short = {label.pk for label, _ in opened.shortfalls}
    for grid, label in set(cells.values_list("grid", "grid__label")) if controls else ():
        wanted_controls = {True: settings.positive_controls, False: settings.negative_controls}
        if label not in short and any(controls[grid, kind] < n for kind, n in wanted_controls.items()):
            raise RuntimeError(f"Grid {grid} has too few controls, and nobody said so.")
    return Counter(cells.values_list("role", flat=True))


if __name__ == "__main__":
    main()
