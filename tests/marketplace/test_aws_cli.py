"""The AWS command line client, unchanged, out of the environment that ./test makes for it."""

import json
import os
import subprocess

import pytest

from marketplace.actions import create_access_key
from marketplace.endpoint.signatures import secret_of
from tests.marketplace.parties import HIT_VALUES, ROOT, TYPE, make_worker, submit_hit

AWS = ROOT / "var" / "awscli" / "bin" / "aws"


@pytest.fixture
def aws(endpoint, lab, tmp_path):
    key_id = create_access_key(requester=lab.requester).key_id
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret_of(key_id),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(*words: str) -> subprocess.CompletedProcess:
        command = [AWS, "mturk", *words, "--endpoint-url", endpoint.url, "--output", "json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

    return run


def test_the_command_line_client_publishes_lists_and_pays(aws, lab):
    values = TYPE | HIT_VALUES | {"MaxAssignments": 3}
    creation = aws("create-hit", "--cli-input-json", json.dumps(values))
    assert creation.returncode == 0, creation.stderr
    hit_id = json.loads(creation.stdout)["HIT"]["HITId"]
    hit = lab.requester.hits.get(public_id=hit_id)
    assignments = [submit_hit(hit, make_worker()) for _ in range(3)]
    # The client pages automatically: three pages of one row.
    listed = aws("list-assignments-for-hit", "--hit-id", hit_id, "--page-size", "1")
    assert [row["AssignmentId"] for row in json.loads(listed.stdout)["Assignments"]] == [
        row.public_id for row in assignments
    ]
    for assignment in assignments:
        assert aws("approve-assignment", "--assignment-id", assignment.public_id).returncode == 0
    balance = json.loads(aws("get-account-balance").stdout)
    assert (balance["AvailableBalance"], balance["OnHoldBalance"]) == ("999.64", "0.00")
    again = aws("approve-assignment", "--assignment-id", assignments[0].public_id)
    assert again.returncode != 0
    assert "(RequestError)" in again.stderr and "status of: Submitted" in again.stderr
