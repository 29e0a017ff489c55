"""All 39 operations against the description that botocore ships: what they answer, member by member, and refuse."""

import copy
from collections.abc import Callable

import pytest

from marketplace.endpoint.operations import OPERATIONS as OFFERED
from tests.marketplace.contract import OPERATIONS, SHAPES, bad_values, constrained_members, deviations
from tests.marketplace.parties import TYPE
from tests.marketplace.worlds import OMITTED, World, good_requests

# Operations of the API that this marketplace does not offer.
NOT_OFFERED = {"GetFileUploadURL", "SendTestEventNotification", "UpdateNotificationSettings"}
# No HIT has review policies: that one list is always empty.
LISTS = {name for name in OPERATIONS if name.startswith("List")} - {"ListReviewPolicyResultsForHIT"}
READING = {name for name in OPERATIONS if name.startswith(("Get", "List"))}

# Operations that have a required member.
NEEDING = {name for name, of_api in OPERATIONS.items() if SHAPES[of_api["input"]["shape"]].get("required")}


def test_every_operation_of_the_api_exists():
    assert set(OFFERED) == set(OPERATIONS)
    assert len(OFFERED) == 39


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - READING))
def test_the_answer_is_as_described_member_by_member(world, operation):
    check_answer(world, operation)


def check_answer(world: World, operation: str) -> None:
    status, headers, answer = world.ask(operation, good_requests(world)[operation])
    assert headers["Content-Type"] == "application/x-amz-json-1.1", operation
    assert len(headers["x-amzn-RequestId"]) == 36, operation
    if operation in NOT_OFFERED:
        assert (status, answer["__type"]) == (400, "RequestError"), operation
        assert not list(deviations("RequestError", {name: answer[name] for name in ("Message", "TurkErrorCode")}))
        return
    assert status == 200, (operation, answer)
    omitted = [f"answer: {name} is missing" for name in OMITTED.get(operation, ())]
    differences = deviations(OPERATIONS[operation]["output"]["shape"], answer)
    assert sorted(differences) == sorted(omitted), operation


# What only reads, and what is refused, changes nothing: those tests ask for all operations in the same world.


def test_the_answer_of_what_only_reads_is_as_described_member_by_member(world):
    for operation in sorted(READING):
        check_answer(world, operation)


def test_lists_show_something_and_then_end(world):
    """Every page with rows has a next token, and the empty page has none."""
    for operation in sorted(LISTS):
        request = good_requests(world)[operation]
        _, _, answer = world.ask(operation, request)
        assert answer["NumResults"] > 0, operation
        tokens = {answer["NextToken"]}
        while answer["NumResults"]:
            _, _, answer = world.ask(operation, request | {"NextToken": answer["NextToken"]})
            assert answer.get("NextToken") not in tokens, operation
        assert "NextToken" not in answer, operation


def test_every_required_member_is_missed(world):
    for operation in sorted(NEEDING):
        required = SHAPES[OPERATIONS[operation]["input"]["shape"]]["required"]
        check_missed(operation, required, *world.ask(operation, {}))


def test_an_operation_without_required_members_misses_none(world):
    for operation in sorted(OPERATIONS.keys() - NEEDING):
        assert world.ask(operation, {})[2].get("__type") != "ValidationException", operation


def check_missed(operation: str, required: list[str], status: int, _: dict, answer: dict) -> None:
    assert (status, answer["__type"]) == (400, "ValidationException"), operation
    noun = "error" if len(required) == 1 else "errors"
    assert answer["message"].startswith(f"{len(required)} validation {noun} detected: "), operation
    for member in required:
        place = member[0].lower() + member[1:]
        assert f"Value null at '{place}' failed to satisfy constraint: Member must not be null" in answer["message"]


def with_value(values: dict, path: tuple, value: object) -> dict:
    """Return a copy of a request with one member, however deep, set to that value."""
    copied = copy.deepcopy(values)
    place = copied
    for part, next_part in zip(path, path[1:], strict=False):
        place = place[0] if isinstance(place, list) else place.setdefault(part, [{}] if next_part == 0 else {})
    if isinstance(place, list):
        place[:] = [value]
    else:
        place[path[-1]] = value
    return copied


def test_values_that_break_a_constraint_are_refused(world):
    for operation, good in good_requests(world).items():
        for path, shape in constrained_members(OPERATIONS[operation]["input"]["shape"]):
            for value in bad_values(shape):
                status, _, answer = world.ask(operation, with_value(good, path, value))
                assert (status, answer["__type"]) == (400, "ValidationException"), (operation, path, value, answer)
                assert "failed to satisfy constraint" in answer["message"], operation


def test_values_of_another_type_are_refused(world):
    wrong_values = {"string": 5, "integer": "5", "long": True, "boolean": "yes", "list": "one", "structure": []}
    wrong_values["timestamp"] = "soon"
    for operation, good in good_requests(world).items():
        for member, reference in SHAPES[OPERATIONS[operation]["input"]["shape"]]["members"].items():
            value = wrong_values[SHAPES[reference["shape"]]["type"]]
            status, _, answer = world.ask(operation, good | {member: value})
            assert (status, answer["__type"]) == (400, "SerializationException"), (operation, member, answer)


def test_there_is_a_good_request_for_every_operation(world):
    assert set(good_requests(world)) == set(OPERATIONS)


def test_bodies_that_are_no_request_are_refused(world):
    for body in (b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"null"):
        status, _, answer = world.ask("GetHIT", body)
        assert status == 400, body[:9]
        assert answer["__type"] in ("SerializationException", "ValidationException"), body[:9]


def test_an_unknown_operation_is_refused(world):
    for operation in ("GetHITs", "", "gethit"):
        status, _, answer = world.ask(operation, {})
        assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_request_that_is_far_too_large_is_refused(world):
    status, _, answer = world.ask("CreateHITType", TYPE | {"Keywords": "a" * 600_000})
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


def test_members_that_the_api_does_not_know_are_passed_over(world):
    status, _, answer = world.ask("GetHIT", {"HITId": world.hit.public_id, "Colour": "blue", "MaxResults": "x"})
    assert (status, answer["HIT"]["HITId"]) == (200, world.hit.public_id)


def test_the_measure_finds_what_is_wrong():
    """Check the check itself: it reports each of these deviations."""
    wrong_values: list[tuple[str, object]] = [
        ("GetHITResponse", {}),
        ("GetHITResponse", {"HIT": {"HITId": "1"}}),
        ("GetAccountBalanceResponse", {"AvailableBalance": 1, "OnHoldBalance": "0.00"}),
        ("GetAccountBalanceResponse", {"AvailableBalance": "1.234", "OnHoldBalance": "0.00"}),
        ("ListWorkerBlocksResponse", {"NumResults": 0, "WorkerBlocks": [], "More": 1}),
        ("Timestamp", 1_700_000_000_000),
        ("HITStatus", "Open"),
    ]
    check: Callable = deviations
    assert all(list(check(*case)) for case in wrong_values)
