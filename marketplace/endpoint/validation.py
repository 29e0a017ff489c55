"""Requests against the service's own model: types as the AWS front checks them, constraints with its words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marketplace.endpoint.service_model import OPERATIONS, SHAPES
from marketplace.errors import ProtocolError

TYPES: dict[str, Any] = {"string": str, "integer": int, "long": int, "boolean": bool, "list": list, "structure": dict}
TYPE_NAMES = {"string": "String", "integer": "Integer", "long": "Long", "boolean": "Boolean", "list": "List"}
JSON_TYPES = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    list: "Start of list",
    dict: "Start of structure",
}
RANGES = {"integer": 2**31, "long": 2**63}


def read_request(operation: str, payload: object) -> dict:
    """Return the members of a request, timestamps as datetimes; members unknown to the model are dropped.

    Raises ProtocolError: SerializationException for a wrong type, ValidationException for a broken constraint.
    """
    complaints: list[str] = []
    request = converted(OPERATIONS[operation]["input"]["shape"], payload, "", complaints)
    if complaints:
        noun = "error" if len(complaints) == 1 else "errors"
        listed = "; ".join(complaints)
        raise ProtocolError("ValidationException", f"{len(complaints)} validation {noun} detected: {listed}")
    return request


def converted(name: str, value: Any, path: str, complaints: list[str]) -> Any:
    shape = SHAPES[name]
    if shape["type"] == "timestamp":
        return time_of(value)
    type_ = TYPES[shape["type"]]
    if not isinstance(value, type_) or (type_ is int and isinstance(value, bool)):
        noun = TYPE_NAMES.get(shape["type"], name)
        raise ProtocolError("SerializationException", f"{type_name(value)} can not be converted to a {noun}")
    if shape["type"] in RANGES and not -RANGES[shape["type"]] <= value < RANGES[shape["type"]]:
        raise ProtocolError("SerializationException", f"NUMBER_VALUE is out of the range of {shape['type']}")
    if shape["type"] == "structure":
        return converted_structure(shape, value, path, complaints)
    if shape["type"] == "list":
        member = shape["member"]["shape"]
        return [converted(member, each, f"{path}.{i}.member", complaints) for i, each in enumerate(value, 1)]
    complaints += (complaint_of(value, path, words) for words in broken_constraints(shape, value))
    return value


def converted_structure(shape: Mapping, value: Mapping, path: str, complaints: list[str]) -> dict:
    result = {}
    for name, member in shape["members"].items():
        place = f"{path}.{lower_camel(name)}".lstrip(".")
        if value.get(name) is not None:
            result[name] = converted(member["shape"], value[name], place, complaints)
        elif name in shape.get("required", ()):
            complaints.append(complaint_of(None, place, "Member must not be null"))
    return result


def broken_constraints(shape: Mapping, value: Any) -> list[str]:
    size, noun = (len(value), "length") if isinstance(value, str) else (value, "value")
    broken = []
    if "min" in shape and size < shape["min"]:
        broken.append(f"Member must have {noun} greater than or equal to {shape['min']}")
    if "max" in shape and size > shape["max"]:
        broken.append(f"Member must have {noun} less than or equal to {shape['max']}")
    # fullmatch: `$` alone would let a line feed pass at the end.
    if "pattern" in shape and not re.fullmatch(shape["pattern"], value):
        broken.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape and value not in shape["enum"]:
        broken.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    return broken


def complaint_of(value: object, path: str, constraint: str) -> str:
    text = "null" if value is None else f"'{value}'"
    return f"Value {text} at '{path}' failed to satisfy constraint: {constraint}"


def time_of(value: object) -> datetime:
    """Return the time of epoch seconds, or of ISO 8601 with a zone."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ProtocolError("SerializationException", f"{value!r:.60} can not be converted to a Timestamp")


def type_name(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return JSON_TYPES.get(type(value), "NULL_VALUE")


def lower_camel(name: str) -> str:
    """Return a name as a Java bean property: hITId for HITId, but maxResults for MaxResults."""
    return name[0].lower() + name[1:]
