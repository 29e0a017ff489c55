"""Predictors killed at random points: afterwards the predictions are exactly those of a calm run.

SOAK=1 for full length, two workers, and servers that are started again. The site is the one that `./run` starts, the
command the one that a researcher gives.
"""

import contextlib
import importlib.util
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
from PIL import Image as Pillow

from candidates.classifiers.interface import top_k
from candidates.classifiers.registry import named
from launcher.places import BROKER_NAME, ROOT
from tests.candidates.small_ensemble import picture
from tests.faults.site import Site, running_site, wait_until

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")),
    reason="only servers of the site's own are killed",
)

SOAK = bool(os.environ.get("SOAK"))
N_IMAGES = 2000 if SOAK else 700
N_ROUNDS, N_HITS = (5, 25) if SOAK else (1, 4)
# Further rounds, in case a moment was missed that only luck brings.
MORE_ROUNDS = 3
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


# More than one worker at once: each holds such a lock.
WORKERS_AT_WORK = AT_WORK.replace("SELECT", "SELECT DISTINCT pid")
TORCH_MODULE = """
import torch

class ColourWeights(torch.nn.Module):
    pictures = {"input_size": 8, "crop": 1.0, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 12)

    def forward(self, x):
        return self.linear(x.mean((2, 3)))

def colour_weights():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return ColourWeights()
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder in which every process of the site finds modules of ours."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "networks_of_ours.py").write_text(TORCH_MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def site(modules):
    with running_site("--no-demo") as started:
        yield started


def in_site(site: Site, code: str) -> str:
    """Return the output of a process with the site's settings."""
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings", "LOG_LEVEL": "WARNING"}
    words = [sys.executable, "-c", f"import django; django.setup(); {code}"]
    return subprocess.run(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=FINISH_SECONDS, check=True
    ).stdout


@pytest.fixture(scope="module")
def dataset(site) -> dict:
    code = "import json; from tests.candidates.small_ensemble import coloured_dataset as made; "
    code += f"found = made({N_IMAGES}, side=320); print(json.dumps([found.pk, found.name]))"
    number, name = json.loads(in_site(site, code))
    return {"id": number, "name": name}


def networks(site: Site, name: str, n: int) -> list[str]:
    """Copies of one network under different names: the same predictions, each in a run of its own."""
    code = "import json; from pathlib import Path; from tests.candidates.small_ensemble import colour_network as made; "
    code += f"print(json.dumps([made(Path({str(site.state)!r}), f'{name}{{n}}') for n in range({n})]))"
    return json.loads(in_site(site, code))


@pytest.fixture(scope="module")
def calm(site, dataset) -> list[tuple]:
    """The predictions of a run that nobody disturbed."""
    (network,) = networks(site, "calm", 1)
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


def test_killing_the_worker_at_random_points_leaves_the_predictions_of_a_calm_run(site, dataset, calm):
    n_rounds = 0
    for seed, network in enumerate(networks(site, "killed", N_ROUNDS + MORE_ROUNDS)):
        n_half_way = kill_while_predicting(site, dataset, network, random.Random(seed))
        print(f"round {seed}: {n_half_way} of {N_HITS} hits while a portion was worked at")
        check_as_calm(site, dataset, network, calm)
        n_rounds += n_half_way >= N_HITS // 3
        if n_rounds == N_ROUNDS:
            return
    raise AssertionError("too few hits came while a portion was worked at")


def together_at_work(site: Site, dataset: dict) -> tuple[subprocess.Popen, str]:
    """A command that two workers are doing right now, and the network's name."""
    for network in networks(site, "two", 1 + MORE_ROUNDS):
        command = predict(site, dataset, network)
        assert wait_until(
            lambda command=command: command.poll() is not None or len(site.rows(WORKERS_AT_WORK)) > 1, FINISH_SECONDS
        )
        if command.poll() is None:
            return command, network
        assert ended(command)[1] == 0
    raise AssertionError("the two were never at work together")


@contextlib.contextmanager
def second_worker(site: Site) -> Iterator[subprocess.Popen]:
    """One more worker on the queue, as another host would have it."""
    words = [sys.executable, "-m", "celery", "-A", "annotation_site", "worker", "--queues", "predict", "--hostname"]
    words += ["second@%h", "--concurrency", "1", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(words, cwd=ROOT, env=site.environment | {BROKER_NAME: "second"})
    try:
        assert wait_until(lambda: "second" in waiting_at_the_queue(site), FINISH_SECONDS / 4)
        yield process
    finally:
        process.terminate()
        process.wait(FINISH_SECONDS)


def waiting_at_the_queue(site: Site) -> set[str]:
    with contextlib.closing(redis.Redis(unix_socket_path=str(site.places.valkey_socket))) as client:
        return {picture["name"] for picture in client.client_list() if picture["cmd"] == "brpop"}


def child_of(process: subprocess.Popen) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def kill_child(process: subprocess.Popen) -> None:
    """Return the pid of the process that computes; its parent starts another."""
    for pid in child_of(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not SOAK, reason="in the long form; a single worker is killed in the short one")
def test_two_workers_of_which_now_one_is_killed_now_the_other_predict_each_image_once(site, dataset, calm):
    chance = random.Random(7)
    with second_worker(site) as second:
        command, network = together_at_work(site, dataset)
        for hit in [lambda: kill_child(second), lambda: site.kill_children("predictor")] * (N_HITS // 2):
            wait_until(lambda: command.poll() is not None or site.rows(AT_WORK), FINISH_SECONDS / 4)
            time.sleep(chance.uniform(0, 0.1))
            hit()
        output, code = ended(command)
    assert code == 0, output
    check_as_calm(site, dataset, network, calm)


@pytest.mark.skipif(not SOAK, reason="in the long form; the short one of test_faults.py stops the same servers")
def test_the_command_waits_while_the_database_and_the_queue_are_started_again(site, dataset, calm):
    (network,) = networks(site, "restarted", 1)
    command = predict(site, dataset, network)
    for part in ("postgres", "valkey", "postgres"):
        # Where it is still coming back, the next portion tells that it is there.
        assert wait_until(lambda: command.poll() is not None or site.rows(AT_WORK), FINISH_SECONDS / 4)
        site.kill(part)
        time.sleep(1)
    output, code = ended(command)
    assert code == 0, output
    assert "Traceback" not in output
    assert output.count("The database does not answer (") == output.count("The database answers again.") >= 1
    check_as_calm(site, dataset, network, calm)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_a_torch_module_of_ours_predicts_the_whole_way(site, dataset):
    for name in ("torch:networks_of_ours:colour_weights", "torch:networks_of_ours:colour_weights@crop=0.5,flip"):
        output, code = ended(predict(site, dataset, name))
        assert code == 0, output
        network = named(name, device="cpu")
        rows = predictions(site, dataset, name)
        assert len(rows) == N_IMAGES
        some = rows[:: N_IMAGES // 50]
        pictures = [Pillow.open(io.BytesIO(picture(int(image[:5]), side=320))) for image, _, _ in some]
        labels, scores = top_k(network.predict(np.stack([network.prepare(picture) for picture in pictures])), 5)
        assert [kept for _, kept, _ in some] == labels.tolist()
        assert np.allclose([kept for _, _, kept in some], scores, atol=5e-3)
    (view,) = site.rows("SELECT network, view FROM catalog_classifier WHERE name LIKE '%%@crop=0.5,flip'")
    assert view == {"network": "torch:networks_of_ours:colour_weights", "view": "crop 0.5, flip"}


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
