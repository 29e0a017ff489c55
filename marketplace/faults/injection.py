"""Deliberate failures of requests, where they are allowed: throttling, errors, lost connections, slowness."""

import contextlib
import random
import socket
import time
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from marketplace.errors import ProtocolError
from marketplace.faults.actions import take_fault
from marketplace.faults.models import FaultSettings, PlannedFault
from marketplace.faults.reads import fault_settings

Kind = PlannedFault.Kind
# The key under which gunicorn passes the connection to the application.
CONNECTION = "gunicorn.socket"


class Dropped(Exception):
    """A cut connection; `response` goes nowhere."""

    response = HttpResponse(status=500)


@contextlib.contextmanager
def faults_of(request: HttpRequest, operation: str) -> Iterator[None]:
    """Fail before the work inside, after it has been committed, or not at all. At most one fault per request."""
    if not settings.FAULTS:
        yield
        return
    kind = next_fault(fault_settings(), operation)
    if kind in (Kind.THROTTLE, Kind.ERROR, Kind.DROP_BEFORE):
        fail(kind, request)
    yield
    if kind in (Kind.ERROR_AFTER, Kind.DROP_AFTER):
        fail(kind, request)


def next_fault(settings_row: FaultSettings, operation: str) -> str | None:
    time.sleep(settings_row.latency_ms / 1000)
    chance = random.random()
    for kind, rate in (
        (Kind.THROTTLE, settings_row.throttle_rate),
        (Kind.ERROR, settings_row.error_rate),
        (Kind.DROP_BEFORE, settings_row.drop_before_rate),
        (Kind.DROP_AFTER, settings_row.drop_after_rate),
    ):
        chance -= rate
        if chance < 0:
            return kind
    return take_fault(operation=operation)


def fail(kind: str, request: HttpRequest) -> None:
    if kind == Kind.THROTTLE:
        raise ProtocolError("ThrottlingException", "Rate exceeded")
    if kind in (Kind.ERROR, Kind.ERROR_AFTER):
        raise ProtocolError("ServiceFault", "The service failed on purpose.", status=500)
    connection = request.META.get(CONNECTION)
    if connection is None:
        raise ProtocolError("ServiceFault", "Only gunicorn lets a connection be dropped.", status=500)
    connection.shutdown(socket.SHUT_RDWR)
    raise Dropped
