"""Rate limits for opening and submitting work, by network and by worker.

They protect against floods of invented IDs; they do not identify people. They last no longer than the rest of a minute.
Requests in a worker's name from another network do not use up the limit of that worker at their own.
"""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import ngettext

from access.networks.reads import network_of
from access.pace.actions import count_request
from catalog.errors import UserError
from workforce.links.reads import LinkVisit, network_mark
from workforce.models import Batch, Lease


class TooMany(UserError):
    """More requests than the limit within a minute; `seconds` until the next one is allowed."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        message = ngettext(
            "Your network opened too many pages within a minute. Wait %(n)s second.",
            "Your network opened too many pages within a minute. Wait %(n)s seconds.",
            seconds,
        )
        super().__init__(message % {"n": seconds})


def check_pace(request: HttpRequest, worker_id: str) -> None:
    """Count a request of a frame in this worker's name. Raises TooMany."""
    network = network_of(request)
    limits = settings.FRAME_REQUESTS_A_MINUTE
    limit_by_name = {
        f"address {network}": limits["address"],
        f"worker {worker_id} at {network}": limits["worker"],
        f"worker {worker_id}": limits["worker_anywhere"],
    }
    _count(limit_by_name)


def check_pace_of_starts(request: HttpRequest, batch: Batch) -> None:
    """Count a Start or Continue of a network in a batch. Raises TooMany."""
    _count_on_link(request, batch, "start")


def check_pace_of_answers(request: HttpRequest, batch: Batch) -> None:
    """Count a submit or report of a network in a batch, apart from Starts: a flood of those delays no answer.

    Answers carry the token of a lease, whose number has a cap. Raises TooMany.
    """
    _count_on_link(request, batch, "answer")


def check_pace_of_drafts(request: HttpRequest, lease: Lease) -> None:
    """Count a draft of a page, apart from answers, which it never delays. Raises TooMany."""
    network = network_of(request)
    limits = settings.DRAFTS_A_MINUTE
    # A page in a frame can be opened in anybody's name: elsewhere, that uses up nothing of theirs.
    _count({f"drafts of {lease.pk} at {network}": limits["page"], f"drafts at {network}": limits["network"]})


def _count_on_link(request: HttpRequest, batch: Batch, act: str) -> None:
    _count({f"{act} in {batch.pk} at {network_of(request)}": settings.LINK_REQUESTS_A_MINUTE[batch.networks]})


def link_visit(request: HttpRequest, batch: Batch) -> LinkVisit:
    """Return the visit of a request for work by a study link."""
    mark = network_mark(batch, network_of(request))
    return LinkVisit(mark=mark, most_open=settings.OPEN_LINK_LEASES[batch.networks])


def _count(limit_by_name: dict[str, int]) -> None:
    seconds = count_request(limit_by_name)
    if seconds:
        raise TooMany(seconds)
