"""The service's own description, as a measure of answers and a source of requests."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader

MODEL = Loader().load_service_model("mturk", "service-2")
OPERATIONS, SHAPES = MODEL["operations"], MODEL["shapes"]
TYPES = {"string": str, "boolean": bool, "list": list, "structure": dict, "integer": int, "long": int}
# 2001 to 2100: milliseconds would be far above, and clients choke on them.
EARLIEST, LATEST = 1_000_000_000, 4_102_444_800
# Members that every answer has. The model marks none as required, but clients index these.
ALWAYS = {
    "HIT": {
        "HITId",
        "HITTypeId",
        "HITGroupId",
        "CreationTime",
        "Title",
        "Description",
        "Question",
        "Keywords",
        "HITStatus",
        "MaxAssignments",
        "Reward",
        "AutoApprovalDelayInSeconds",
        "Expiration",
        "AssignmentDurationInSeconds",
        "QualificationRequirements",
        "HITReviewStatus",
        "NumberOfAssignmentsPending",
        "NumberOfAssignmentsAvailable",
        "NumberOfAssignmentsCompleted",
    },
    "Assignment": {
        "AssignmentId",
        "WorkerId",
        "HITId",
        "AssignmentStatus",
        "AutoApprovalTime",
        "AcceptTime",
        "SubmitTime",
        "Deadline",
        "Answer",
    },
    "QualificationType": {
        "QualificationTypeId",
        "CreationTime",
        "Name",
        "Description",
        "QualificationTypeStatus",
        "IsRequestable",
        "AutoGranted",
    },
    "Qualification": {"QualificationTypeId", "WorkerId", "GrantTime", "IntegerValue", "Status"},
    "QualificationRequest": {"QualificationRequestId", "QualificationTypeId", "WorkerId", "SubmitTime"},
    "BonusPayment": {"WorkerId", "BonusAmount", "AssignmentId", "Reason", "GrantTime"},
    "WorkerBlock": {"WorkerId", "Reason"},
    "NotifyWorkersFailureStatus": {"NotifyWorkersFailureCode", "NotifyWorkersFailureMessage", "WorkerId"},
}
ONLY_SOMETIMES = {"NextToken"}


def deviations(name: str, value: Any, path: str = "answer") -> Iterator[str]:
    """Yield the differences of a value from the shape of that name."""
    shape = SHAPES[name]
    if shape["type"] == "timestamp":
        if isinstance(value, bool) or not isinstance(value, int | float) or not EARLIEST < value < LATEST:
            yield f"{path}: {value!r} is no time in epoch seconds"
        return
    kind: Any = TYPES[shape["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and shape["type"] != "boolean"):
        yield f"{path}: {value!r} is no {shape['type']}"
    elif shape["type"] == "structure":
        yield from deviations_of_structure(name, value, path)
    elif shape["type"] == "list":
        for number, member in enumerate(value):
            yield from deviations(shape["member"]["shape"], member, f"{path}[{number}]")
    else:
        yield from broken(shape, value, path)


def deviations_of_structure(name: str, value: Mapping, path: str) -> Iterator[str]:
    members = SHAPES[name]["members"]
    for unknown in value.keys() - members.keys():
        yield f"{path}: unknown member {unknown}"
    top = name.endswith("Response")
    expected = ALWAYS.get(name, set()) | set(SHAPES[name].get("required", ())) | (set(members) if top else set())
    for absent in expected - value.keys() - ONLY_SOMETIMES:
        yield f"{path}: {absent} is missing"
    for member in value.keys() & members.keys():
        yield from deviations(members[member]["shape"], value[member], f"{path}.{member}")


def broken(shape: Mapping, value, path: str) -> Iterator[str]:
    size = len(value) if isinstance(value, str) else value
    if "min" in shape and size < shape["min"] or "max" in shape and size > shape["max"]:
        yield f"{path}: {value!r} is too small or too large"
    if "pattern" in shape and not re.search(shape["pattern"], value):
        yield f"{path}: {value!r} does not match {shape['pattern']}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"{path}: {value!r} is none of {shape['enum']}"


def constrained_members(name: str, path: tuple = ()) -> Iterator[tuple[tuple, dict]]:
    """Yield (path, shape) of every member of a request that the model restricts; list elements are 0 in the path."""
    for member, reference in SHAPES[name]["members"].items():
        target = reference["shape"]
        member_path = (*path, member)
        while SHAPES[target]["type"] == "list":
            target = SHAPES[target]["member"]["shape"]
            member_path = (*member_path, 0)
        if SHAPES[target]["type"] == "structure":
            yield from constrained_members(target, member_path) if target not in path else ()
        elif {"min", "max", "pattern", "enum"} & SHAPES[target].keys():
            yield member_path, SHAPES[target]


def bad_values(shape: Mapping) -> Iterator[object]:
    """Yield values of the right type that break the shape's constraints."""
    if "enum" in shape:
        yield "Neither"
    if "pattern" in shape:
        yield "!"
    if shape["type"] == "integer":
        yield shape["min"] - 1
        yield shape["max"] + 1
    elif "max" in shape:
        yield "A" * (shape["max"] + 1)
        yield ""


def raw(url: str, key_id: str, secret: str, operation: str, body: bytes, **headers: str) -> tuple[int, dict, dict]:
    """Send a signed request with any body; return status, headers and answer."""
    target = f"{MODEL['metadata']['targetPrefix']}.{operation}"
    all_headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url + "/", headers=all_headers | headers, data=body)
    SigV4Auth(Credentials(key_id, secret), "mturk-requester", "us-east-1").add_auth(request)
    signed_request = urllib.request.Request(url + "/", body, dict(request.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(signed_request, timeout=120) as answer:
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)
