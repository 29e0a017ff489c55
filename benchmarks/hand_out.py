"""Measure the speed of assigning work, next to the least that Postgres needs for it.

    ./manage shell -v 0 -c 'from benchmarks import hand_out; hand_out.main()'

Makes a scratch database, fills it with 1,000 and with 100,000 open slots (HITs of 5), and hands out with
`workforce.actions.take_lease`. The yardstick, in the same run and on the same tables, is a bare psycopg2 loop of the
statements without which it cannot be done: lock a free slot of a HIT the person has not had, mark it, write the lease.
"""

import secrets
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg2
from django.conf import settings
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases

from catalog.actions import add_label_set, create_dataset
from workforce.actions import FREE_FOR_STRANGER, identify_worker, open_batch, publish_hits, take_lease
from workforce.models import Batch, Worker

OPEN_SLOTS = (1_000, 100_000)
SLOTS_PER_HIT = 5
HAND_OUTS = 900
THREADS = (1, 8)

MARK = "UPDATE workforce_slot SET state = 'leased' WHERE id = %s RETURNING hit_id"
LEASE = """
    INSERT INTO workforce_lease (public_id, hit_id, batch_id, worker_id, slot_id, state, created_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, 'active', now(), now() + interval '1 hour')
"""


def main() -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{'open slots':>10} {'threads':>7}  {'':11} {'per second':>10} {'p50 ms':>7} {'p95 ms':>7}")
        for n_slots in OPEN_SLOTS:
            for n_threads in THREADS:
                compare(n_slots, n_threads)
    finally:
        teardown_databases(databases, verbosity=0)


def compare(n_slots: int, n_threads: int) -> None:
    ours = measure(new_batch(n_slots), n_threads, hand_out)
    bare = measure(new_batch(n_slots), n_threads, bare_claim)
    for name, row in (("take_lease", ours), ("bare", bare)):
        print(f"{n_slots:>10,} {n_threads:>7}  {name:11} {row[0]:>10,.0f} {row[1]:>7.2f} {row[2]:>7.2f}")
    ratios = (bare[0] / ours[0], ours[1] / bare[1], ours[2] / bare[2])
    print(f"{'':18}  {'ratio':11} {ratios[0]:>10.1f} {ratios[1]:>7.1f} {ratios[2]:>7.1f}")


def new_batch(n_slots: int) -> Batch:
    name = secrets.token_hex(8)
    dataset = create_dataset(name=name, label_set=add_label_set(name=name, labels=[]))
    batch = open_batch(dataset=dataset, kind="contains")
    publish_hits(batch=batch, n_hits=n_slots // SLOTS_PER_HIT, n_slots=SLOTS_PER_HIT)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE workforce_slot")
        cursor.execute("VACUUM ANALYZE workforce_lease")
    return batch


def measure(
    batch: Batch, n_threads: int, work: Callable[[Batch, list[Worker]], list[float]]
) -> tuple[float, float, float]:
    """(hand-outs per second, median and 95th percentile in milliseconds) with a person for each hand-out."""
    workers = [identify_worker(marketplace="link", external_id=secrets.token_hex(8)) for _ in range(HAND_OUTS)]
    shares = [workers[number::n_threads] for number in range(n_threads)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as pool:
        times = [seconds for share in pool.map(lambda share: work(batch, share), shares) for seconds in share]
    total = time.perf_counter() - begin
    return len(times) / total, statistics.median(times) * 1000, statistics.quantiles(times, n=20)[-1] * 1000


def hand_out(batch: Batch, workers: list[Worker]) -> list[float]:
    batch = Batch.objects.get(pk=batch.pk)
    try:
        return [timed(partial(take_lease, batch=batch, worker=worker)) for worker in workers]
    finally:
        connections.close_all()


def bare_claim(batch: Batch, workers: list[Worker]) -> list[float]:
    database = settings.DATABASES["default"]
    plain = psycopg2.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database.get("PASSWORD"),
        dbname=connection.settings_dict["NAME"],
    )
    try:
        return [timed(partial(claim, plain, batch.pk, worker.pk)) for worker in workers]
    finally:
        plain.close()


def claim(plain: "psycopg2.extensions.connection", batch: int, worker: int) -> int | None:
    with plain, plain.cursor() as cursor:
        cursor.execute(FREE_FOR_STRANGER + " FOR UPDATE OF slot SKIP LOCKED", {"batch": batch, "worker": worker})
        slot = cursor.fetchone()
        if slot is None:
            return None
        cursor.execute(MARK, slot)
        ((hit,),) = cursor.fetchall()
        cursor.execute(LEASE, [secrets.token_urlsafe(16), hit, batch, worker, slot[0]])
        return slot[0]


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    if work() is None:
        raise RuntimeError("There was no work although slots are open: the figures would mean nothing.")
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
