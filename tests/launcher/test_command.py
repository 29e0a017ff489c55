"""`./manage` before the first `./run`, and on a database of a deployment."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from launcher.embedded import services
from launcher.migrated import copy_migrated_cluster
from launcher.places import DATABASE, ROOT, SUPERUSER, places_of
from launcher.postgres import connect
from launcher.processes import RUN_NOTE, start_ticks

SOAK = bool(os.environ.get("SOAK"))
CREATE_DATASET, CREATE_TOKEN = ("create_dataset", "birds"), ("create_token", "notebook")
LIST_DATASETS = "from catalog.models import Dataset; print(*Dataset.objects.values_list('name', flat=True))"
HIDDEN = ("PORT", "WORKER_ORIGIN", "STAFF_ORIGIN", "MARKETPLACE_ORIGIN", "DJANGO_SETTINGS_MODULE")

pytestmark = pytest.mark.skipif(bool(os.environ.get("DATABASE_URL")), reason="DATABASE_URL names another server")


@pytest.fixture
def state(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    folder = Path(tempfile.mkdtemp(prefix="state-"))
    folder.chmod(0o755)
    yield folder
    places = places_of(folder)
    for path in (folder, places.outside, places.postgres_sockets, places.valkey_sockets):
        if path:
            shutil.rmtree(path, ignore_errors=True)


def manage(state: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return subprocess.run(
        [sys.executable, "-m", "launcher.command", *words],
        cwd=ROOT,
        env=environment | {"STATE_DIR": str(state)} | variables,
        capture_output=True,
        text=True,
    )


def test_commands_before_the_first_run_make_the_tables_and_wait_for_each_other(state):
    """The long form makes all tables; the short form, the one that is missing."""
    if not SOAK:
        copy_migrated_cluster(state)
    with services(state, durable=False), ThreadPoolExecutor() as pool:
        if not SOAK:
            forget_a_table(state)
        to_file = (*CREATE_TOKEN, "--to", str(state / "key"))
        commands = list(pool.map(lambda words: manage(state, *words), [CREATE_DATASET, to_file]))
        assert [command.returncode for command in commands] == [0, 0], commands
        assert "birds" in manage(state, "shell", "--no-imports", "-v", "0", "-c", LIST_DATASETS).stdout
        assert (state / "key").read_text().startswith("ann_") and (state / "key").stat().st_mode & 0o777 == 0o600
        # Into a pipe no secret goes, and none is made.
        piped = manage(state, "create_token", "log")
        assert (piped.returncode, piped.stdout) == (1, "") and "add --to FILE" in piped.stderr
        assert "Tokens: notebook (ann_" in manage(state, "revoke_token", "log").stderr
        odd = manage(state, "create_dataset", "\udcff")
        assert odd.returncode == 1 and "is not UTF-8" in odd.stderr and "Traceback" not in odd.stderr


def test_a_database_of_a_deployment_is_not_migrated_by_a_command(state):
    with services(state, durable=False):
        url = f"postgres://{SUPERUSER}@{quote(str(places_of(state).postgres_sockets), safe='')}/{DATABASE}"
        command = manage(state, "create_dataset", "birds", DATABASE_URL=url, SECRET_KEY=secrets.token_urlsafe(50))
    assert command.returncode == 1 and "Traceback" not in command.stderr
    assert "Run first: ./manage migrate" in command.stderr


def forget_a_table(state: Path) -> None:
    """Leave a migration to do, which takes less time than all of them."""
    with (
        contextlib.closing(connect(places_of(state), DATABASE)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("DROP TABLE django_session; DELETE FROM django_migrations WHERE app = 'sessions'")


def test_tables_do_not_change_under_a_running_site(state):
    copy_migrated_cluster(state)
    (state / RUN_NOTE).write_text(json.dumps({"pid": os.getpid(), "started": start_ticks(os.getpid()), "port": 8000}))
    with services(state, durable=False):
        forget_a_table(state)
        command = manage(state, "create_dataset", "birds")
        assert command.returncode == 1 and "Traceback" not in command.stderr
        assert "Stop it, then run the command again." in command.stderr
        (state / RUN_NOTE).unlink()
        assert manage(state, "create_dataset", "birds").returncode == 0
