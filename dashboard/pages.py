"""What the researcher's pages have in common: who may open them, and how much may be sent to them."""

from collections.abc import Callable
from functools import wraps
from inspect import unwrap
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named

View = Callable[..., HttpResponseBase]
# Views whose POST may be larger than other requests, without what decorators put around them, and how large.
_body_limits: dict[View, Callable[[], int]] = {}


def staff_page(*methods: str) -> Callable[[View], View]:
    """Serve a view to staff alone and by these methods (HEAD with GET), and let nobody cache its answers.

    A visitor is led to the sign-in. An account without `is_staff` gets a page that says so, whatever the method, and
    before anything is read or written for it.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]

    def decorate(view: View) -> View:
        answer = require_http_methods(allowed)(view)

        @never_cache
        @login_required
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_staff:
                return render(request, "dashboard/not_staff.html", status=403)
            return answer(request, *args, **kwargs)

        return page

    return decorate


def researcher(request: HttpRequest) -> User:
    """Return who asks for a staff page."""
    assert isinstance(request.user, User), "`staff_page` lets nobody else in"
    return request.user


def dataset_or_404(name: str) -> Dataset:
    try:
        return dataset_named(name)
    except UnknownDataset:
        raise Http404 from None


def takes_bodies_up_to(n_bytes: Callable[[], int]) -> Callable[[View], View]:
    """Let a view's POST be larger than other requests, for those who are signed in (middleware.limit_body).

    `n_bytes` is asked at each request, as settings may change in tests.
    """

    def register(view: View) -> View:
        _body_limits[unwrap(view)] = n_bytes
        return view

    return register


def most_bytes_of(request: HttpRequest) -> int:
    """What the view behind an address has been allowed beyond other requests, or 0."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return 0
    return _body_limits.get(unwrap(match.func), int)()
