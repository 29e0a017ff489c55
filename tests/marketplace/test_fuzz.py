"""Requests that nobody thought of, built from the API's description: an answer or a refusal, never a fault."""

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.marketplace.contract import OPERATIONS, SHAPES, deviations
from tests.marketplace.worlds import OMITTED, World, good_requests

N_REQUESTS = 20_000 if os.environ.get("SOAK") else 400
ODD = ["\x00", "\ud800", "'", "%s", "{}", "<a>", "0", "9" * 5000, "A1", "3X", " ", ""]
TEXTS = st.text(max_size=40) | st.sampled_from(ODD)
NUMBERS = st.integers(-(2**33), 2**33) | st.integers(-(2**70), 2**70) | st.integers(-2, 40)
TIMES = st.integers(-(2**40), 2**50) | st.floats() | st.datetimes().map(str) | st.just("2030-01-01T00:00:00Z")
NESTED = st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, TEXTS, max_size=2)
ANYTHING = st.none() | st.booleans() | TEXTS | NUMBERS | NESTED


def values_of(name: str, depth: int = 0) -> st.SearchStrategy:
    """Return values of a shape's type, whatever its constraints; now and then of any type."""
    shape = SHAPES[name]
    if shape["type"] == "structure":
        # Parameters of policies may contain parameters: two levels are deep enough.
        members = {} if depth > 4 else shape["members"]
        optional = {m: values_of(r["shape"], depth + 1) for m, r in members.items()}
        good: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=optional)
    elif shape["type"] == "list":
        good = st.lists(values_of(shape["member"]["shape"], depth + 1), max_size=3)
    elif shape["type"] == "string":
        good = TEXTS | st.sampled_from(shape.get("enum", ["A"]))
    else:
        good = {"integer": NUMBERS, "long": NUMBERS, "boolean": st.booleans(), "timestamp": TIMES}[shape["type"]]
    return st.one_of(good, good, good, ANYTHING) if depth else good


def test_no_request_makes_the_endpoint_fail(world: World):
    good = good_requests(world)
    counts: Counter[str] = Counter()

    @settings(max_examples=N_REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def ask(data):
        operation = data.draw(st.sampled_from(sorted(OPERATIONS)))
        strange = data.draw(values_of(OPERATIONS[operation]["input"]["shape"]))
        # Half of them are valid except for one member, so that they pass the first checks.
        if data.draw(st.booleans()) and strange:
            member = data.draw(st.sampled_from(sorted(strange)))
            strange = good[operation] | {member: strange[member]}
        status, _, answer = world.ask(operation, strange)
        counts[operation] += 1
        assert status in (200, 400), answer
        if status == 200:
            omitted = {f"answer: {name} is missing" for name in OMITTED.get(operation, ())}
            assert set(deviations(OPERATIONS[operation]["output"]["shape"], answer)) == omitted
        else:
            assert answer["__type"] in (
                "RequestError",
                "ParameterValidationError",
                "ValidationException",
                "SerializationException",
            )

    ask()
    # A few random requests may miss an operation.
    assert counts.total() >= N_REQUESTS
    assert N_REQUESTS < 20_000 or counts.keys() == OPERATIONS.keys()
    assert world.ask("GetAccountBalance", {})[0] == 200
