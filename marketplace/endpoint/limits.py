"""Limits that the API's documentation states and its model does not."""

import re
from collections.abc import Mapping
from typing import Any

from marketplace.errors import BadParameter

YEAR = 31_536_000
# Lowest and highest number, or length in characters.
NUMBERS = {
    "LifetimeInSeconds": (30, YEAR),
    "AssignmentDurationInSeconds": (30, YEAR),
    "AutoApprovalDelayInSeconds": (0, 2_592_000),
    "MaxAssignments": (1, 1_000_000_000),
    "NumberOfAdditionalAssignments": (1, 1_000_000_000),
    "TestDurationInSeconds": (1, YEAR),
    "RetryDelayInSeconds": (0, YEAR),
}
LENGTHS = {
    "Title": (1, 128),
    "Description": (1, 2000),
    "Keywords": (0, 1000),
    "RequesterAnnotation": (0, 255),
    "RequesterFeedback": (0, 1024),
    "Reason": (1, 2000),
    "Subject": (1, 200),
    "MessageText": (1, 4096),
    "Name": (1, 200),
}
BYTES = {"Question": 65_535, "Test": 65_535, "AnswerKey": 65_535}
ITEMS = {"QualificationRequirements": 10, "IntegerValues": 15, "LocaleValues": 30, "WorkerIds": 100}
# The highest reward and bonus; keeps every sum within 64 bits.
MOST_CENTS = 1_000_000
# Neither XML nor the database can store these; the documentation forbids them in feedback, too.
IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def check_limits(request: Mapping) -> None:
    """Raise BadParameter at the first value of a request, however deep, that is outside its limits."""
    for name, value in request.items():
        check_member(name, value)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping):
                check_limits(part)


def check_member(name: str, value: Any) -> None:
    if name in NUMBERS:
        check_range(name, value, NUMBERS[name])
    if name in LENGTHS:
        check_range(f"The length of {name}", len(value), LENGTHS[name])
    if name in ITEMS:
        check_range(f"The number of {name}", len(value), (0, ITEMS[name]))
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    if any(IMPOSSIBLE.search(text) for text in texts):
        raise BadParameter(f"{name} contains characters that cannot be written in XML.")
    if name in BYTES:
        check_range(f"The size of {name} in bytes", len(value.encode()), (1, BYTES[name]))


def check_range(name: str, number: int, limits: tuple[int, int]) -> None:
    lowest, highest = limits
    if not lowest <= number <= highest:
        raise BadParameter(f"{name} is {number}; it must be between {lowest} and {highest}.")
