"""/faults/: deliberate faults for tests of clients. Only with the setting FAULTS, and only from this machine."""

import ipaddress
import json
from collections.abc import Callable

from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponseForbidden, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from marketplace.faults import actions
from marketplace.faults.reads import fault_settings


def from_this_machine(request: HttpRequest) -> bool:
    """Return whether the request comes from this machine, not from another one or through a proxy."""
    address = request.META.get("REMOTE_ADDR") or ""
    return "X-Forwarded-For" not in request.headers and ipaddress.ip_address(address or "0.0.0.0").is_loopback


def answer(request: HttpRequest, action: Callable[..., object]) -> JsonResponse | HttpResponseForbidden:
    # A page in a browser on this machine could post text without a preflight request, but not JSON.
    if not from_this_machine(request) or request.content_type != "application/json":
        return HttpResponseForbidden("JSON from this machine only.")
    try:
        values = json.loads(request.body or b"{}")
        action(**values)
    except (ValueError, TypeError) as error:
        return JsonResponse({"message": str(error)}, status=400)
    return JsonResponse(model_to_dict(fault_settings(), exclude=["id"]))


@csrf_exempt
@require_POST
def faults(request: HttpRequest):
    return answer(request, actions.set_faults)


@csrf_exempt
@require_POST
def clock(request: HttpRequest):
    return answer(request, actions.advance_clock)


@csrf_exempt
@require_POST
def plan(request: HttpRequest):
    return answer(request, actions.plan_fault)


@csrf_exempt
@require_POST
def clear(request: HttpRequest):
    return answer(request, actions.clear_faults)
