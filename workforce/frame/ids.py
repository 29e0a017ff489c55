"""Parameters that a marketplace adds to the URL of a HIT's page in its frame. Anybody can write such a URL."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext

from catalog.errors import UserError

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
# EntityId and CustomerId of the API 2017-01-17.
ENTITY = re.compile(r"[A-Z0-9]{1,64}")
WORKER = re.compile(r"A[A-Z0-9]{1,63}")
SUBMIT_PATH = "/mturk/externalSubmit"


class BadAddress(UserError):
    """A URL that names no valid assignment. The message is for the worker."""


@dataclass(frozen=True)
class FrameVisit:
    """One worker's visit to a HIT, in the marketplace's own IDs."""

    assignment_id: str
    hit_id: str
    worker_id: str


def visit_in(parameters: Mapping[str, str]) -> FrameVisit | None:
    """Return the visit that a URL names, None for a preview. Raises BadAddress.

    >>> visit_in({"assignmentId": "3ABC", "hitId": "3DEF", "workerId": "A1B2"})
    FrameVisit(assignment_id='3ABC', hit_id='3DEF', worker_id='A1B2')
    """
    assignment, hit, worker = (parameters.get(name, "") for name in ("assignmentId", "hitId", "workerId"))
    if assignment in ("", PREVIEW):
        return None
    if not (ENTITY.fullmatch(assignment) and ENTITY.fullmatch(hit) and WORKER.fullmatch(worker)):
        raise BadAddress(
            gettext("This link is incomplete. Nothing was saved. Open the task again from the marketplace.")
        )
    return FrameVisit(assignment, hit, worker)


def submit_address(claimed: str, origins: Iterable[str]) -> str:
    """Return the URL to which the frame submits: at the claimed origin if it is one of these, else at the first.

    >>> submit_address("https://b.example/", ["https://a.example", "https://b.example"])
    'https://b.example/mturk/externalSubmit'
    >>> submit_address("https://elsewhere.example", ["https://a.example"])
    'https://a.example/mturk/externalSubmit'
    """
    allowed = list(origins)
    claimed = claimed.rstrip("/")
    return (claimed if claimed in allowed else allowed[0]) + SUBMIT_PATH
