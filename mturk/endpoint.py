"""The requester's side of a marketplace that speaks the MTurk API (2017-01-17), through boto3. Nothing here writes.

Measured: boto3 sets no UniqueRequestToken, and sends a call up to five times if its answer is lost. So calls that
change something come from the outbox with a stored token, and are sent once.
"""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)
from django.conf import settings
from django.utils.translation import gettext

from catalog.errors import UserError
from mturk.rate_limits.actions import take_tokens

PAGE = 100
REGION = "us-east-1"
BUCKET = "mturk"
CONNECT_SECONDS, READ_SECONDS = 5, 15
# All tries together, while somebody waits for a page: one that can do without the answer, and one that cannot.
QUICK_SECONDS, PATIENT_SECONDS = 2, 10
# Between these tries. With 20 % throttled, 10 % broken and 10 % lost, and a fifth of a second each, about one page in
# ten thousand gets no answer.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 0.6
SHORTEST_TRY_SECONDS = 1
# Calls that change something are tried once at a time: the outbox retries them. So are the queries for submissions and
# their states, which polling repeats anyway. Nothing else repeats the other queries.
TRIES_OF_READS = 3
READS, ASKED_AGAIN = ("Get", "List"), ("ListAssignmentsForHIT", "GetAssignment")
# The time at the end of messages; sandboxes write a blank and an s.
STAMP = re.compile(r"\s*\(\d{10,}( s)?\)$")
# The id of a worker. Messages may quote it; our logs and tables must not.
WORKER_ID = re.compile(r"\bA[A-Z0-9]{10,}\b")
NAMED_HIT = re.compile(r"\b(?=[A-Z0-9]*\d)[A-Z0-9]{20,64}\b")
# Any other error says nothing about the call: the keys, the clock or the network are wrong. That passes.
ABOUT_THE_CALL = {
    "RequestError",
    "ParameterValidationError",
    "ValidationException",
    "SerializationException",
    "UnknownOperationException",
}
ABOUT_US = {"BadCredentialSupplied", "NotAuthorized", "BadClaimsSupplied"}
# A request that took too long; too many requests.
TRY_LATER = (408, 429)
NOT_YET = ("status of: null", "does not exist")


class EndpointError(UserError):
    """An error of the endpoint, in its own words."""


class RefusedCall(EndpointError):
    """A refusal by the endpoint. `code` is the TurkErrorCode without its prefix, or the type of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message

    @property
    def may_come_to_be(self) -> bool:
        """Return whether the call may succeed later: only parts of the endpoint know a fresh submission."""
        return any(words in self.message for words in NOT_YET)


class Throttled(EndpointError):
    """A refusal because of too many calls; the call was not carried out."""


class Unreachable(EndpointError):
    """A failed connection; the call was not carried out."""


class TurnedAway(Unreachable):
    """An answer from a server that did not look at the call: the signature is wrong, or a proxy is in between."""


class Ambiguous(EndpointError):
    """A lost answer or a server error: the call may have been carried out or not."""


@dataclass(frozen=True)
class Handed:
    """A submitted assignment as the endpoint lists it."""

    external_id: str
    hit_id: str
    worker_id: str
    status: str
    accepted_at: datetime
    submitted_at: datetime
    answer: str


def call(op: str, **parameters: Any) -> dict[str, Any]:
    """Carry out an operation. No message of an error names a worker.

    Raises RefusedCall, Throttled, Unreachable (or TurnedAway) or Ambiguous.
    """
    tries = TRIES_OF_READS if op.startswith(READS) and op not in ASKED_AGAIN else 1
    if tries == 1:
        wait_for_turn()
    return ask(op, parameters, tries)


def ask(op: str, parameters: dict[str, Any], tries: int = 1, *, seconds: int | None = None) -> dict[str, Any]:
    """Carry out an operation as `call` does, without waiting for a turn.

    A single try uses no database, so threads may do it. `seconds`: the longest time to connect, and again to answer.
    """
    try:
        response: dict[str, Any] = getattr(client(tries, seconds), xform_name(op))(**parameters)
        return response
    except ClientError as error:
        raise _of_client_error(error) from None
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise Unreachable(scrubbed(str(error))) from None
    except ParamValidationError as error:
        raise RefusedCall("InvalidParameters", scrubbed(str(error))) from None
    except BotoCoreError as error:
        raise Ambiguous(scrubbed(str(error))) from None


def read_patiently(op: str, **parameters: Any) -> dict[str, Any]:
    """Carry out a query as `call` does, for a page that needs the answer.

    Passing errors are retried with growing pauses, for PATIENT_SECONDS at most. Raises ValueError for operations that
    change something.
    """
    if not op.startswith(READS):
        raise ValueError(f"{op} changes something: only the outbox sends it, once at a time.")
    end = time.monotonic() + PATIENT_SECONDS
    longest = FIRST_PAUSE_SECONDS
    while True:
        _wait_for_turn_until(end - 2 * SHORTEST_TRY_SECONDS)
        try:
            return ask(op, parameters, seconds=max(SHORTEST_TRY_SECONDS, _seconds_of_a_try(end)))
        except (RefusedCall, TurnedAway):
            raise
        except EndpointError:
            # Random, so that pages do not retry at the same moment.
            pause = random.uniform(longest / 2, longest)
            if _seconds_of_a_try(end - pause) < SHORTEST_TRY_SECONDS:
                raise
        time.sleep(pause)
        longest = min(2 * longest, LONGEST_PAUSE_SECONDS)


def _seconds_of_a_try(end: float) -> int:
    """Return how long a try that begins now may take to connect, and again to answer."""
    return int((end - time.monotonic()) / 2)


def _of_client_error(error: ClientError) -> EndpointError:
    kind = error.response["Error"]["Code"]
    message = scrubbed(STAMP.sub("", error.response["Error"].get("Message", "")))
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = str(error.response.get("TurkErrorCode", "")).removeprefix("AWS.").removeprefix("MechanicalTurk.")
    if "Throttl" in kind or "TooManyRequests" in kind or "Rate exceeded" in message or status in TRY_LATER:
        return Throttled(message)
    if status >= 500 or kind == "ServiceFault":
        return Ambiguous(f"{kind}: {message}")
    if kind not in ABOUT_THE_CALL or code in ABOUT_US:
        return TurnedAway(f"{code or kind}: {message}")
    return RefusedCall(code or kind, message)


def scrubbed(message: str) -> str:
    """Return the message without ids of workers.

    >>> scrubbed("Worker A1B2C3D4E5F6G7 is not known")
    'Worker (worker) is not known'
    """
    return WORKER_ID.sub("(worker)", message)


def pages(op: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Yield all items of a list. Any page, even the last one with items, may bring a token or none."""
    token: dict[str, str] = {}
    tokens: set[str] = set()
    while True:
        page = call(op, MaxResults=PAGE, **parameters, **token)
        yield from page.get(key, [])
        following = page.get("NextToken")
        if not following or not page.get(key) or following in tokens:
            return
        tokens.add(following)
        token = {"NextToken": following}


def handed_in(hit_id: str, n_assignments: int) -> list[Handed]:
    """Return the submitted assignments of a HIT; once there are `n_assignments`, no further page is fetched."""
    assignments: list[Handed] = []
    for item in pages("ListAssignmentsForHIT", "Assignments", HITId=hit_id):
        assignments.append(_handed(item))
        if len(assignments) >= n_assignments:
            break
    return assignments


def assignment(external_id: str) -> Handed:
    """Return the current state of an assignment."""
    return _handed(call("GetAssignment", AssignmentId=external_id)["Assignment"])


def _handed(item: dict[str, Any]) -> Handed:
    return Handed(
        external_id=item["AssignmentId"],
        hit_id=item["HITId"],
        worker_id=item["WorkerId"],
        status=item["AssignmentStatus"].lower(),
        accepted_at=item["AcceptTime"],
        submitted_at=item["SubmitTime"],
        answer=item.get("Answer", ""),
    )


def counters() -> Iterator[tuple[str, int]]:
    """Yield the id of each of our HITs with the number of its submitted assignments, in any state."""
    for hit in pages("ListHITs", "HITs"):
        n_open = hit["NumberOfAssignmentsAvailable"] + hit["NumberOfAssignmentsPending"]
        yield hit["HITId"], max(0, hit["MaxAssignments"] - n_open)


def hit_annotated(annotation: str) -> dict[str, Any] | None:
    """Return the HIT that was created under this RequesterAnnotation."""
    return next((hit for hit in pages("ListHITs", "HITs") if hit.get("RequesterAnnotation") == annotation), None)


def has_bonus(assignment_id: str, amount: str, reason: str) -> bool:
    bonuses = pages("ListBonusPayments", "BonusPayments", AssignmentId=assignment_id)
    return any(Decimal(bonus["BonusAmount"]) == Decimal(amount) and bonus.get("Reason") == reason for bonus in bonuses)


def find_qualification_type(name: str) -> str | None:
    """Return the id of our qualification type with exactly this name."""
    query = {"Query": name, "MustBeRequestable": False, "MustBeOwnedByCaller": True}
    qualification_types = pages("ListQualificationTypes", "QualificationTypes", **query)
    return next((kind["QualificationTypeId"] for kind in qualification_types if kind["Name"] == name), None)


def balance() -> Decimal:
    """Return the available balance in dollars."""
    return Decimal(read_patiently("GetAccountBalance")["AvailableBalance"])


def balance_soon() -> Decimal:
    """Return the balance for a page that can do without it: one try of a few seconds, or none."""
    _wait_for_turn_until(time.monotonic() + QUICK_SECONDS)
    return Decimal(ask("GetAccountBalance", {}, seconds=QUICK_SECONDS)["AvailableBalance"])


def named_hit(message: str) -> str | None:
    """Return the id of the HIT in a message of HitAlreadyExists."""
    match = NAMED_HIT.search(message)
    return match and match[0]


@lru_cache
def client(tries: int, seconds: int | None = None) -> Any:
    """Return the client of this process for so many tries. The address comes from the settings alone, for security.

    `seconds`: as in `ask`. With a time limit, the client must not wait by itself, as one in adaptive mode does.
    """
    mturk_client = boto3.session.Session().client(
        "mturk",
        endpoint_url=settings.MTURK["endpoint_url"],
        region_name=REGION,
        aws_access_key_id=settings.MTURK["access_key_id"],
        aws_secret_access_key=settings.MTURK["secret_access_key"],
        config=Config(
            retries={"mode": "standard" if seconds else settings.MTURK["retry_mode"], "total_max_attempts": tries},
            connect_timeout=seconds or CONNECT_SECONDS,
            read_timeout=seconds or READ_SECONDS,
        ),
    )
    if tries > 1:
        # Before every try, including the retries of botocore.
        mturk_client.meta.events.register("before-send.mturk", _wait)
    return mturk_client


def _wait(**event: Any) -> None:
    wait_for_turn()


def _wait_for_turn_until(end: float) -> None:
    """Wait for our turn. Raises Throttled, without waiting, if it comes after `end`."""
    seconds = take_tokens(name=BUCKET, per_second=settings.MTURK["calls_per_second"])
    if time.monotonic() + seconds > end:
        raise Throttled(gettext("Too many calls to the marketplace are pending."))
    time.sleep(seconds)


def wait_for_turn(n_calls: int = 1) -> None:
    """Wait until this many calls may be sent."""
    time.sleep(take_tokens(name=BUCKET, per_second=settings.MTURK["calls_per_second"], n_calls=n_calls))
