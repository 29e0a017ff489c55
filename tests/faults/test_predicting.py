"""Two predictors, servers that are started again, and networks of torch, on a site of their own.

In the long form, and where torch is installed. A single predictor is killed on the site of test_faults.py.
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
from tests.faults.predicting import (
    AT_WORK,
    FINISH_SECONDS,
    MORE_ROUNDS,
    N_HITS,
    N_IMAGES,
    SOAK,
    check_as_calm,
    ended,
    in_site,
    predict,
    predictions,
)
from tests.faults.site import Site, running_site, wait_until

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")),
    reason="only servers of the site's own are killed",
)


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


def networks(site: Site, name: str, n: int) -> list[str]:
    """Copies of one network under different names: the same predictions, each in a run of its own."""
    code = "import json; from pathlib import Path; from tests.candidates.small_ensemble import colour_network as made; "
    code += f"print(json.dumps([made(Path({str(site.state)!r}), f'{name}{{n}}') for n in range({n})]))"
    return json.loads(in_site(site, code))


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
