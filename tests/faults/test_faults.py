"""Parts of the running site are killed while people work. (T4-T8 of the reliability scenarios; SOAK=1 for full length.)

The site is the one that `./run` starts; the people use HTTP on loopback. Afterwards the checker replays what they wrote
down against the database: all that was acknowledged is stored, nothing twice, nothing in part, and the frequencies
catch up with the votes.
"""

import contextlib
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.faults.checker import (
    NOT_AGGREGATED,
    SUBMISSIONS,
    VOTES,
    WRONG_FREQUENCIES,
    complaints,
    outcomes,
    slowest,
)
from tests.faults.clients import OperationsLog, Person, people_at_work

# On the site of this module, which then need not be started again.
from tests.faults.predicting import (
    test_killing_the_predictor_leaves_the_predictions_of_a_calm_run,  # noqa: F401
)
from tests.faults.site import Site, running_site, wait_until
from workforce.models import Lease
from workforce.reads import image_handle

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")),
    reason="only servers of the site's own are killed",
)

SOAK = bool(os.environ.get("SOAK"))
PEOPLE = 6
WORK_SECONDS = 30 if SOAK else 5
# One for each test.
N_STUDIES = 7
# More slots than anybody gets through in the time: nobody runs out of work.
GRIDS, IMAGES, SLOTS = (1500, 4, 6) if SOAK else (300, 4, 6)
PUBLISHED = """
    SELECT frequency.id FROM aggregation_selectionfrequency frequency
    JOIN catalog_image image ON image.id = frequency.image_id WHERE image.dataset_id = %(dataset)s
"""
HALF_WAY = """
    SELECT pid FROM pg_locks WHERE relation = 'aggregation_selectionfrequency'::regclass AND NOT granted
"""
PASSES_KILLED = 20 if SOAK else 3
# Bounds of the short form are for a slow machine that has other work: it tells what never comes back, and the long form
# how soon it does.
CATCH_UP_SECONDS = 180
RECOVERY_SECONDS = 5 if SOAK else 60


@pytest.fixture(scope="module")
def site():
    with running_site("--no-demo") as started:
        yield started


@pytest.fixture(scope="module")
def studies(site) -> Iterator[dict]:
    return iter(site.publish(N_STUDIES, grids=GRIDS, images=IMAGES, slots=SLOTS))


@pytest.fixture
def study(studies) -> dict:
    """Return a study in which nobody has worked yet."""
    return next(studies)


@pytest.fixture
def log(tmp_path) -> OperationsLog:
    return OperationsLog(tmp_path / "operations.jsonl")


def people(site: Site, study: dict, log: OperationsLog, *, copies: int = 1) -> list[Person]:
    return [Person(site.port, study["batch"], f"person-{n}", log, copies=copies) for n in range(PEOPLE)]


def every(seconds: float, *faults):
    """Cause the faults in turn, one every so many seconds, until the work is over; each at least once, also when the
    machine is so slow that the work is over before.
    """

    def meanwhile(until: float) -> None:
        for n, fault in enumerate(itertools.cycle(faults)):
            time.sleep(seconds)
            if n >= len(faults) and time.monotonic() > until - seconds / 2:
                return
            fault()

    return meanwhile


def as_on_the_pages(site: Site, submissions: list[dict], votes: list[dict]) -> tuple[list[dict], list[dict]]:
    """The rows with what the people saw for an image in the place of its public id."""
    leases = {row["id"]: Lease(public_id=row["lease"]) for row in submissions}
    with override_settings(SECRET_KEY=(site.state / "secret_key").read_text()):
        for row in submissions:
            row["selected"] = [image_handle(leases[row["id"]], image) for image in row["selected"]]
        for vote in votes:
            vote["image"] = image_handle(leases[vote["submission_id"]], vote["image"])
    return submissions, votes


def check(site: Site, study: dict, log: OperationsLog, *, at_least: int) -> None:
    """The books balance: at once for the submissions, after a while for the frequencies."""
    events = log.events()
    acknowledged = outcomes(events, "ok")
    print(f"{len(acknowledged)} acknowledged, the slowest after {slowest(events)[0]:.1f} s")
    assert len(acknowledged) >= at_least, f"only {len(acknowledged)} submits were acknowledged"
    assert not outcomes(events, "fail"), [event for event in events if event["event"] == "fail"][:3]
    assert wait_until(lambda: site.rows("SELECT 1"), CATCH_UP_SECONDS)
    faults = complaints(events, *as_on_the_pages(site, site.rows(SUBMISSIONS, **study), site.rows(VOTES, **study)))
    assert not faults, "\n".join(faults[:20])
    assert wait_until(lambda: not site.rows(NOT_AGGREGATED, **study), CATCH_UP_SECONDS), "the aggregation lags behind"
    assert not site.rows(WRONG_FREQUENCIES, **study)


def says(site: Site, words: str) -> bool:
    return wait_until(lambda: words in site.said(), RECOVERY_SECONDS)


@pytest.mark.skipif(not SOAK, reason="in the long form; the next one proves it too")
def test_without_faults_every_submit_is_stored_once_and_counted(site, study, log):
    people_at_work(people(site, study, log), WORK_SECONDS / 2, lambda until: None)
    check(site, study, log, at_least=20)


def test_each_answer_sent_three_times_at_once_is_one_submission_with_three_equal_replies(site, study, log):
    people_at_work(people(site, study, log, copies=3), WORK_SECONDS / 2, lambda until: None)
    check(site, study, log, at_least=10)
    for event in log.events():
        if event["event"] == "ok":
            assert len(event["replies"]) == 1, event


def test_killing_web_processes_loses_and_doubles_nothing_and_the_wait_is_short(site, study, log):
    def one_worker() -> None:
        assert wait_until(lambda: site.children_of("web"), CATCH_UP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(site.children_of("web")), signal.SIGKILL)

    people_at_work(people(site, study, log), WORK_SECONDS, every(2, one_worker))
    check(site, study, log, at_least=20)
    waits = slowest(log.events())
    assert waits[len(waits) // 100] < RECOVERY_SECONDS, f"99 % took up to {waits[len(waits) // 100]:.1f} s"


def test_killing_the_web_server_as_a_whole_loses_and_doubles_nothing(site, study, log):
    before = site.pid_of("web")
    people_at_work(people(site, study, log), WORK_SECONDS, every(15 if SOAK else 3, lambda: site.kill("web")))
    check(site, study, log, at_least=10)
    assert wait_until(lambda: site.is_replaced("web", before), CATCH_UP_SECONDS)
    assert says(site, "web was killed by SIGKILL; restarting it")


def test_stopping_postgres_short_or_killing_it_loses_and_doubles_nothing(site, study, log):
    before = site.pid_of("postgres")
    immediate, kill = (lambda: site.kill("postgres", signal.SIGQUIT)), (lambda: site.kill("postgres"))
    people_at_work(people(site, study, log), WORK_SECONDS, every(6 if SOAK else 2, immediate, kill))
    check(site, study, log, at_least=10)
    assert wait_until(lambda: site.is_replaced("postgres", before), CATCH_UP_SECONDS)
    assert says(site, "postgres is back")


def test_an_emptied_and_killed_valkey_and_killed_task_workers_make_work_late_and_never_wrong(site, study, log):
    """Counts of completed passes are published at every moment, however many passes were killed."""
    faults = [site.flush_valkey, lambda: site.kill_children("worker"), lambda: site.kill("worker")]
    faults += [lambda: site.kill("beat"), lambda: site.kill("valkey")]
    n_published = []

    def look() -> None:
        assert not site.rows(WRONG_FREQUENCIES, **study)
        n_published.append(len(site.rows(PUBLISHED, **study)))

    people_at_work(people(site, study, log), WORK_SECONDS, every(0.5, *[part for f in faults for part in (f, look)]))
    check(site, study, log, at_least=20)
    assert n_published == sorted(n_published)
    for name in ("worker", "beat", "valkey"):
        assert says(site, f"{name} was killed by SIGKILL; restarting it"), name


def test_a_pass_of_the_aggregation_killed_half_way_publishes_nothing_and_a_later_one_all(site, study, log):
    with site.obstacle("LOCK TABLE aggregation_selectionfrequency IN SHARE MODE"):
        people_at_work(people(site, study, log), WORK_SECONDS / 3, lambda until: None)
        killed: set[int] = set()
        assert wait_until(lambda: kill_passes(site, killed) >= PASSES_KILLED, CATCH_UP_SECONDS)
        assert not site.rows(PUBLISHED, **study)
        assert site.rows(NOT_AGGREGATED, **study)
    check(site, study, log, at_least=20)
    assert site.rows(PUBLISHED, **study)


def kill_passes(site: Site, killed: set[int]) -> int:
    """End the passes that wait at the obstacle, task worker and database process; returns how many so far."""
    waiting = {row["pid"] for row in site.rows(HALF_WAY)} - killed
    for pid in waiting:
        site.kill_children("worker")
        site.rows("SELECT pg_terminate_backend(%(pid)s)", pid=pid)
    killed |= waiting
    return len(killed)
