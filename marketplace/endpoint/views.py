"""POST /: the requester's API."""

import json
import logging
import uuid

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from marketplace.clock import now
from marketplace.endpoint.requests import operation_of, perform
from marketplace.endpoint.service_model import CONTENT_TYPE
from marketplace.errors import ProtocolError, Refusal
from marketplace.faults.injection import Dropped, faults_of
from marketplace.pace.actions import Throttled

log = logging.getLogger(__name__)


@require_POST
def endpoint(request: HttpRequest) -> HttpResponse:
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    try:
        operation = operation_of(request)
        with faults_of(request, operation):
            body, status = perform(request, operation, request_id), 200
    except ProtocolError as error:
        body, status = {"__type": error.kind, "message": error.message}, error.status
        if isinstance(error, Throttled):
            headers["Retry-After"] = str(error.seconds)
    except RequestDataTooBig:
        body, status = {"__type": "RequestEntityTooLargeException", "message": "The request is too large."}, 413
    except Refusal as refusal:
        body, status = refusal_body(refusal), 400
    except Dropped as dropped:
        return dropped.response
    except Exception:
        log.exception("The request %s failed.", request_id)
        body, status = {"__type": "ServiceFault", "Message": "The service failed; nothing was done."}, 500
    return HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers)


def refusal_body(refusal: Refusal) -> dict:
    stamp = int(now().timestamp() * 1000)
    message = f"{refusal.message} ({stamp})"
    return {"__type": refusal.kind, "Message": message, "TurkErrorCode": refusal.code}
