"""The predicting worker is killed at random points: afterwards there are exactly the predictions of a calm run.

SOAK=1 for full length. The site is the one that `./run` starts, the command the one that a researcher gives.
"""

import json
import os
import random
import subprocess
import sys
import time

import pytest

from annotation_site.services.places import ROOT
from tests.faults.site import Site, running_site, wait_until

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")),
    reason="only servers of the site's own are killed",
)

SOAK = bool(os.environ.get("SOAK"))
N_IMAGES = 2000
N_ROUNDS, N_HITS = (5, 25) if SOAK else (1, 6)
FINISH_SECONDS = 240
PREDICTIONS = """
    SELECT image.name, prediction.labels, prediction.scores
    FROM catalog_prediction prediction
    JOIN catalog_image image ON image.id = prediction.image_id
    JOIN catalog_classifier classifier ON classifier.id = prediction.classifier_id
    WHERE image.dataset_id = %(dataset)s AND classifier.name = %(classifier)s ORDER BY image.name
"""
PORTIONS = """
    SELECT portion.done_at, portion.n_images, run.finished_at, run.problem FROM candidates_portion portion
    JOIN candidates_run run ON run.id = portion.run_id
    JOIN catalog_classifier classifier ON classifier.id = run.classifier_id
    WHERE run.dataset_id = %(dataset)s AND classifier.name = %(classifier)s
"""
# A worker has claimed a portion and not committed it.
AT_WORK = "SELECT FROM pg_locks WHERE relation = 'candidates_portion'::regclass AND mode = 'RowShareLock'"


@pytest.fixture(scope="module")
def site():
    with running_site() as started:
        yield started


def in_site(site: Site, code: str) -> str:
    """What a process with the site's settings prints."""
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings", "LOG_LEVEL": "WARNING"}
    words = [sys.executable, "-c", f"import django; django.setup(); {code}"]
    return subprocess.run(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=180, check=True
    ).stdout


@pytest.fixture(scope="module")
def dataset(site) -> dict:
    code = "import json; from tests.candidates.small_ensemble import coloured_dataset as made; "
    code += f"found = made({N_IMAGES}, side=320); print(json.dumps([found.pk, found.name]))"
    number, name = json.loads(in_site(site, code))
    return {"id": number, "name": name}


def networks(site: Site, n: int) -> list[str]:
    """Copies of one network under different names: the same predictions, each in a run of its own."""
    code = "import json; from pathlib import Path; from tests.candidates.small_ensemble import colour_network as made; "
    code += f"print(json.dumps([made(Path({str(site.state)!r}), f'net{{n}}') for n in range({n})]))"
    return json.loads(in_site(site, code))


def predict(site: Site, dataset: dict, network: str) -> subprocess.Popen:
    words = [sys.executable, "manage.py", "predict", "--dataset", dataset["name"], "--classifier", network]
    return subprocess.Popen(
        words, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def predictions(site: Site, dataset: dict, network: str) -> list[tuple]:
    rows = site.rows(PREDICTIONS, dataset=dataset["id"], classifier=network)
    return [(row["name"], row["labels"], row["scores"]) for row in rows]


def test_killing_the_worker_at_random_points_leaves_the_predictions_of_a_calm_run(site, dataset):
    calm, *disturbed = networks(site, 1 + N_ROUNDS)
    command = predict(site, dataset, calm)
    output, _ = command.communicate(timeout=FINISH_SECONDS)
    assert command.returncode == 0, output
    expected = predictions(site, dataset, calm)
    assert len(expected) == N_IMAGES
    for seed, network in enumerate(disturbed):
        n_half_way = kill_while_predicting(site, dataset, network, random.Random(seed))
        print(f"round {seed}: {n_half_way} of {N_HITS} hits while a portion was worked at")
        assert n_half_way >= N_HITS // 3
        assert predictions(site, dataset, network) == expected
        portions = site.rows(PORTIONS, dataset=dataset["id"], classifier=network)
        assert sum(portion["n_images"] for portion in portions) == N_IMAGES
        assert all(portion["done_at"] and portion["finished_at"] and not portion["problem"] for portion in portions)


def kill_while_predicting(site: Site, dataset: dict, network: str, chance: random.Random) -> int:
    """Give the command, hit what does its work, then let it come to its end. Returns how many hits were half way."""
    # Mostly the process that computes; then its parent, the queue with all in it, the beat.
    hits = [lambda: site.kill("predictor"), site.flush_valkey, lambda: site.kill("beat")]
    hits += [lambda: site.kill_children("predictor")] * (N_HITS - len(hits))
    chance.shuffle(hits)
    command = predict(site, dataset, network)
    n_half_way = 0
    for hit in hits:
        wait_until(lambda: command.poll() is not None or site.rows(AT_WORK), FINISH_SECONDS / 4)
        time.sleep(chance.uniform(0, 0.1))
        n_half_way += bool(site.rows(AT_WORK))
        hit()
    output, _ = command.communicate(timeout=FINISH_SECONDS)
    assert command.returncode == 0, output
    return n_half_way
