"""An import that is killed at random points and then completed leaves exactly what a calm one leaves.

SOAK=1 for more kills. The command is the one that a researcher gives, in a process of its own.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from catalog.models import Dataset
from launcher.places import ROOT
from launcher.processes import start_ticks
from tests.archives import tar_of, zip_of
from tests.factories import make_dataset
from tests.pictures import corners, encoded, write
from tests.process_memory import tree

pytestmark = pytest.mark.django_db(transaction=True)

SOAK = bool(os.environ.get("SOAK"))
N_IMAGES, N_KILLS = (2000, 20) if SOAK else (400, 3)
FINISH_SECONDS = 300


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def files() -> dict[str, bytes]:
    """Images of two classes, each different, and one that is no image."""
    photographs = {f"{n % 2}/{n:04}.jpg": encoded(corners(64 + n % 50, 48 + n // 50)) for n in range(N_IMAGES)}
    return photographs | {"0/none.jpg": b"no image"}


def folder(path: Path, content: dict[str, bytes]) -> Path:
    for name, of_file in content.items():
        write(path / name, of_file)
    return path


SOURCES: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "images": folder,
    "images.tar.gz": tar_of,
    "images.zip": zip_of,
}


def start(source: Path, dataset: Dataset, media: Path) -> subprocess.Popen:
    site = connection.settings_dict
    address = f"postgres://{site['USER']}@{quote(site['HOST'], safe='')}:{site['PORT']}/{site['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "annotation_site.settings",
        "MEDIA_ROOT": str(media),
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": address,
        "SECRET_KEY": "0123456789" * 5 + "abcdef",
    }
    words = [sys.executable, "manage.py", "import", "images", str(source), "--dataset", dataset.name]
    return subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def originals(media: Path) -> set[str]:
    return {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}


def kill_when_busy(process: subprocess.Popen, media: Path, chance: random.Random) -> bool:
    """SIGKILL after some more files have come; whether it was still at work."""
    until = len(originals(media)) + chance.randint(1, 90)
    while len(originals(media)) < until:
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    time.sleep(chance.random() / 100)
    children = tree(process.pid)[1:]
    process.send_signal(signal.SIGKILL)
    process.wait(FINISH_SECONDS)
    wait_for_the_end_of(children)
    return process.returncode == -signal.SIGKILL


def wait_for_the_end_of(children: list[int]) -> None:
    deadline = time.monotonic() + FINISH_SECONDS
    while any(start_ticks(pid) is not None for pid in children):
        assert time.monotonic() < deadline, f"the import is dead and its processes {children} live on"
        time.sleep(0.01)


def check_rows(dataset: Dataset, media: Path, content: dict[str, bytes]) -> int:
    """Each image that is there is there whole; returns how many."""
    rows = list(dataset.images.values_list("name", "original", "dataset_label__index"))
    for name, original, label in rows:
        assert (media / original).read_bytes() == content[name], name
        assert label == int(name[0])
    return len(rows)


def state_of(dataset: Dataset) -> list[tuple]:
    columns = ("name", "dataset_label__index", "width", "height")
    return sorted(dataset.images.values_list(*columns))


@pytest.mark.parametrize("kind", SOURCES if SOAK else ["images"])
def test_a_killed_import_goes_on_and_leaves_no_half_image_and_no_stray_file(tmp_path, media, kind):
    content = files()
    source = SOURCES[kind](tmp_path / kind, content)
    killed, calm = make_dataset(), make_dataset()
    chance = random.Random(f"{kind} 7")
    n_before = n_kills = 0
    for _ in range(N_KILLS):
        with start(source, killed, media) as process:
            n_kills += kill_when_busy(process, media, chance)
        n_now = check_rows(killed, media, content)
        assert n_before <= n_now
        n_before = n_now
    assert n_kills >= N_KILLS - 1, "it was over before it could be killed: make it longer"
    for dataset, n_there in ((killed, n_before), (calm, 0)):
        said, _ = start(source, dataset, media).communicate(timeout=FINISH_SECONDS)
        before = f" {n_there} images were already in the dataset." if n_there else "\n"
        assert f"{N_IMAGES - n_there} images were added.{before}" in said, said
        assert "none.jpg: unsupported format" in said and "1 file was not imported" in said
    assert check_rows(killed, media, content) == check_rows(calm, media, content) == N_IMAGES
    assert state_of(killed) == state_of(calm)
    rows = [name for dataset in (killed, calm) for name in dataset.images.values_list("original", flat=True)]
    assert originals(media) == set(rows) and len(rows) == 2 * N_IMAGES
