"""./run as a user meets it: parts that die, killed runs, a second start, a taken port, an orderly stop."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest

from launcher import run
from launcher.addresses import marketplace_port
from launcher.migrated import copy_migrated_cluster
from launcher.places import ROOT, PlaceError, places_of, postgres_user
from launcher.postgres import DATABASE, connect
from launcher.processes import MARK, Part, alive, end_leftovers, mark_of, marked, recorded, start_ticks
from launcher.secrets import read_keys
from launcher.supervisor import Supervisor
from tests.chance import SOAK
from tests.ports import free_port
from tests.required import require

PARTS = ("postgres", "valkey", "marketplace", "web", "worker", "predictor", "setup", "beat")
# One of each kind: a server, one with followers, a web server and a worker. SOAK=1 for all.
KILLED = PARTS if SOAK else ("postgres", "valkey", "web", "worker")
# Bounds for a slow machine that has other work; what comes sooner is not waited for.
START_SECONDS, SOON_SECONDS = 240, 90


class Site:
    """A ./run of its own: state folder, port, console."""

    def __init__(self, state: Path, port: int):
        self.state, self.port = state, port
        self.console = state.parent / "console.txt"
        self.process: subprocess.Popen | None = None
        self.read_to = 0
        # What the first start said: a later one begins the console anew.
        self.first_words = ""

    def start(self) -> "Site":
        self.read_to = 0
        hidden = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "WORKER_ORIGIN", "STAFF_ORIGIN", "MARKETPLACE_ORIGIN"}
        hidden.add("DJANGO_SETTINGS_MODULE")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        with open(self.console, "w") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launcher.run", "--port", str(self.port), "--no-demo"],
                cwd=ROOT,
                env=environment | {"STATE_DIR": str(self.state)},
                stdout=console,
                stderr=console,
            )
        return self

    def wait_running(self) -> "Site":
        self.wait_for("The site is running")
        self.first_words = self.first_words or self.console.read_text()
        return self

    def wait_for(self, text: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.console.read_text()[self.read_to :]:
            assert require(self.process).poll() is None, f"./run ended:\n{self.console.read_text()}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.console.read_text()}"
            time.sleep(0.05)

    def pid(self, part: str) -> int:
        return json.loads((self.state / "parts" / f"{part}.json").read_text())["pid"]

    def group(self, part: str) -> set[int]:
        """The part and its children that are of its process group."""
        leader = self.pid(part)
        pids = set()
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(status.read_text().rpartition(")")[2].split()[2]) == leader:
                    pids.add(int(status.parent.name))
        return pids

    def fetch(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=SOON_SECONDS) as page:
            return page.status

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        require(self.process).send_signal(number)
        return require(self.process).wait(START_SECONDS)

    def forget(self) -> None:
        if self.process and self.process.poll() is None:
            self.stop()
        end_leftovers(self.state)
        places = places_of(self.state)
        for folder in (self.state.parent, places.outside, places.postgres_sockets, places.valkey_sockets):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def open_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="site-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def site():
    """Run a site for all tests of this module; at last it has to stop in order. The long form makes all tables."""
    running = Site(open_folder() / "var", free_port())
    if not SOAK:
        copy_migrated_cluster(running.state)
    try:
        yield running.start().wait_running()
        check_orderly_stop(running)
    finally:
        running.forget()


def check_orderly_stop(site: Site) -> None:
    before = len(site.console.read_text())
    assert site.stop(signal.SIGINT) == 0
    stops = re.findall(r"stopping (\w+)", site.console.read_text()[before:])
    assert stops == ["beat", "setup", "predictor", "worker", "web", "marketplace", "valkey", "postgres"]
    assert marked(site.state) == {} and recorded(site.state) == {}


def query(site: Site, sql: str):
    connection = connect(places_of(site.state), DATABASE)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def secrets_of(site) -> set[str]:
    """The secrets, which no file but their own may have."""
    names = ("staff_password", "worker_password", "secret_key", "marketplace_secret_key")
    return {(site.state / name).read_text() for name in names} | {read_keys(site.state / "requester_keys")[1]}


def test_what_a_start_leaves_in_the_state_folder_is_its_owners_alone(site):
    user = postgres_user()
    passed_through = 0o710 if user and not places_of(site.state).outside else 0o700
    assert stat.S_IMODE(site.state.stat().st_mode) == passed_through
    open_to_others = {}
    for path in site.state.rglob("*"):
        mode = path.lstat().st_mode
        # A socket is as closed as its folder.
        if mode & 0o077 and not stat.S_ISSOCK(mode) and not stat.S_ISLNK(mode):
            open_to_others[str(path)] = oct(mode)
    assert not open_to_others
    names = {path.name for path in site.state.iterdir()}
    assert {"logs", "media", "parts", "secret_key", "port", "owner.lock"} <= names
    for log in (site.state / "logs").iterdir():
        assert not [secret for secret in secrets_of(site) if secret in log.read_text(errors="replace")], log


def test_the_first_start_prints_addresses_and_a_login_that_works(site):
    text = site.first_words
    assert f"http://localhost:{site.port}/" in text and f"http://127.0.0.1:{site.port}/" in text
    # The console is a file here: it says what shows the secrets, and has none of them.
    assert f"login        researcher (shown by: cat {site.state}/staff_password)" in text
    for secret in secrets_of(site):
        assert secret not in text
    for secret in ("staff_password", "secret_key"):
        assert (site.state / secret).stat().st_mode & 0o777 == 0o600
    assert query(site, "SELECT is_staff FROM auth_user WHERE username = 'researcher'") == [(True,)]
    assert site.fetch() == 200


def test_the_first_start_prints_a_marketplace_whose_keys_and_worker_are_good_there(site):
    text = site.first_words
    address = f"http://127.0.0.1:{marketplace_port(site.port)}"
    assert f"marketplace  {address}/" in text
    key_id = require(re.search(r"requester +(\S+) \(shown by: cat \S+/requester_keys\)", text))[1]
    secret = read_keys(site.state / "requester_keys")[1]
    client = boto3.client(
        "mturk", "us-east-1", endpoint_url=address, aws_access_key_id=key_id, aws_secret_access_key=secret
    )
    assert client.get_account_balance()["AvailableBalance"] == "10000.00"
    name = require(re.search(r"worker +(\S+) \(shown by: cat \S+/worker_password\)", text))[1]
    password = (site.state / "worker_password").read_text()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    form = browser.open(f"{address}/", timeout=SOON_SECONDS).read().decode()
    token = require(re.search(r'csrfmiddlewaretoken" value="([^"]+)"', form))[1]
    sent = urllib.parse.urlencode({"name": name, "password": password, "csrfmiddlewaretoken": token}).encode()
    page = browser.open(f"{address}/sign-in/", sent, timeout=SOON_SECONDS)
    assert page.url == f"{address}/hits/" and "Sign out" in page.read().decode()
    for kept in ("requester_keys", "worker_password", "marketplace_secret_key"):
        assert (site.state / kept).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("part", KILLED)
def test_a_killed_part_is_named_and_started_again(site, part):
    before, members = site.pid(part), site.group(part)
    site.read_to = len(site.console.read_text())
    os.kill(before, signal.SIGKILL)
    site.wait_for(f"{part} was killed by SIGKILL", SOON_SECONDS)
    site.wait_for(f"{part} is back", SOON_SECONDS)
    assert site.pid(part) != before
    assert not members & site.group(part)
    assert [pid for pid in members if start_ticks(pid) is not None] == []
    assert site.fetch() == 200
    if part == "valkey":
        site.wait_for("worker is back", SOON_SECONDS)


def test_rows_that_were_acknowledged_outlive_a_killed_postgres(site):
    query(site, "CREATE TABLE IF NOT EXISTS acknowledged (n integer)")
    query(site, "INSERT INTO acknowledged SELECT 7")
    count = query(site, "SELECT count(*) FROM acknowledged")
    old = site.pid("postgres")
    os.kill(old, signal.SIGKILL)
    deadline = time.monotonic() + SOON_SECONDS
    while True:
        with contextlib.suppress(Exception):
            if site.pid("postgres") != old and query(site, "SELECT count(*) FROM acknowledged") == count:
                break
        assert time.monotonic() < deadline, site.console.read_text()
        time.sleep(0.1)


def test_a_second_run_is_told_about_the_first(site):
    second = Site(site.state, free_port())
    second.console = site.state.parent / "second.txt"
    assert require(second.start().process).wait(SOON_SECONDS) == 1
    text = second.console.read_text()
    assert f"already running: http://127.0.0.1:{site.port}/ (process {site.process.pid})" in text
    assert site.fetch() == 200


def test_a_taken_port_is_named_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        late = Site(open_folder() / "var", port)
        try:
            assert require(late.start().process).wait(SOON_SECONDS) == 1
            text = late.console.read_text()
            assert f"Port {port} is taken" in text and "./run --port" in text
            assert "Traceback" not in text
        finally:
            late.forget()


def test_the_port_is_that_of_the_environment_unless_one_is_named(monkeypatch, capsys):
    monkeypatch.delenv("PORT", raising=False)
    assert run.parse([]).port == 8000
    monkeypatch.setenv("PORT", " 8121 ")
    assert run.parse([]).port == 8121
    assert run.parse(["--port", "9000"]).port == 9000
    for bad in ("eighty", "65536", "0"):
        monkeypatch.setenv("PORT", bad)
        with pytest.raises(SystemExit):
            run.parse([])
        assert f"'{bad}' is not a port: write a number from 1 to 65535" in capsys.readouterr().err


def test_a_port_that_is_none_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "launcher.run", "--port", "65536"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "write a number from 1 to 65535" in done.stderr


def test_a_killed_run_does_not_block_the_next_which_keeps_the_data(site):
    query(site, "CREATE TABLE kept AS SELECT 42 AS n")
    password = (site.state / "staff_password").read_text()
    before = {part: site.pid(part) for part in PARTS}
    require(site.process).kill()
    require(site.process).wait()
    site.start().wait_running()
    assert query(site, "SELECT n FROM kept") == [(42,)]
    assert password == (site.state / "staff_password").read_text() and password not in site.console.read_text()
    assert not set(before.values()) & {site.pid(part) for part in PARTS}
    assert [pid for pid in before.values() if start_ticks(pid) is not None] == []


@pytest.fixture
def state():
    folder = open_folder() / "var"
    folder.mkdir()
    yield folder
    end_leftovers(folder)
    shutil.rmtree(folder.parent)


def sleeper(state: Path, name: str = "sleeper", command=("sleep", "300")) -> Part:
    return Part(name=name, command=list(command), state=state, ready=lambda: True)


def test_leftovers_are_ended_even_if_their_record_is_gone(state):
    part = sleeper(state, command=("sh", "-c", "trap '' TERM; sleep 300 & sleep 300"))
    part.start()
    deadline = time.monotonic() + SOON_SECONDS
    while len(marked(state)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(marked(state)) == 3
    part.record.unlink()
    end_leftovers(state, seconds=0.5)
    require(part.process).wait(SOON_SECONDS)
    assert marked(state) == {}


def test_a_process_that_only_has_a_recorded_number_is_left_alone(state):
    with subprocess.Popen(["sleep", "300"]) as stranger:
        (state / "parts").mkdir()
        ticks = start_ticks(stranger.pid)
        record = state / "parts" / "web.json"
        record.write_text(json.dumps({"pid": stranger.pid, "started": require(ticks) - 1}))
        assert end_leftovers(state) == []
        assert alive(stranger.pid, ticks)
        assert not record.exists()
        record.write_text(json.dumps({"pid": stranger.pid, "started": ticks}))
        assert recorded(state) == {stranger.pid: "web"}
        stranger.kill()


def test_another_checkouts_processes_are_left_alone(state):
    elsewhere = state.parent / "elsewhere"
    part = sleeper(elsewhere)
    part.start()
    try:
        assert end_leftovers(state) == []
        assert part.running()
    finally:
        part.stop()


def test_a_part_dies_with_its_supervisor(state):
    code = f"""
import os, pathlib
from launcher.processes import Part
part = Part(name="child", command=["sleep", "300"], state=pathlib.Path({str(state)!r}), ready=lambda: True)
part.start()
print(part.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    pid = int(done.stdout)
    deadline = time.monotonic() + SOON_SECONDS
    while start_ticks(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert start_ticks(pid) is None


def test_a_part_that_keeps_dying_is_tried_ever_more_rarely_and_its_log_is_shown(state):
    said: list[Any] = []
    supervisor = Supervisor(said.append)
    part = sleeper(state, "flaky", ("sh", "-c", "sleep 0.3; echo the disk is full; exit 3"))
    supervisor.start(part)
    deadline = time.monotonic() + SOON_SECONDS
    while len(said) < 5 and time.monotonic() < deadline:
        for watch in supervisor.watches:
            supervisor.look_after(watch)
        time.sleep(0.02)
    supervisor.stop()
    crashes = [line for line in said if "exit status 3" in line]
    assert crashes[0] == "flaky ended with exit status 3; restarting it"
    assert (
        "2 times in a row" in crashes[1] and "restarting it in 0.5 s" in crashes[1] and "the disk is full" in crashes[1]
    )
    assert "restarting it in 1 s" in crashes[2]


def test_a_part_that_lived_long_enough_is_started_again_at_once_however_often_it_ends(state, monkeypatch):
    monkeypatch.setattr("launcher.supervisor.SOON_SECONDS", 0.0)
    said: list[Any] = []
    supervisor = Supervisor(said.append)
    supervisor.start(sleeper(state, "steady", ("sleep", "0.5")))
    deadline = time.monotonic() + 6 * SOON_SECONDS
    while len([line for line in said if "exit status 0" in line]) < 4 and time.monotonic() < deadline:
        supervisor.look_after(supervisor.watches[0])
        time.sleep(0.01)
    supervisor.stop()
    ends = [line for line in said if "exit status 0" in line]
    assert set(ends) == {"steady ended with exit status 0; restarting it"} and len(ends) == 4


def test_a_part_that_never_comes_up_stops_the_start_with_its_last_words(state):
    supervisor = Supervisor(print)
    part = sleeper(state, "mute", ("sh", "-c", "echo no such setting; exit 1"))
    part.ready = lambda: False
    with pytest.raises(PlaceError, match="(?s)mute ended with exit status 1.*no such setting"):
        supervisor.start(part)
    supervisor.stop()


def test_a_part_that_ignores_the_request_to_stop_is_killed_with_its_children(state):
    part = sleeper(state, "stubborn", ("sh", "-c", "trap '' TERM; sleep 300 & sleep 300; sleep 300"))
    part.stop_seconds = 0.3
    part.start()
    time.sleep(0.3)
    part.stop()
    deadline = time.monotonic() + SOON_SECONDS
    while marked(state) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert marked(state) == {}


def test_the_mark_names_the_state_folder(state):
    part = sleeper(state)
    part.start()
    assert f"{MARK}={mark_of(state)}" in Path(f"/proc/{require(part.process).pid}/environ").read_text().split("\0")
    part.stop()


def test_a_large_log_is_set_aside_at_the_next_start(state, monkeypatch):
    monkeypatch.setattr("launcher.processes.LARGEST_LOG", 10)
    part = sleeper(state)
    part.log.parent.mkdir()
    part.log.write_text("an old and long story")
    part.start()
    part.stop()
    assert part.log.with_suffix(".log.1").read_text() == "an old and long story"
    assert part.log.read_text() == ""
