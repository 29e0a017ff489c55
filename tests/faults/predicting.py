"""A predictor killed at random points: afterwards the predictions are exactly those of a calm run.

SOAK=1 for more hits. The module that runs this has a fixture `site` of its own: the site is the one that `./run`
starts, the command the one that a researcher gives.
"""

import json
import os
import random
import subprocess
import sys
import time

import pytest

from launcher.places import ROOT
from tests.faults.site import Site, wait_until

SOAK = bool(os.environ.get("SOAK"))
N_IMAGES = 2000 if SOAK else 500
N_ROUNDS, N_HITS = (5, 25) if SOAK else (1, 4)
# Further rounds, in case a moment was missed that only luck brings.
MORE_ROUNDS = 3
N_COPIES = 1 + N_ROUNDS + MORE_ROUNDS
FINISH_SECONDS = 600
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


def in_site(site: Site, code: str) -> str:
    """Return the output of a process with the site's settings."""
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings", "LOG_LEVEL": "WARNING"}
    words = [sys.executable, "-c", f"import django; django.setup(); {code}"]
    return subprocess.run(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=FINISH_SECONDS, check=True
    ).stdout


@pytest.fixture(scope="module")
def dataset(site) -> dict:
    """A dataset with coloured images, and copies of one network: for a calm run, and for each round of hits."""
    code = "import json; from pathlib import Path; from tests.candidates import small_ensemble; "
    code += f"dataset = small_ensemble.coloured_dataset({N_IMAGES}, side=320); "
    code += f"folder = Path({str(site.state)!r}); "
    code += f"names = [small_ensemble.colour_network(folder, f'copy{{n}}') for n in range({N_COPIES})]; "
    code += "print(json.dumps({'id': dataset.pk, 'name': dataset.name, 'networks': names}))"
    return json.loads(in_site(site, code))


@pytest.fixture(scope="module")
def calm(site, dataset) -> list[tuple]:
    """The predictions of a run that nobody disturbed."""
    network = dataset["networks"][0]
    output, code = ended(predict(site, dataset, network))
    assert code == 0, output
    expected = predictions(site, dataset, network)
    assert len(expected) == N_IMAGES
    return expected


def ended(command: subprocess.Popen) -> tuple[str, int]:
    output, _ = command.communicate(timeout=FINISH_SECONDS)
    return output, command.returncode


def predict(site: Site, dataset: dict, network: str) -> subprocess.Popen:
    words = [sys.executable, "manage.py", "predict", "--dataset", dataset["name"], "--classifier", network]
    return subprocess.Popen(
        words, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def predictions(site: Site, dataset: dict, network: str) -> list[tuple]:
    rows = site.rows(PREDICTIONS, dataset=dataset["id"], classifier=network)
    return [(row["name"], row["labels"], row["scores"]) for row in rows]


def check_as_calm(site: Site, dataset: dict, network: str, calm: list[tuple]) -> None:
    assert predictions(site, dataset, network) == calm
    portions = site.rows(PORTIONS, dataset=dataset["id"], classifier=network)
    assert sum(portion["n_images"] for portion in portions) == N_IMAGES
    assert all(portion["done_at"] and portion["finished_at"] and not portion["problem"] for portion in portions)


def test_killing_the_predictor_leaves_the_predictions_of_a_calm_run(site, dataset, calm):
    n_rounds = 0
    for seed, network in enumerate(dataset["networks"][1:]):
        n_half_way = kill_while_predicting(site, dataset, network, random.Random(seed))
        print(f"round {seed}: {n_half_way} of {N_HITS} hits while a portion was worked at")
        check_as_calm(site, dataset, network, calm)
        n_rounds += n_half_way >= N_HITS // 3
        if n_rounds == N_ROUNDS:
            return
    raise AssertionError("too few hits came while a portion was worked at")


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
    output, code = ended(command)
    assert code == 0, output
    return n_half_way
