"""Long work that pages ask for: one of a kind at a time, told how far it is, gone on with whoever ends its worker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
import redis
from celery import current_app
from django.conf import settings as site
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from access.memberships.actions import give_role, remove_role
from access.models import Role
from accounts.actions import remove_staff
from audit.actions import Area, record
from audit.models import AuditEntry
from audit.reads import current_actor
from catalog.errors import UserError
from catalog.models import Dataset
from jobs import actions
from jobs.actions import MOST_BEGINNINGS, JobUnderWay, Watched, do_next_job, start_job, stop_job
from jobs.kinds import JobKind, kind_of
from jobs.models import Job
from jobs.reads import JobShown, in_words, latest_job, unfinished_jobs
from jobs.tasks import hint_at_unfinished_jobs
from launcher.places import ROOT
from tests.chance import SOAK
from tests.factories import make_account, make_dataset, make_member, unique
from tests.pictures import corners, encoded, write
from tests.required import require
from tests.threads import PATIENCE_SECONDS, in_threads, started

KIND, OTHER_KIND = Job.Kind.POTENTIAL_LABELS, Job.Kind.OPEN_CONTAINS
pytestmark = pytest.mark.django_db


def job_for(dataset=None, kind=KIND, **arguments) -> Job:
    User.objects.get_or_create(username="anna", defaults={"is_staff": True})
    return start_job(dataset=dataset or make_dataset(), kind=kind, arguments=arguments, asked_by="anna")


@pytest.fixture
def does(monkeypatch) -> Callable:
    """Give a kind of job this work to do."""

    replaced: dict[str, JobKind] = {}

    def replace(work: Callable, kind=KIND) -> None:
        replaced[kind] = JobKind(work)

    monkeypatch.setattr(actions, "kind_of", lambda job: replaced.get(job.kind) or kind_of(job))

    return replace


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def shown(job: Job) -> JobShown:
    return require(latest_job(job.dataset, Job.Kind(job.kind)))


# Asking


@pytest.mark.parametrize("kind", Job.Kind)
def test_every_kind_of_job_has_a_record_that_says_what_is_done(kind):
    assert callable(kind_of(Job(kind=kind)).work)


def test_the_same_work_is_not_asked_for_twice_at_a_time(does):
    does(lambda job, watch: ["done"])
    first = job_for()
    with pytest.raises(JobUnderWay, match="is already in progress for"):
        job_for(first.dataset)
    assert job_for(first.dataset, OTHER_KIND).pk and job_for().pk
    assert do_next_job()
    assert job_for(first.dataset).pk > first.pk


def queued(name: str) -> list[dict]:
    with connected() as client:
        return [json.loads(message)["headers"] for message in client.lrange(name, 0, -1)]


@contextmanager
def connected() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(site.REDIS_URL)
    yield client
    client.close()


def test_a_new_job_and_the_beat_wake_the_worker_of_long_jobs(django_capture_on_commit_callbacks):
    with connected() as client:
        client.delete("setup")
    hint_at_unfinished_jobs()
    assert queued("setup") == []
    with django_capture_on_commit_callbacks(execute=True):
        job_for()
    hint_at_unfinished_jobs()
    assert [message["task"] for message in queued("setup")] == ["jobs.tasks.do_job"] * 2
    with connected() as client:
        client.delete("setup")


def test_a_job_is_kept_though_nobody_can_be_woken(django_capture_on_commit_callbacks, monkeypatch):
    def away(*words, **options):
        raise BrokerError("connection refused")

    monkeypatch.setattr(current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        job = job_for()
    assert unfinished_jobs().get() == job


# Doing


def test_jobs_are_done_one_after_the_other_the_oldest_first(does):
    done: list[int] = []

    def note(job, watch) -> list[str]:
        done.append(job.pk)
        return [f"job {job.pk}"]

    does(note)
    first, second = job_for(), job_for()
    assert (do_next_job(), do_next_job(), do_next_job()) == (True, True, False)
    assert done == [first.pk, second.pk]
    assert (fresh(first).report, fresh(first).problem) == ([f"job {first.pk}"], "")
    assert (shown(first).state, shown(first).first_lines) == ("done", [f"job {first.pk}"])


def test_a_refusal_is_told_in_its_words_and_a_fault_in_its_log_alone(does, caplog):
    refused, broken = job_for(), job_for(kind=OTHER_KIND)

    def refuse(job, watch):
        raise UserError("There are no predictions yet.")

    def break_down(job, watch):
        raise ZeroDivisionError("by nought")

    does(refuse)
    does(break_down, OTHER_KIND)
    assert do_next_job() and do_next_job() and not do_next_job()
    assert fresh(refused).problem == "There are no predictions yet."
    assert fresh(broken).problem == actions.FAULT
    assert actions.FAULT.startswith("The site had an internal error. The log of its setup process shows the cause.")
    assert shown(broken).state == "failed"
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert "by nought" in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_lost_database_is_no_end_of_a_job(does, error):
    job = job_for()

    def lose(job, watch):
        raise error("server closed the connection")

    does(lose)
    with pytest.raises(error):
        do_next_job()
    assert (fresh(job).finished_at, fresh(job).beginnings) == (None, 1)
    does(lambda job, watch: ["in the end"])
    assert do_next_job()
    assert fresh(job).report == ["in the end"]


def test_what_is_quoted_from_file_names_can_be_stored(does):
    does(lambda job, watch: ["a\0b \udcff é"])
    job = job_for()
    do_next_job()
    assert fresh(job).report == ["a\\0b \\udcff é"]


def test_a_job_that_gets_nowhere_is_given_up_and_one_that_gets_on_is_not(does):
    job = job_for()

    def die(reaches: int):
        def work(job, watch):
            watch.total(100)
            watch.n_done = reaches
            watch.note()
            raise OperationalError("the worker is killed here")

        return work

    for reaches in (10, 20, 30, 40, 50, 60, *[60] * (MOST_BEGINNINGS - 1)):
        does(die(reaches))
        with pytest.raises(OperationalError):
            do_next_job()
    assert (fresh(job).n_done, fresh(job).beginnings, fresh(job).finished_at) == (60, MOST_BEGINNINGS, None)
    assert do_next_job() and not do_next_job()
    assert f"failed after {MOST_BEGINNINGS} attempts" in fresh(job).problem
    assert fresh(job).n_done == 60


def test_no_more_is_done_than_there_is_and_a_new_beginning_does_not_go_back():
    job = job_for()
    watch = Watched(job)
    watch.done(7)
    watch.note()
    assert (fresh(job).n_done, fresh(job).n_total) == (7, None)
    watch.total(5)
    assert (fresh(job).n_done, fresh(job).n_total) == (5, 5)
    again = Watched(fresh(job))
    again.total(9)
    again.done(3)
    again.note()
    assert fresh(job).n_done == 5
    again.done(100)
    again.note()
    assert (fresh(job).n_done, shown(job).percent) == (9, 100)


def test_notes_are_written_twice_a_second_at_most(django_assert_num_queries):
    watch = Watched(job_for())
    # The last note stays half a second ago at most, however long the thousand take.
    watch.noted_at += 3600
    with django_assert_num_queries(0):
        for _ in range(1000):
            watch.done(1)
    watch.noted_at -= 3601
    # What is done, and whether somebody wants it stopped.
    with django_assert_num_queries(2):
        watch.done(1)
    assert fresh(watch.job).n_done == 1001


# In whose name


def job_of(user: User, dataset: Dataset, kind=KIND) -> Job:
    return start_job(dataset=dataset, kind=kind, arguments={}, asked_by=user.get_username())


def test_what_a_job_decides_is_recorded_in_the_name_of_who_started_it(does):
    dataset = make_dataset()
    owner = make_member(dataset, Role.OWNER)

    def decide(job, watch) -> list[str]:
        record(area=Area.CONFIG, action="settings.change", subject="a study")
        return []

    does(decide)
    job_of(owner, dataset)
    assert do_next_job()
    entry = AuditEntry.objects.get(action="settings.change")
    assert (entry.actor, entry.account) == (owner.get_username(), owner.pk)
    assert current_actor().name == "the site"


@pytest.mark.parametrize("change", ["removed", "reader", "closed"])
@pytest.mark.parametrize("kind", Job.Kind)
def test_a_job_of_who_may_no_longer_start_it_is_not_done(does, kind, change):
    dataset = make_dataset()
    person = make_member(dataset, Role.RESEARCHER)
    does(lambda job, watch: ["done"], kind)
    first = job_of(person, dataset, kind)
    assert do_next_job() and fresh(first).report == ["done"]
    job = job_of(person, dataset, kind)
    if change == "removed":
        remove_role(dataset=dataset, user=person, by=None)
    elif change == "reader":
        give_role(dataset=dataset, user=person, role=Role.READER, by=None)
    else:
        remove_staff(username=person.get_username())
    assert do_next_job() and not do_next_job()
    assert (shown(job).state, fresh(job).report) == ("failed", [])
    assert fresh(job).problem.startswith(f"{person} started this job but may no longer do this in the study")


def test_neither_is_a_job_of_nobody_or_of_a_member_of_another_study(does):
    does(lambda job, watch: ["done"])
    job_of(make_member(make_dataset(), Role.OWNER), make_dataset())
    job_of(make_account(), make_dataset())
    start_job(dataset=make_dataset(), kind=KIND, arguments={}, asked_by="nobody")
    assert [do_next_job() for _ in range(4)] == [True, True, True, False]
    assert all("may no longer" in job.problem and job.report == [] for job in Job.objects.all())


# Who is at it


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_two_jobs_and_none_twice(does):
    jobs = [job_for() for _ in range(2)]
    both, done = threading.Barrier(2), []

    def meet(job, watch):
        # Neither ends before both are at work.
        both.wait(PATIENCE_SECONDS)
        done.append(job.pk)
        return []

    does(meet)
    assert in_threads(2, lambda n: do_next_job()) == [True, True]
    assert sorted(done) == [job.pk for job in jobs]
    assert not unfinished_jobs().exists()


@pytest.mark.django_db(transaction=True)
def test_many_workers_do_each_job_once(does):
    jobs = [job_for() for _ in range(12)]
    done: list[int] = []

    def note(job, watch) -> list[str]:
        time.sleep(0.01)
        done.append(job.pk)
        return []

    does(note)
    in_threads(6, lambda n: [do_next_job() for _ in range(12)])
    assert sorted(done) == [job.pk for job in jobs]


@pytest.mark.django_db(transaction=True)
def test_a_page_knows_whether_somebody_is_at_a_job(does):
    begun, end = threading.Event(), threading.Event()

    def wait_for_end(job, watch) -> list[str]:
        begun.set()
        return ["done"] if end.wait(PATIENCE_SECONDS) else []

    does(wait_for_end)
    job = job_for()
    assert (shown(job).state, shown(job).job.started_at) == ("waiting", None)
    with started(do_next_job) as worker:
        assert begun.wait(PATIENCE_SECONDS)
        assert shown(job).state == "at work"
        assert not do_next_job()
        end.set()
        assert worker.result(PATIENCE_SECONDS)
    assert shown(job).state == "done"


def test_a_job_that_nobody_takes_says_so_after_a_while():
    job = job_for()
    assert not shown(job).waits_long
    Job.objects.filter(pk=job.pk).update(created_at=fresh(job).created_at - timedelta(minutes=2))
    assert shown(job).waits_long and shown(job).elapsed_words == "2 min 0 s"


def test_time_is_told_in_words():
    words = [in_words(timedelta(seconds=seconds)) for seconds in (-1, 0.9, 59, 61, 3599, 3600, 90_000)]
    assert words == ["0 s", "0 s", "59 s", "1 min 1 s", "59 min 59 s", "1 h 0 min", "25 h 0 min"]


# Stopping


def test_a_job_that_nobody_is_at_is_stopped_at_once():
    job = job_for()
    assert shown(job).can_be_stopped
    stop_job(job=job, by="berta")
    assert (shown(job).state, fresh(job).problem) == ("stopped", "Stopped by berta. Everything done before is kept.")
    assert not do_next_job() and not shown(job).can_be_stopped
    assert job_for(job.dataset).pk > job.pk


@pytest.mark.django_db(transaction=True)
def test_a_job_at_work_stops_at_its_next_note_and_says_who_wanted_it(does):
    begun, go_on = threading.Event(), threading.Event()

    def work(job, watch):
        watch.total(3)
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        for _ in range(3):
            watch.noted_at -= 1
            watch.done(1)
        raise AssertionError("it went on")

    does(work, Job.Kind.IMPORT_IMAGES)
    job = job_for(kind=Job.Kind.IMPORT_IMAGES)
    with started(do_next_job) as worker:
        assert begun.wait(PATIENCE_SECONDS)
        stop_job(job=job, by="berta")
        stop_job(job=job, by="carl")
        assert (shown(job).state, fresh(job).stopped_by, shown(job).can_be_stopped) == ("at work", "berta", False)
        go_on.set()
        assert worker.result(PATIENCE_SECONDS)
    assert (shown(job).state, fresh(job).n_done) == ("stopped", 1)
    assert fresh(job).problem.startswith("Stopped by berta.")


def test_work_that_was_done_before_it_could_stop_is_done(does):
    job = job_for()

    def work(job, watch):
        Job.objects.filter(pk=job.pk).update(stopped_by="berta")
        return ["opened"]

    does(work)
    assert do_next_job()
    assert (shown(job).state, fresh(job).report) == ("done", ["opened"])


def test_a_finished_job_cannot_be_stopped_any_more(does):
    does(lambda job, watch: ["done"])
    job = job_for()
    do_next_job()
    stop_job(job=job, by="berta")
    assert (shown(job).state, fresh(job).stopped_by) == ("done", "")


# A killed worker

# The worker is killed when so many images are there.
N_IMAGES, KILLS = (400, (1, 120, 250)) if SOAK else (250, (1, 120))
FINISH_SECONDS = 300
WORKER = (
    "from django.conf import settings; settings.DATABASES['default']['NAME'] = {database!r}; "
    "import django; django.setup(); from jobs.actions import do_next_job; do_next_job()"
)


@contextmanager
def worker(media, import_root) -> Iterator[subprocess.Popen]:
    """A process that does one job of the test's database, as a Celery worker would."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "annotation_site.settings",
        "MEDIA_ROOT": str(media),
        "IMPORT_ROOT": str(import_root),
    }
    words = [sys.executable, "-c", WORKER.format(database=connection.settings_dict["NAME"])]
    process = subprocess.Popen(words, cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def images_of(dataset, media) -> list[tuple]:
    rows = dataset.images.order_by("name").values_list("name", "dataset_label__index", "original", "width", "height")
    return [(name, label, (media / original).read_bytes(), *size) for name, label, original, *size in rows]


@pytest.mark.django_db(transaction=True)
def test_an_import_whose_worker_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path, media):
    source = tmp_path / "import" / "pictures"
    for n in range(N_IMAGES):
        picture = corners(300 + n, 200)
        write(source / str(n % 4) / f"{n:03}.jpg", encoded(picture))
    write(source / "1" / "broken.jpg", b"\xff\xd8 not one")
    calm, disturbed = make_dataset(), make_dataset()
    job_for(calm, Job.Kind.IMPORT_IMAGES, server="pictures", words="pictures")
    with worker(media, tmp_path / "import") as process:
        assert process.wait(FINISH_SECONDS) == 0
    job = job_for(disturbed, Job.Kind.IMPORT_IMAGES, server="pictures", words="pictures")
    for least in KILLS:
        with worker(media, tmp_path / "import") as process:
            wait_until(partial(has_images, disturbed, least))
            process.send_signal(signal.SIGKILL)
            process.wait(FINISH_SECONDS)
        wait_until(lambda: shown(job).state == "waiting")
        assert shown(job).job.started_at and 0 < disturbed.images.count() < N_IMAGES
    with worker(media, tmp_path / "import") as process:
        assert process.wait(FINISH_SECONDS) == 0
    assert shown(job).state == "done" and fresh(job).n_done == fresh(job).n_total == N_IMAGES + 1
    assert images_of(disturbed, media) == images_of(calm, media) and disturbed.images.count() == N_IMAGES
    [refusal] = [line for line in fresh(job).report if line.startswith("1/broken.jpg: ")]
    assert refusal in Job.objects.get(dataset=calm).report


def wait_until(true: Callable[[], bool], seconds: float = FINISH_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_unknown_path_of_the_server_is_a_problem_and_no_fault(tmp_path, settings):
    settings.IMPORT_ROOT = tmp_path
    job = job_for(kind=Job.Kind.IMPORT_IMAGES, server=unique("gone"), words="gone")
    assert do_next_job()
    assert "cannot be opened in the import folder" in fresh(job).problem


def test_a_page_that_looks_at_a_job_reads_the_first_lines_of_its_report_only(does):
    does(lambda job, watch: [f"line {n}" for n in range(1000)])
    job = job_for()
    assert do_next_job()
    view = shown(job)
    assert (view.first_lines[0], view.first_lines[-1], len(view.first_lines)) == ("line 0", "line 39", 40)
    assert (view.n_lines, view.n_more_lines) == (1000, 960)
    assert "report" in view.job.get_deferred_fields()


def has_images(dataset: Dataset, least: int) -> bool:
    return dataset.images.count() >= least
