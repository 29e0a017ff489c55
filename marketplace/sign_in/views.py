"""Signing in and out."""

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.models import Worker
from marketplace.pages import refused
from marketplace.sessions import begin_session, end_session
from marketplace.sign_in.actions import TooManyAttempts, begin_attempt, forget_attempts

UNKNOWN = "This name and password do not belong together. Check both, or ask who runs this marketplace for new ones."
STALE = "This form was opened before you signed in or out. Go back, open the page again and repeat what you did."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    way_on = request.POST.get("next") or request.GET.get("next", "")
    context = {"way_on": way_on, "name": request.POST.get("name", "")[:100]}
    if request.method != "POST":
        return render(request, "marketplace/sign_in.html", context)
    try:
        worker = signed_in(context["name"].strip(), request.POST.get("password", ""), address_of(request))
    except TooManyAttempts as refusal:
        page = render(request, "marketplace/sign_in.html", context | {"problem": str(refusal)}, status=429)
        page.headers["Retry-After"] = str(refusal.seconds)
        return page
    if worker is None:
        return render(request, "marketplace/sign_in.html", context | {"problem": UNKNOWN}, status=403)
    begin_session(request, worker)
    is_ours = url_has_allowed_host_and_scheme(way_on, allowed_hosts=None) and way_on.startswith("/")
    return redirect(way_on if is_ours else "groups")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    end_session(request)
    return redirect("sign_in")


def signed_in(name: str, password: str, address: str) -> Worker | None:
    """Whose name (or worker id) and password these are. An unknown name takes as long as a wrong password."""
    name, password = name.replace("\0", ""), password.replace("\0", "")[:1000]
    attempt = begin_attempt(name=name, address=address)
    worker = Worker.objects.filter(Q(name=name) | Q(public_id=name)).order_by("pk").first()
    if worker is None:
        make_password(password)
        return None
    if not check_password(password, worker.password):
        return None
    forget_attempts(attempt=attempt)
    return worker


def address_of(request: HttpRequest) -> str:
    """Where the request comes from; behind a proxy, as the proxy itself wrote it."""
    if settings.SECURE_PROXY_SSL_HEADER:
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return request.META.get("REMOTE_ADDR") or ""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return refused(request, STALE, title="Out of date", status=403)
