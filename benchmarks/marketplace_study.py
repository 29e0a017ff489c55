#!/usr/bin/env python3
"""A study on the marketplace from end to end: published, worked on over HTTP, confirmed, approved, paid, all by itself.

    .venv/bin/python benchmarks/marketplace_study.py [--hits 1000] [--answers 9] [--images 48] [--people 12] [--calm]

Starts a site and a marketplace of its own on loopback, on a database cluster that is removed afterwards. The endpoint
throttles 20 % of the calls, fails 10 % and loses the reply to 10 % (not with --calm), until everything is paid. People
sign in to the marketplace, accept, open the task, answer it and hand in; nobody looks at the photographs, so none is
fetched. Ends with an error unless every HIT is there once, every answer counts and was paid once, and both ledgers
agree to the cent.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / "var" / "test" / str(os.getpid())
SITE_PORT, MARKETPLACE_PORT = int(os.environ.get("PORT") or 8970), int(os.environ.get("MARKETPLACE_PORT") or 8971)
sys.path[:0] = [str(ROOT)]
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "annotation_site.settings",
    "LOG_LEVEL": "ERROR",
    "STATE_DIR": str(STATE),
    "PORT": str(SITE_PORT),
    "WORKER_ORIGIN": f"http://localhost:{SITE_PORT}",
    "STAFF_ORIGIN": f"http://127.0.0.1:{SITE_PORT}",
    "MARKETPLACE_ORIGIN": f"http://127.0.0.1:{MARKETPLACE_PORT}",
    # All people come from this machine.
    **dict.fromkeys(("FRAME_REQUESTS_PER_ADDRESS", "FRAME_REQUESTS_PER_WORKER"), str(10**9)),
    "FRAME_REQUESTS_PER_WORKER_ANYWHERE": str(10**9),
}

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db.models import Count, Sum  # noqa: E402

from benchmarks.marketplace_people import Person, at_work  # noqa: E402
from contains_task.actions import open_grids  # noqa: E402
from launcher.check import scratch_state  # noqa: E402
from launcher.embedded import begin, services  # noqa: E402
from launcher.parts import beat_part, check_port_free, web_part, worker_part  # noqa: E402
from launcher.places import places_of  # noqa: E402
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT  # noqa: E402
from mturk.payments.actions import give_bonus  # noqa: E402
from tests.factories import make_batch, make_dataset, make_images  # noqa: E402
from tests.mturk.marketplaces import Marketplace, requester_keys, running_marketplace  # noqa: E402
from workforce.models import Batch, Slot, Submission  # noqa: E402

REWARD, REWARD_FEE, BONUS, BONUS_FEE = Decimal("0.10"), Decimal("0.02"), Decimal("0.05"), Decimal("0.01")
FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}
# Of so many assignments one gets a bonus.
BONUS_EVERY = 20
LOOK_SECONDS, STUCK_SECONDS = 5, 120
SHOWN_CALLS = 20
PASSWORD = "a password of the benchmark"


def main() -> int:
    options = parse()
    for port in (SITE_PORT, MARKETPLACE_PORT):
        check_port_free(port)
    n = options.hits * options.answers
    with a_site() as marketplace:
        batch = make_study(options)
        people = [Person(marketplace.url, marketplace.worker(PASSWORD), PASSWORD) for _ in range(options.people)]
        marketplace.post("/faults/", **({} if options.calm else FAULTS))
        begun = time.monotonic()
        publish(batch)
        stop = threading.Event()
        working = at_work(people, stop)
        try:
            watch(batch, begun, working, lambda now: now["approved"] >= n)
            n_bonuses = give_bonuses(batch)
            watch(batch, begun, working, lambda now: now["to be sent"] == 0 and now["over"] >= options.hits)
        finally:
            stop.set()
        seconds = time.monotonic() - begun
        handed_in = sum(work.result()["handed in"] for work in working)
        theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
        faults = complaints(batch, theirs, options, n_bonuses)
        report(batch, handed_in, n_bonuses, seconds)
        print(f"longest wait for a task's page {max(person.longest_wait for person in people):.0f} s")
    print("\n".join(faults) or "Every HIT is there once, every answer counts and is paid once, both ledgers are equal.")
    return bool(faults)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hits", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=9)
    parser.add_argument("--images", type=int, default=48, help="of a grid")
    parser.add_argument("--people", type=int, default=12, help="at work at a time")
    parser.add_argument("--calm", action="store_true", help="an endpoint without faults")
    options = parser.parse_args()
    if not 1 <= options.answers <= min(9, options.people):
        parser.error("A HIT takes 1 to 9 answers, and nobody does one twice: there must be as many people.")
    return options


@contextlib.contextmanager
def a_site() -> Iterator[Marketplace]:
    """Site and marketplace, with their processes."""
    with scratch_state(), services(STATE):
        call_command("migrate", verbosity=0)
        with running_marketplace("marketplace", MARKETPLACE_PORT, n_processes=2) as marketplace:
            marketplace.key_id, secret = requester_keys(marketplace, cents=1_000_000)
            os.environ |= {"MTURK_ACCESS_KEY_ID": marketplace.key_id, "MTURK_SECRET_ACCESS_KEY": secret}
            parts = [web_part(STATE, SITE_PORT, {}), worker_part(STATE, {}), beat_part(STATE, {})]
            try:
                for part in parts:
                    begin(part, places_of(STATE))
                yield marketplace
            finally:
                for part in reversed(parts):
                    part.stop()


def make_study(options: argparse.Namespace) -> Batch:
    """Make a study with a label for each grid, over the same photographs: nobody answers the same pair twice."""
    figures = {"images_per_grid": options.images, "contains_answers": options.answers}
    dataset = make_dataset(n_labels=options.hits, **figures)
    batch = make_batch(dataset)
    images = make_images(dataset, options.images)
    open_grids(batch=batch, images_by_label=dict.fromkeys(dataset.label_set.labels.all(), images))
    return batch


def publish(batch: Batch) -> None:
    """Publish the batch as a researcher does, and retry if the marketplace's balance cannot be read."""
    words = [
        sys.executable,
        "manage.py",
        "publish",
        str(batch.pk),
        "--reward",
        str(REWARD),
        "--cap",
        "9999",
        "--yes",
        "--below-target",
    ]
    for _ in range(5):
        process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        if not process.returncode:
            print(process.stdout.strip(), flush=True)
            return
    raise RuntimeError(process.stderr)


def watch(batch: Batch, begun: float, working: list[Future], reached: Callable[[dict], bool]) -> None:
    """Say how far it is until it is there. Raises what went wrong for anybody at work, or if all stands still."""
    changed, last = time.monotonic(), None
    while not reached(now := counts(batch)):
        if now != last:
            changed, last = time.monotonic(), now
        if time.monotonic() - changed > STUCK_SECONDS:
            raise RuntimeError(f"Nothing has changed for {STUCK_SECONDS} seconds: {now}\n{waiting_calls()}")
        words = ", ".join(f"{n:,} {name}" for name, n in now.items())
        print(f"{time.monotonic() - begun:6.0f} s  {words}", flush=True)
        for work in working:
            if work.done():
                work.result()
        time.sleep(LOOK_SECONDS)


def counts(batch: Batch) -> dict[str, int]:
    hits = MarketplaceHIT.objects.filter(terms__batch=batch)
    listed = ListedAssignment.objects.filter(marketplace_hit__terms__batch=batch)
    calls = Call.objects.aggregate(tries=Sum("attempts"))
    return {
        "HITs": hits.exclude(external_id=None).count(),
        "answered": Submission.objects.filter(hit__batch=batch).count(),
        "listed": listed.count(),
        "approved": listed.filter(status="approved").count(),
        "over": hits.exclude(finished_at=None).count(),
        "calls tried": calls["tries"] or 0,
        "to be sent": Call.objects.filter(state__in=["waiting", "unsure"]).count(),
    }


def waiting_calls() -> str:
    """Return the calls that are still waiting, those with the most tries first."""
    calls = Call.objects.exclude(state="done").order_by("-attempts", "pk")
    rows = calls.values_list("op", "purpose", "state", "attempts", "next_try", "last_error")[:SHOWN_CALLS]
    return "\n".join(" ".join(map(str, row)) for row in rows)


def give_bonuses(batch: Batch) -> int:
    listed = list(ListedAssignment.objects.filter(marketplace_hit__terms__batch=batch).order_by("pk"))[::BONUS_EVERY]
    for assignment in listed:
        give_bonus(listed=assignment, amount=BONUS, reason="Thank you for your care.")
    return len(listed)


def complaints(batch: Batch, theirs: dict, options: argparse.Namespace, n_bonuses: int) -> list[str]:
    """Return the faults in the site's tables, in the marketplace's, and between them."""
    n = options.hits * options.answers
    rows = [kind for kind, _, _ in theirs["rows"]]
    deposited = sum(available for kind, available, _ in theirs["rows"] if kind == "deposit")
    price = n * (REWARD + REWARD_FEE) + n_bonuses * (BONUS + BONUS_FEE)
    booked = LedgerEntry.objects.filter(batch=batch)
    states = dict(Submission.objects.filter(hit__batch=batch).order_by().values_list("state").annotate(Count("pk")))
    hits = MarketplaceHIT.objects.filter(terms__batch=batch)
    statuses = [status for _, status in theirs["assignments"]]
    expected = {
        "HITs at the marketplace": (options.hits, len(theirs["hits"])),
        "HITs made for one of ours": (set(hits.values_list("public_id", flat=True)), set(theirs["hits"])),
        "HITs that know their id": (options.hits, hits.values("external_id").distinct().count()),
        "answers by state": ({"confirmed": n}, states),
        "filled slots": (n, Slot.objects.filter(batch=batch, state="filled").count()),
        "assignments there by status": ({"Approved": n}, Counter(statuses)),
        "rewards paid there": (n, rows.count("reward")),
        "fees of rewards there": (n, rows.count("reward fee")),
        "bonuses paid there": (n_bonuses, theirs["bonuses"]),
        "fees of bonuses there": (n_bonuses, rows.count("bonus fee")),
        "cents still held there": (0, theirs["held"]),
        "dollars that left the account": (price, Decimal(deposited - theirs["available"]) / 100),
        "dollars booked here": (price, booked.aggregate(sum=Sum("amount"))["sum"]),
        "rows booked here": (2 * n + 2 * n_bonuses, booked.count()),
        "calls that are not done": (0, Call.objects.exclude(state="done").count()),
    }
    return [f"{name}: {value}, and not {right}" for name, (right, value) in expected.items() if value != right]


def report(batch: Batch, handed_in: int, n_bonuses: int, seconds: float) -> None:
    calls = Call.objects.aggregate(n=Count("pk"), tries=Sum("attempts"))
    payments = LedgerEntry.objects.filter(batch=batch, kind="reward").values_list("listed__submitted_at", "booked_at")
    waited = sorted((booked_at - submitted_at).total_seconds() for submitted_at, booked_at in payments)
    print(f"{handed_in:,} HITs handed in and paid in {seconds:,.0f} s, {handed_in / seconds:.1f} a second")
    print(f"{n_bonuses:,} bonuses; from handing in to pay {median(waited):.0f} s, at most {waited[-1]:.0f} s")
    print(f"{calls['n']:,} calls took {calls['tries']:,} tries, {calls['tries'] / seconds:.1f} a second")


if __name__ == "__main__":
    sys.exit(main())
