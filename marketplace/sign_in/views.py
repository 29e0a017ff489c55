"""Signing in and out."""

import logging

from django.contrib.auth.hashers import check_password, make_password
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.models import Worker
from marketplace.networks import network_of
from marketplace.pages import error_page
from marketplace.sessions import begin_session, end_session
from marketplace.sign_in.actions import TooManyAttempts, begin_attempt, forget_attempts

log = logging.getLogger(__name__)
WRONG_PASSWORD = gettext_lazy(
    "Wrong name or password. Check both, or ask the administrator of this marketplace for a new password."
)
STALE_FORM = gettext_lazy("This form was opened before you signed in or out. Go back, reload the page and try again.")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    next_page = request.POST.get("next") or request.GET.get("next", "")
    context = {"next_page": next_page, "name": request.POST.get("name", "")[:100]}
    if request.method != "POST":
        return render(request, "marketplace/sign_in.html", context)
    try:
        worker = authenticate(context["name"].strip(), request.POST.get("password", ""), network_of(request))
    except TooManyAttempts as error:
        page = render(request, "marketplace/sign_in.html", context | {"problem": str(error)}, status=429)
        page.headers["Retry-After"] = str(error.seconds)
        return page
    if worker is None:
        return render(request, "marketplace/sign_in.html", context | {"problem": WRONG_PASSWORD}, status=403)
    begin_session(request, worker)
    is_ours = url_has_allowed_host_and_scheme(next_page, allowed_hosts=None) and next_page.startswith("/")
    return redirect(next_page if is_ours else "groups")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    end_session(request)
    return redirect("sign_in")


def authenticate(name: str, password: str, address: str) -> Worker | None:
    """Return the worker of this name (or worker id) and password. An unknown name takes as long as a wrong password."""
    name, password = name.replace("\0", ""), password.replace("\0", "")[:1000]
    worker = Worker.objects.filter(Q(name=name) | Q(public_id=name)).order_by("pk").first()
    attempt = begin_attempt(name=name, address=address, worker=worker)
    if worker is None:
        make_password(password)
        is_right = False
    else:
        is_right = check_password(password, worker.password)
    if not is_right:
        log_failure(worker, address)
        return None
    forget_attempts(attempt=attempt)
    return worker


def log_failure(worker: Worker | None, address: str) -> None:
    """Log a failed attempt, without the name: it may be an id, or a password in the wrong field."""
    person = f"worker {worker.pk}" if worker else "an unknown name"
    log.warning("Sign-in failed: %s, network %s", person, address)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(request, str(STALE_FORM), title=gettext("Form expired"), status=403)
