"""Measure how long the measures of workers take in a study of 1.26 million votes and 2,000 workers.

    ./manage shell -v 0 -c 'from benchmarks import worker_measures; worker_measures.main()'

Makes a scratch database and fills it by SQL: 140,000 pairs with nine votes each, in grids of 45 questions and three
controls. Then it computes all measures from nothing, has them follow one answer, and reads the rows of the page.
"""

import statistics
import time
from collections.abc import Callable

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from aggregation.quality.actions import follow, note_change, recompute
from aggregation.quality.reads import whom_it_hits, worker_rows
from catalog.actions import add_label_set, create_dataset
from catalog.label_data import LabelRecord
from catalog.models import Dataset
from workforce.actions import open_batch
from workforce.models import Batch, Submission

N_GRIDS, N_QUESTIONS, N_CONTROLS, N_ANSWERS, N_WORKERS = 3111, 45, 3, 9, 2000

FILL = """
    SELECT setseed(0.5);
    INSERT INTO workforce_worker (created_at) SELECT now() FROM generate_series(1, %(workers)s);
    INSERT INTO catalog_image (dataset_id, name, public_id, original, display, created_at)
    SELECT %(dataset)s, 'image ' || n, 'image-' || n, '', '', now() FROM generate_series(1, %(images)s) n;
    INSERT INTO workforce_hit (batch_id, public_id, initial, n_further)
    SELECT %(batch)s, 'hit-' || n, false, 0 FROM generate_series(1, %(grids)s) n;
    INSERT INTO contains_task_grid (hit_id, label_id) SELECT id, %(label)s FROM workforce_hit ORDER BY id;
    CREATE TEMP TABLE numbered_image AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM catalog_image;
    CREATE TEMP TABLE numbered_grid AS SELECT id, hit_id, row_number() OVER (ORDER BY id) - 1 AS n
        FROM contains_task_grid;
    CREATE TEMP TABLE numbered_worker AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM workforce_worker;
    INSERT INTO contains_task_gridcell (grid_id, image_id, position, role, expected)
    SELECT grid.id, image.id, image.n %% %(questions)s, 'question', NULL
    FROM numbered_grid grid JOIN numbered_image image ON image.n / %(questions)s = grid.n;
    INSERT INTO contains_task_gridcell (grid_id, image_id, position, role, expected)
    SELECT grid.id, image.id, %(questions)s + c, 'control', c <> 0
    FROM numbered_grid grid CROSS JOIN generate_series(0, %(controls)s - 1) c
    JOIN numbered_image image ON image.n = %(grids)s * %(questions)s + (grid.n * %(controls)s + c) %% 300;
    INSERT INTO workforce_slot (hit_id, batch_id, number, state)
    SELECT hit_id, %(batch)s, s, 'filled' FROM numbered_grid CROSS JOIN generate_series(0, %(answers)s - 1) s;
    INSERT INTO workforce_submission
        (hit_id, worker_id, slot_id, settings_id, state, answer, idempotency_key, submitted_at, aggregated_at)
    SELECT slot.hit_id, worker.id, slot.id, %(settings)s, 'confirmed', '{}', 'key-' || slot.id, now(), now()
    FROM workforce_slot slot JOIN numbered_grid grid ON grid.hit_id = slot.hit_id
    JOIN numbered_worker worker ON worker.n = (grid.n * 7 + slot.number * 211) %% %(workers)s
    ORDER BY slot.number, grid.n;
    INSERT INTO contains_task_containsvote
        (submission_id, worker_id, image_id, label_id, selected, place, seen_ms, role, counted)
    SELECT submission.id, submission.worker_id, cell.image_id, %(label)s,
           (coalesce(cell.expected, cell.image_id %% 5 < 2)) <> (random() < 0.06),
           row_number() OVER (PARTITION BY submission.id ORDER BY random()) - 1, 500 + 4000 * random(),
           cell.role, cell.role = 'question'
    FROM workforce_submission submission JOIN contains_task_grid grid ON grid.hit_id = submission.hit_id
    JOIN contains_task_gridcell cell ON cell.grid_id = grid.id;
    ANALYZE;
"""


def main() -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        dataset, batch = filled()
        n_votes = connection.cursor()
        n_votes.execute("SELECT count(*) FROM contains_task_containsvote WHERE role = 'question'")
        print(f"{n_votes.fetchone()[0]:,} votes on questions, {N_WORKERS:,} workers")
        print(f"all measures from nothing: {seconds(lambda: recompute(dataset)):.1f} s")
        print(f"again, with little to write: {seconds(lambda: recompute(dataset)):.1f} s")
        for _ in range(2):
            last = Submission.objects.order_by("-pk").values_list("pk", flat=True)[:3]
            note_change(dataset=dataset, submission_ids=list(last))
            print(f"measures of three workers who answered: {seconds(lambda: follow(dataset)):.2f} s")
        print(f"rows of the page, over all: {milliseconds(lambda: worker_rows(dataset))}")
        print(f"rows of the page, of a batch: {milliseconds(lambda: worker_rows(dataset, batch))}")
        print(f"flagged: {sum(bool(row.flags) for row in worker_rows(dataset)):,} workers")
        rule = dataset.quality_rules.earliest("pk")
        print(f"whom a rule hits: {milliseconds(lambda: whom_it_hits(rule))}")
    finally:
        teardown_databases(databases, verbosity=0)


def filled() -> tuple[Dataset, Batch]:
    label_set = add_label_set(name="labels", labels=[LabelRecord(0, "n0", "thing", "a thing", "Objects", "")])
    dataset = create_dataset(name="large", label_set=label_set)
    batch = open_batch(dataset=dataset, kind="contains")
    values = {
        "dataset": dataset.pk,
        "batch": batch.pk,
        "label": label_set.labels.get().pk,
        "settings": batch.settings_id,
        "workers": N_WORKERS,
        "grids": N_GRIDS,
        "images": N_GRIDS * N_QUESTIONS + 300,
        "questions": N_QUESTIONS,
        "controls": N_CONTROLS,
        "answers": N_ANSWERS,
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
    return dataset, batch


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def milliseconds(act: Callable[[], object], n: int = 20) -> str:
    taken = sorted(1000 * seconds(act) for _ in range(n))
    return f"median {statistics.median(taken):.0f} ms, p95 {taken[int(0.95 * n) - 1]:.0f} ms"
