#!/usr/bin/env python3
"""Measure prediction of images the whole way, next to a bare loop that decodes, resizes and runs the same network.

    python benchmarks/predict.py [--classifier NAME] [--images N]
    python benchmarks/predict.py --gpu

The whole way is from the hint in the queue to the last committed prediction, by one Celery worker, with files and a
database cluster of its own that is removed afterwards. The bare loop does one batch after the other in one thread (the
network itself uses all cores); "ready arrays" is the network alone. All of it is measured in turns in one run, on the
same device, and the best of each counts. Pictures: JPEG of 500 x 375 pixels, as large as those of ImageNet on average.
--gpu takes a ResNet-50 of random weights, which is as fast as one that knows something, in mixed precision on CUDA.
"""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import django  # noqa: E402
import numpy as np  # noqa: E402
from django.core.management import call_command  # noqa: E402
from PIL import Image as Pillow  # noqa: E402

from candidates.classifiers.interface import ClassifierError  # noqa: E402
from candidates.classifiers.registry import named  # noqa: E402
from launcher.check import scratch_state  # noqa: E402
from launcher.embedded import services  # noqa: E402

WIDTH, HEIGHT = 500, 375
BATCH = 32
START_SECONDS = 60
CPU_NETWORK, N_ON_CPU = "efficientnet-lite0", 1024
# A GPU does a thousand in a blink, too short to be timed.
GPU_NETWORK, N_ON_GPU = "torchvision:resnet50:random", 4096


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classifier", metavar="NAME", help=f"default: {CPU_NETWORK}")
    parser.add_argument("--gpu", action="store_true", help=f"{GPU_NETWORK} on CUDA, or nothing")
    parser.add_argument("--images", type=int, metavar="N", help=f"default: {N_ON_CPU}, with --gpu {N_ON_GPU}")
    parser.add_argument("--turns", type=int, default=3, metavar="N")
    asked = parser.parse_args()
    asked.classifier = asked.classifier or (GPU_NETWORK if asked.gpu else CPU_NETWORK)
    asked.images = asked.images or (N_ON_GPU if asked.gpu else N_ON_CPU)
    network = loaded(asked)
    with scratch_state() as state:
        os.environ |= {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
        os.environ["LOG_LEVEL"] = "WARNING"
        with services(state):
            django.setup()
            call_command("migrate", verbosity=0)
            measure(asked, network)


def loaded(asked):
    """The network; without it, or on another device than wanted, an end in words before anything is started."""
    try:
        network = named(asked.classifier)
    except ClassifierError as error:
        sys.exit(str(error))
    if asked.gpu and network.device != "cuda":
        sys.exit(f"{network.name} would run on {network.device} here: no CUDA device is usable. Leave out --gpu.")
    return network


def measure(asked, network):
    dataset = stored(pictures(asked.images))
    contents = [Path(image.original.path).read_bytes() for image in dataset.images.order_by("pk")]
    ready = np.stack([network.prepare(Pillow.open(io.BytesIO(content))) for content in contents])
    with worker():
        whole_way(network, stored(pictures(2 * BATCH), "warm"))
        ways = {
            "ready arrays": lambda: ready_arrays(network, ready),
            "bare loop": lambda: bare_loop(network, contents),
            "whole way": lambda: whole_way(network, dataset),
        }
        seconds = {name: min(turns) for name, turns in in_turns(ways, asked.turns).items()}
    print(f"{network.name} on {network.device}, {asked.images:,} images of {WIDTH} x {HEIGHT} pixels")
    for name, spent in seconds.items():
        print(f"{name:14}{asked.images / spent:10,.1f} images/s")
    for other in ("bare loop", "ready arrays"):
        print(f"whole way / {other}: {seconds[other] / seconds['whole way']:.2f}")


def in_turns(ways, n_turns):
    """Seconds of every turn; what else the machine does meets them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n_turns):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def pictures(n_images):
    """JPEGs of smooth noise, which compress about as photographs do."""
    rng = np.random.default_rng(0)
    for number in range(n_images):
        coarse = Pillow.fromarray(rng.integers(0, 256, (HEIGHT // 12, WIDTH // 12, 3), np.uint8))
        grain = rng.normal(0, 6, (HEIGHT, WIDTH, 3))
        smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Pillow.Resampling.BICUBIC)) + grain
        target = io.BytesIO()
        Pillow.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(target, "JPEG", quality=90)
        yield f"{number:06}.jpg", target.getvalue()


def stored(named_contents, name="benchmark"):
    from catalog.actions import NewImage, add_images, create_dataset
    from catalog.photographs.reads import read_photograph

    dataset = create_dataset(name=name)
    images = [NewImage(image, None, read_photograph(content)) for image, content in named_contents]
    add_images(dataset=dataset, images=images)
    return dataset


@contextlib.contextmanager
def worker():
    """A Celery worker as ./run starts it, for the queue of predictions alone."""
    words = [sys.executable, "-m", "celery", "-A", "annotation_site", "worker", "--queues", "predict"]
    words += ["--concurrency", "1", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def ready_arrays(network, ready):
    for start in range(0, len(ready), BATCH):
        network.predict(ready[start : start + BATCH])


def bare_loop(network, contents):
    for start in range(0, len(contents), BATCH):
        opened = [Pillow.open(io.BytesIO(content)) for content in contents[start : start + BATCH]]
        network.predict(np.stack([network.prepare(picture) for picture in opened]))


def whole_way(network, dataset):
    """Forget what is predicted, and have all of it predicted anew by the worker."""
    from candidates.models import Run
    from candidates.runs.actions import open_runs
    from candidates.tasks import predict_portion
    from catalog.models import Prediction

    Prediction.objects.filter(image__dataset=dataset).delete()
    (run,) = open_runs(dataset=dataset, names=[network.name]).values()
    assert run is not None, "all its predictions were removed"
    predict_portion.delay()
    while not Run.objects.filter(pk=run.pk, finished_at__isnull=False).exists():
        problem = Run.objects.get(pk=run.pk).problem
        if problem:
            sys.exit(problem)
        time.sleep(0.01)
    assert Prediction.objects.filter(image__dataset=dataset).count() == dataset.images.count()


if __name__ == "__main__":
    main()
