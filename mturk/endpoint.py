"""The requester's side of a marketplace that speaks the MTurk API (2017-01-17), through boto3. Nothing here writes.

What was measured of boto3: it fills no UniqueRequestToken, and sends a call up to five times when its answer is lost.
So what changes something comes from the outbox with a stored token, and is sent once.
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

from catalog.errors import UserError
from mturk.rate_limits.actions import take_tokens

PAGE = 100
REGION = "us-east-1"
BUCKET = "mturk"
CONNECT_SECONDS, READ_SECONDS = 5, 15
# Where somebody waits for a page that does without the answer, and for one that does not, all tries together.
QUICK_SECONDS, PATIENT_SECONDS = 2, 10
# Between these tries. With 20 % throttled, 10 % broken and 10 % lost, and a fifth of a second for each, hardly one page
# in ten thousand gets no answer.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 0.6
SHORTEST_TRY_SECONDS = 1
# What changes something is tried once at a time: the outbox repeats it, and knows that it does. So is what was handed
# in and what became of it, which is asked for again anyway. Nobody else repeats the other questions.
TRIES_OF_READS = 3
READS, ASKED_AGAIN = ("Get", "List"), ("ListAssignmentsForHIT", "GetAssignment")
# As messages end: the time, in sandboxes with a blank and an s.
STAMP = re.compile(r"\s*\(\d{10,}( s)?\)$")
# Of a worker. Messages may quote it, logs and tables of ours must not.
WORKER_ID = re.compile(r"\bA[A-Z0-9]{10,}\b")
NAMED_HIT = re.compile(r"\b(?=[A-Z0-9]*\d)[A-Z0-9]{20,64}\b")
# Who answers otherwise has not looked at what was asked: the keys, the clock or the way there are wrong. That passes.
ABOUT_THE_CALL = {
    "RequestError",
    "ParameterValidationError",
    "ValidationException",
    "SerializationException",
    "UnknownOperationException",
}
ABOUT_US = {"BadCredentialSupplied", "NotAuthorized", "BadClaimsSupplied"}
# A request that took too long, and too many of them.
TRY_LATER = (408, 429)
NOT_YET = ("status of: null", "does not exist")


class EndpointError(UserError):
    """The endpoint did not do what it was asked, in its words."""


class RefusedCall(EndpointError):
    """It said no. `code` is the TurkErrorCode without its prefix, or the type of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message

    @property
    def may_come_to_be(self) -> bool:
        """What was just handed in is known to some of its parts only."""
        return any(words in self.message for words in NOT_YET)


class Throttled(EndpointError):
    """Too many calls; this one was not carried out."""


class Unreachable(EndpointError):
    """No connection came about; the call was not carried out."""


class TurnedAway(Unreachable):
    """Somebody answered who did not look at the call: it is not signed as they want it, or they stand in between."""


class Ambiguous(EndpointError):
    """The answer was lost, or says that something broke: the call may have been carried out or not."""


@dataclass(frozen=True)
class Handed:
    """An assignment as the endpoint lists it."""

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
    """As `call`. Once, and by somebody whose turn it is, no database is asked: threads may do it. `seconds`: so long
    at most to be connected, and again to be answered."""
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
    """As `call`, for a page that can do nothing without the answer: asked again while what fails may pass, with growing
    pauses, for PATIENT_SECONDS at most. Of what changes nothing only."""
    if not op.startswith(READS):
        raise ValueError(f"{op} changes something: it is sent once at a time, from the outbox.")
    end = time.monotonic() + PATIENT_SECONDS
    longest = FIRST_PAUSE_SECONDS
    while True:
        _wait_for_turn_until(end - 2 * SHORTEST_TRY_SECONDS)
        try:
            return ask(op, parameters, seconds=max(SHORTEST_TRY_SECONDS, _seconds_of_a_try(end)))
        except (RefusedCall, TurnedAway):
            raise
        except EndpointError:
            # Not all pages at the same moment.
            pause = random.uniform(longest / 2, longest)
            if _seconds_of_a_try(end - pause) < SHORTEST_TRY_SECONDS:
                raise
        time.sleep(pause)
        longest = min(2 * longest, LONGEST_PAUSE_SECONDS)


def _seconds_of_a_try(end: float) -> int:
    """One begun now may take so long to be connected, and again to be answered."""
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
    """
    >>> scrubbed("Worker A1B2C3D4E5F6G7 is not known")
    'Worker (worker) is not known'
    """
    return WORKER_ID.sub("(worker)", message)


def pages(op: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """All items of a list. A page may bring a token or none, also the last one that holds something."""
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
    """What was handed in of a HIT so far; with all of its assignments there is no further page to ask for."""
    assignments: list[Handed] = []
    for item in pages("ListAssignmentsForHIT", "Assignments", HITId=hit_id):
        assignments.append(_handed(item))
        if len(assignments) >= n_assignments:
            break
    return assignments


def assignment(external_id: str) -> Handed:
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
    """Of every HIT of ours: its id, and how many of its assignments were handed in, whatever became of them."""
    for hit in pages("ListHITs", "HITs"):
        n_open = hit["NumberOfAssignmentsAvailable"] + hit["NumberOfAssignmentsPending"]
        yield hit["HITId"], max(0, hit["MaxAssignments"] - n_open)


def hit_annotated(annotation: str) -> dict[str, Any] | None:
    """The HIT that was created under this RequesterAnnotation."""
    return next((hit for hit in pages("ListHITs", "HITs") if hit.get("RequesterAnnotation") == annotation), None)


def has_bonus(assignment_id: str, amount: str, reason: str) -> bool:
    bonuses = pages("ListBonusPayments", "BonusPayments", AssignmentId=assignment_id)
    return any(Decimal(bonus["BonusAmount"]) == Decimal(amount) and bonus.get("Reason") == reason for bonus in bonuses)


def find_qualification_type(name: str) -> str | None:
    """The id of our qualification type of exactly this name."""
    query = {"Query": name, "MustBeRequestable": False, "MustBeOwnedByCaller": True}
    qualification_types = pages("ListQualificationTypes", "QualificationTypes", **query)
    return next((kind["QualificationTypeId"] for kind in qualification_types if kind["Name"] == name), None)


def balance() -> Decimal:
    """What is available, in dollars."""
    return Decimal(read_patiently("GetAccountBalance")["AvailableBalance"])


def balance_soon() -> Decimal:
    """For a page that does without: one try of a few seconds, or not at all."""
    _wait_for_turn_until(time.monotonic() + QUICK_SECONDS)
    return Decimal(ask("GetAccountBalance", {}, seconds=QUICK_SECONDS)["AvailableBalance"])


def named_hit(message: str) -> str | None:
    """The id of a HIT in the words of HitAlreadyExists."""
    match = NAMED_HIT.search(message)
    return match and match[0]


@lru_cache
def client(tries: int, seconds: int | None = None) -> Any:
    """One per process. The address comes from the settings alone: whoever chose it could send us anywhere.

    `seconds`: as in `ask`. Who counts them cannot do with a client that waits by itself, as one that adapts does.
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
        # Before every try, also those that botocore adds by itself.
        mturk_client.meta.events.register("before-send.mturk", _wait)
    return mturk_client


def _wait(**event: Any) -> None:
    wait_for_turn()


def _wait_for_turn_until(end: float) -> None:
    """Raises Throttled, without waiting, if our turn comes later than that."""
    seconds = take_tokens(name=BUCKET, per_second=settings.MTURK["calls_per_second"])
    if time.monotonic() + seconds > end:
        raise Throttled("Many other calls wait for their turn.")
    time.sleep(seconds)


def wait_for_turn(n_calls: int = 1) -> None:
    """Wait until so many calls may be made."""
    time.sleep(take_tokens(name=BUCKET, per_second=settings.MTURK["calls_per_second"], n_calls=n_calls))
