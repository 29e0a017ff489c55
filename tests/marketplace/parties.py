"""The parties of a marketplace: requesters with an unmodified boto3 client, and workers who act directly."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from django.conf import settings
from django.db.models import Sum

from marketplace.actions import create_access_key, create_requester, create_worker
from marketplace.clock import now
from marketplace.endpoint.signatures import secret_of
from marketplace.faults.actions import advance_clock
from marketplace.hits.actions import create_hit, create_hit_type
from marketplace.ledger.actions import deposit
from marketplace.models import HIT, Assignment, HITType, Requester, Worker
from marketplace.overdue.actions import catch_up
from marketplace.reads import balances
from marketplace.work.actions import accept_hit, submit_assignment
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
QUESTION = (
    '<ExternalQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/'
    'ExternalQuestion.xsd"><ExternalURL>https://lab.example/grid?a=1&amp;b=2</ExternalURL>'
    "<FrameHeight>0</FrameHeight></ExternalQuestion>"
)
TYPE: dict[str, Any] = {
    "Title": "Which photographs contain a cat?",
    "Description": "Select the photographs with a cat in them.",
    "Keywords": "images, cats",
    "Reward": "0.10",
    "AssignmentDurationInSeconds": 600,
    "AutoApprovalDelayInSeconds": 3 * 24 * 3600,
}
HIT_VALUES = {"LifetimeInSeconds": 24 * 3600, "Question": QUESTION}
numbers = count(1)


def make_requester(cents: int = 100_000) -> Requester:
    requester = create_requester(name=f"lab {next(numbers)}")
    if cents:
        deposit(requester=requester, cents=cents)
    return requester


def make_worker(**facts) -> Worker:
    return create_worker(name=f"worker {next(numbers)}", **facts)


def make_workers(n_workers: int) -> list[Worker]:
    return [make_worker() for _ in range(n_workers)]


def make_hit_type(requester: Requester, **values) -> HITType:
    defaults = {
        "title": "Which photographs contain a cat?",
        "description": "Select them.",
        "keywords": "",
        "reward_cents": 10,
        "assignment_seconds": 600,
        "auto_approval_seconds": 3 * 24 * 3600,
        "requirements": [],
    }
    return create_hit_type(requester=requester, **(defaults | values))


def make_hit(hit_type: HITType | None = None, max_assignments: int = 1, **values) -> HIT:
    fields: dict[str, Any] = {"question": QUESTION, "lifetime_seconds": 86_400} | values
    return create_hit(hit_type=hit_type or make_hit_type(make_requester()), max_assignments=max_assignments, **fields)


def submit_hit(hit: HIT, worker: Worker | None = None, **fields: str) -> Assignment:
    """Accept and submit a HIT."""
    assignment = accept_hit(worker=worker or make_worker(), hit=hit)
    return submit_assignment(assignment_id=assignment.public_id, fields=(fields or {"label": "cat"}).items())


def later(**delta: float) -> None:
    """Move the clock ahead, later(days=3), and bring all HITs up to date."""
    advance_clock(seconds=int(timedelta(**delta).total_seconds()))
    # Each pass takes a moment only, and on a slow machine leaves some for the next one.
    while catch_up(now()):
        pass


def check_ledger(requester: Requester) -> None:
    """Check that the rows add up to the balance, the HITs hold the held money, and approved work is paid once."""
    sums = requester.entries.aggregate(available=Sum("available"), held=Sum("held"))
    assert (sums["available"] or 0, sums["held"] or 0) == balances(requester)
    assert requester.hits.aggregate(held=Sum("held_cents"))["held"] in (None, balances(requester)[1])
    for hit in requester.hits.all():
        rewards = hit.entries.filter(kind="reward").values_list("assignment", flat=True)
        approved = hit.assignments.filter(status="Approved").values_list("pk", flat=True)
        assert sorted(rewards) == sorted(approved)


class Lab:
    """A requester and their client."""

    def __init__(self, requester: Requester, client) -> None:
        self.requester, self.client = requester, client

    def publish(self, max_assignments: int = 1, **values) -> HIT:
        parameters = TYPE | HIT_VALUES | {"MaxAssignments": max_assignments}
        answer = self.client.create_hit(**(parameters | values))
        return HIT.objects.get(public_id=answer["HIT"]["HITId"])

    def hit(self, hit: HIT) -> dict:
        return self.client.get_hit(HITId=hit.public_id)["HIT"]

    def balance(self) -> tuple[str, str]:
        answer = self.client.get_account_balance()
        return answer["AvailableBalance"], answer["OnHoldBalance"]


class Endpoint:
    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, requester: Requester, **options):
        """Return an unmodified client that tries once, so that a test sees every answer."""
        key_id = create_access_key(requester=requester).key_id
        attempts = options.pop("attempts", 1)
        credentials = {
            "aws_access_key_id": key_id,
            "aws_secret_access_key": secret_of(key_id),
            "region_name": "us-east-1",
        }
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=5, read_timeout=60
        )
        return boto3.client("mturk", endpoint_url=self.url, config=config, **(credentials | options))

    def lab(self, cents: int = 100_000, **options) -> Lab:
        requester = make_requester(cents)
        return Lab(requester, self.client(requester, **options))

    def post(self, path: str, **values) -> dict:
        request = urllib.request.Request(
            self.url + path, json.dumps(values).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def later(self, **delta: float) -> None:
        """Move the marketplace's clock ahead: later(days=3)."""
        self.post("/faults/clock/", seconds=int(timedelta(**delta).total_seconds()))


def marketplace(*words: str, **environment: str) -> subprocess.CompletedProcess:
    variables = os.environ | {"MARKETPLACE_SECRET_KEY": settings.SECRET_KEY} | environment
    return subprocess.run(
        [sys.executable, "-m", "marketplace", *words],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=180,
    )


def url_of(database: dict) -> str:
    host = quote(database["HOST"], safe="")
    return f"postgres://{database['USER']}@{host}/{database['NAME']}"


@contextlib.contextmanager
def running_endpoint(database: dict, sweep_every: float = 0, **environment: str) -> Iterator[str]:
    """Run `python -m marketplace serve` with faults allowed, and yield its address.

    It does not sweep: a sweep would collide with the tests' emptying of the tables.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = {
        "MARKETPLACE_DATABASE_URL": url_of(database),
        "MARKETPLACE_SECRET_KEY": settings.SECRET_KEY,
        "MARKETPLACE_ORIGIN": url,
        "MARKETPLACE_FAULTS": "yes",
        # All tests come from one network.
        "MARKETPLACE_CALLS_PER_KEY": "1000000",
        "MARKETPLACE_CALLS_PER_NETWORK": "1000000",
        "MARKETPLACE_WRONG_SIGNATURES_PER_NETWORK": "1000000",
        "LOG_LEVEL": "WARNING",
    }
    words = [sys.executable, "-m", "marketplace", "serve", "--sweep-every", str(sweep_every)]
    process = subprocess.Popen(words, cwd=ROOT, env=os.environ | variables | environment)
    try:
        wait_for(port, process)
        yield url
    finally:
        process.terminate()
        process.wait(120)


def wait_for(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, "the marketplace stopped"
        time.sleep(0.1)
    raise AssertionError("the marketplace did not start")
