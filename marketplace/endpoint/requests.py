"""From an HTTP request to an answer of the API, or to its error."""

import json
import logging
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest

from marketplace.clock import now
from marketplace.endpoint.calls import Call
from marketplace.endpoint.limits import check_limits
from marketplace.endpoint.operations import OPERATIONS
from marketplace.endpoint.service_model import TARGET_PREFIX
from marketplace.endpoint.signatures import Request, verified_key_id
from marketplace.endpoint.validation import read_request
from marketplace.errors import NotLinked, ProtocolError
from marketplace.models import AccessKey, Requester
from marketplace.overdue.actions import catch_up
from marketplace.pace.actions import check_key, check_network, note_wrong_signature

log = logging.getLogger(__name__)


def requester_of(request: HttpRequest) -> Requester:
    """Return the requester who signed this request."""
    keys = AccessKey.objects.filter(revoked_at=None).select_related("requester")
    keys_by_id: dict[str, AccessKey] = {}

    def key_exists(key_id: str) -> bool:
        keys_by_id.update({key.key_id: key for key in keys.filter(key_id=key_id)})
        return key_id in keys_by_id

    try:
        key_id = verified_key_id(
            signed_part(request),
            region=settings.SIGNING_REGION,
            service=settings.SIGNING_SERVICE,
            moment=datetime.now(UTC),
            key_exists=key_exists,
        )
    except ProtocolError:
        note_wrong_signature(request)
        raise
    check_key(key_id)
    return keys_by_id[key_id].requester


def signed_part(request: HttpRequest) -> Request:
    return Request(
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )


def operation_of(request: HttpRequest) -> str:
    target = request.headers.get("X-Amz-Target", "")
    operation = target.removeprefix(TARGET_PREFIX)
    if not target.startswith(TARGET_PREFIX) or operation not in OPERATIONS:
        raise ProtocolError("UnknownOperationException", f"Unknown operation {target!r:.100}.")
    return operation


def parameters_of(request: HttpRequest, operation: str) -> dict:
    try:
        payload = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise ProtocolError("SerializationException", "The body is not JSON.") from None
    parameters = read_request(operation, payload)
    check_limits(parameters)
    return parameters


def perform(request: HttpRequest, operation: str, request_id: str) -> dict:
    """Check signature and parameters, bring the requester's HITs up to date, and call the operation."""
    check_network(request)
    requester = requester_of(request)
    parameters = parameters_of(request, operation)
    if not requester.is_linked:
        raise NotLinked
    moment = now()
    catch_up(moment, requester)
    return OPERATIONS[operation](Call(requester, operation, parameters, request_id, moment))
