#!/usr/bin/env python3
"""Measure the time and memory of an import, and the time for its pictures.

    .venv/bin/python benchmarks/import_images.py [--images 5000] [--import-only] [folder|tar|zip]

Generates JPEGs of 500 x 375 pixels (noise smoothed to about 50 kB, the size of ImageNet's), imports them by the
command in a process of its own, twice (the second finds all there), and makes their pictures in this one, unless it is
to import only. A database cluster of its own, with the settings that keep data through a crash, is removed afterwards.
"""

import argparse
import io
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import django  # noqa: E402
import numpy as np  # noqa: E402
from django.core.management import call_command  # noqa: E402
from PIL import Image  # noqa: E402

from launcher.check import scratch_state  # noqa: E402
from launcher.embedded import services  # noqa: E402
from tests.process_memory import run_and_weigh  # noqa: E402

GOAL = 50_000
N_DIFFERENT = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", default="folder", choices=("folder", "tar", "zip"))
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--import-only", action="store_true")
    options = parser.parse_args()
    with scratch_state() as state:
        os.environ |= {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
        os.environ["LOG_LEVEL"] = "WARNING"
        with services(state, durable=True):
            django.setup()
            call_command("migrate", verbosity=0)
            source = make_source(state / "source", options.kind, options.images)
            for what in ("import", "the same again"):
                report(what, options.images, *imported(source))
            if not options.import_only:
                report("pictures", options.images, *pictures())


def make_source(folder: Path, kind: str, n_images: int) -> Path:
    chance = np.random.default_rng(1)
    pictures = [jpeg(chance) for _ in range(N_DIFFERENT)]
    print(f"{n_images:,} JPEGs of {sum(map(len, pictures)) / N_DIFFERENT / 1000:.0f} kB on average, as a {kind}")
    folder.mkdir()
    names = [f"{n:06}.jpg" for n in range(n_images)]
    path = folder if kind == "folder" else folder / f"images.{kind}"
    contents = [(name, pictures[n % N_DIFFERENT]) for n, name in enumerate(names)]
    if kind == "tar":
        pack_tar(path, contents)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in contents:
                packed.writestr(name, content)
    else:
        for name, content in contents:
            (folder / name).write_bytes(content)
    return path


def pack_tar(path: Path, contents: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as packed:
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))


def jpeg(chance: np.random.Generator) -> bytes:
    target = io.BytesIO()
    small = Image.fromarray(chance.integers(0, 256, (125, 167, 3), np.uint8))
    small.resize((500, 375), Image.Resampling.BICUBIC).save(target, "JPEG", quality=75)
    return target.getvalue()


def imported(source: Path) -> tuple[float, int]:
    words = [sys.executable, "manage.py", "import", "images", str(source), "--dataset", "benchmark"]
    begin = time.perf_counter()
    done, n_bytes = run_and_weigh(words, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - begin, n_bytes


def pictures() -> tuple[float, int]:
    from catalog.photographs.actions import make_pictures  # after django.setup

    begin = time.perf_counter()
    make_pictures(seconds=3600)
    return time.perf_counter() - begin, 0


def report(what: str, n_images: int, seconds: float, n_bytes: int) -> None:
    memory = f", at most {n_bytes / 1e6:.0f} MB in all its processes" if n_bytes else ""
    print(
        f"{what}: {seconds:.1f} s, {n_images / seconds:,.0f} images a second; "
        f"{GOAL:,} would take {seconds / n_images * GOAL / 60:.1f} minutes{memory}",
        flush=True,
    )


if __name__ == "__main__":
    main()
