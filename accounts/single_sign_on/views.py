"""Single sign-on: the way to the provider, and back."""

import logging
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import get_random_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from requests import RequestException

from accounts.pages import next_page
from accounts.single_sign_on.pages import lead_on, not_signed_on, too_busy
from accounts.single_sign_on.provider import PLACES, Adapter
from accounts.single_sign_on.reads import name_of_provider, provider_id

log = logging.getLogger(__name__)
NONCE_LENGTH = 32


@never_cache
@require_http_methods(["POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the provider, with a state, a nonce and a code challenge of this session."""
    if request.user.is_authenticated:
        return redirect(next_page(request))
    provider = get_adapter().get_provider(request, _provider_or_404())
    nonce = get_random_string(NONCE_LENGTH)
    options = {"next_url": next_page(request), "auth_params": {"nonce": nonce}, "nonce": nonce}
    return _at_the_provider(
        request, lambda: lead_on(request, provider.redirect(request, process=AuthProcess.LOGIN, **options))
    )


@never_cache
@require_http_methods(["GET", "HEAD"])
def callback(request: HttpRequest) -> HttpResponse:
    """Check the provider's answer, and sign in to the account that it opens."""
    adapter = Adapter(request, _provider_or_404())
    return _at_the_provider(request, lambda: OAuth2CallbackView.adapter_view(adapter)(request))


def _provider_or_404() -> str:
    if not name_of_provider():
        raise Http404
    return provider_id()


def _at_the_provider(request: HttpRequest, act: Any) -> HttpResponse:
    """Carry out what waits for the provider, a few at a time."""
    if not PLACES.acquire(blocking=False):
        return too_busy(request)
    try:
        response: HttpResponse = act()
        return response
    except ImmediateHttpResponse as error:
        page: HttpResponse = error.response
        return page
    except (OAuth2Error, RequestException, KeyError, ValueError, TypeError) as error:
        log.warning("Single sign-on failed: %s", error)
        return not_signed_on(request)
    finally:
        PLACES.release()
