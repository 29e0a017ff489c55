"""Pages of the account itself, and the confirmation before money, rejections and exports of people's ids."""

from collections.abc import Callable
from functools import wraps
from time import time
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.actions import accept_factor
from accounts.credentials import NoAttempt, factor_form, is_right_factor, is_right_password, problem_of
from accounts.hashing import hash_of
from accounts.reads import factors_of, proof_times
from accounts.second_factor import passkey_request
from accounts.sessions import end_if_idle as end_if_idle

View = Callable[..., HttpResponseBase]
# The fields of a confirmation, beside those of the form that it interrupts.
PASSWORD_FIELD, CODE_FIELD, PASSKEY_FIELD = "confirm-password", "confirm-code", "confirm-credential"
CONFIRMING = {PASSWORD_FIELD, CODE_FIELD, PASSKEY_FIELD, "csrfmiddlewaretoken"}


def account_page(*methods: str) -> Callable[[View], View]:
    """Serve a view of the account itself to signed-in people, and let nobody cache its answers."""
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]

    def decorate(view: View) -> View:
        page: View = never_cache(login_required(require_http_methods(allowed)(view)))
        return page

    return decorate


def signed_in(request: HttpRequest) -> User:
    """Return the person of a page that only signed-in people open."""
    user = request.user
    assert isinstance(user, User), "only signed-in people come here"
    return user


def hash_of_new_account(password: str) -> str:
    """Return the hash of the password of an account that is about to be created. Raises TooBusy.

    Call it before a lock is taken: it waits for the checks of other passwords.
    """
    return hash_of(password, is_at_home=False)


def confirmed(*methods: str, only: Callable[..., bool] | None = None) -> Callable[[View], View]:
    """Ask for the password or second factor before these methods of a view, unless it was entered a short time ago.

    A form that is interrupted is sent again with the confirmation: nothing of it is lost. `only` takes the arguments of
    the view and returns whether this request needs it.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            method = "GET" if request.method == "HEAD" else request.method
            is_free = method not in methods or (only is not None and not only(request, *args, **kwargs))
            if is_free or is_fresh(request):
                return view(request, *args, **kwargs)
            if method == "GET":
                return redirect(f"{resolve_url('confirm')}?{urlencode({'next': request.get_full_path()})}")
            return ask(request) or view(request, *args, **kwargs)

        setattr(page, "confirmed_methods", methods)  # noqa: B010 - a function has no such place for the types
        return page

    return decorate


def is_fresh(request: HttpRequest) -> bool:
    """Return whether the password or a second factor was entered a short time ago."""
    times, user = proof_times(request), signed_in(request)
    ways = ["password", "mfa"] if can_confirm(user) else ["password", "mfa", "socialaccount"]
    newest = max((times.get(way, 0) for way in ways), default=0)
    return time() - newest < settings.STAFF_CONFIRMED_MINUTES * 60


def can_confirm(user: User) -> bool:
    """Return whether the account has a password or second factor; else only its provider can confirm it."""
    return user.has_usable_password() or factors_of(user).exists()


def ask(request: HttpRequest) -> HttpResponse | None:
    """Return the page that asks for the confirmation, or nothing once the request has one."""
    user = signed_in(request)
    try:
        problem, status, seconds = _problem_of(request, user), 403, 0
    except NoAttempt as error:
        problem, status, seconds = error.for_page, 429, error.seconds
    if problem is None:
        return None
    context = {
        "title": gettext("Confirm that it is you"),
        "problem": problem,
        "kept": [
            (name, value) for name in request.POST if name not in CONFIRMING for value in request.POST.getlist(name)
        ],
        "has_password": user.has_usable_password(),
        "factors": {factor.type for factor in factors_of(user)},
        "minutes": settings.STAFF_CONFIRMED_MINUTES,
    } | passkey_request(request, user)
    page = render(request, "accounts/confirm.html", context, status=status)
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


def _problem_of(request: HttpRequest, user: User) -> str | None:
    """Return why the request is not confirmed, "" if it was not tried, or nothing if it is."""
    sent = request.POST
    if sent.get(PASSWORD_FIELD):
        if not is_right_password(request, user, sent[PASSWORD_FIELD][:4096]):
            return gettext("Wrong password.")
        record_authentication(request, user, method="password", reauthenticated=True)
        return None
    factor = {"code": sent.get(CODE_FIELD, ""), "credential": sent.get(PASSKEY_FIELD, "")}
    if not any(factor.values()):
        return ""
    form: forms.Form = factor_form(user, factor)
    if not is_right_factor(request, user, form):
        return problem_of(form)
    accept_factor(form=form)
    return None


def next_page(request: HttpRequest) -> str:
    """Return the address of this site that the request names, else the front page."""
    address = request.POST.get("next") or request.GET.get("next", "")
    hosts = {request.get_host()}
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=hosts, require_https=request.is_secure())
    return address if is_ours else resolve_url(settings.LOGIN_REDIRECT_URL)
