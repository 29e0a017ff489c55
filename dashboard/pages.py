"""Access to the researcher's pages, and limits on the bodies of their requests."""

from collections.abc import Callable
from functools import wraps
from inspect import unwrap
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named
from dashboard.accounts.reads import must_set_up_second_factor

View = Callable[..., HttpResponseBase]
# Undecorated views whose POST may be larger than other requests, with the limit of each.
_body_limits: dict[View, Callable[[], int]] = {}
MOST_DATASETS_LISTED = 100


class NoSuchDataset(Http404):
    """An address names a dataset that does not exist; the page lists the datasets that do."""


def staff_page(*methods: str) -> Callable[[View], View]:
    """Serve a view to staff alone and by these methods (HEAD with GET), and let nobody cache its answers.

    A visitor is led to the sign-in. An account without `is_staff` gets a page that says so, whatever the method, and
    before anything is read or written for it. Where the site requires a second factor, an account without one is led to
    set it up. An unknown dataset gets a page that lists the datasets.
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
            if must_set_up_second_factor(request.user):
                return redirect("account")
            try:
                return answer(request, *args, **kwargs)
            except NoSuchDataset as error:
                return _unknown_dataset(request, str(error))

        return page

    return decorate


def _unknown_dataset(request: HttpRequest, name: str) -> HttpResponse:
    datasets = Dataset.objects.order_by("name")
    context = {
        "name": name,
        "datasets": datasets[:MOST_DATASETS_LISTED],
        "n_more": max(0, datasets.count() - MOST_DATASETS_LISTED),
    }
    return render(request, "dashboard/unknown_dataset.html", context, status=404)


def researcher(request: HttpRequest) -> User:
    """Return the signed-in researcher."""
    assert isinstance(request.user, User), "`staff_page` lets nobody else in"
    return request.user


def dataset_or_404(name: str) -> Dataset:
    """Return the dataset that an address names. Raises NoSuchDataset, which `staff_page` answers."""
    try:
        return dataset_named(name)
    except UnknownDataset:
        raise NoSuchDataset(name) from None


def takes_bodies_up_to(n_bytes: Callable[[], int]) -> Callable[[View], View]:
    """Let a view's POST be larger than other requests, for signed-in users (middleware.limit_body).

    `n_bytes` is called at each request, as settings may change in tests.
    """

    def register(view: View) -> View:
        _body_limits[unwrap(view)] = n_bytes
        return view

    return register


def most_bytes_of(request: HttpRequest) -> int:
    """Return the limit of the view behind an address, or 0 where it has none of its own."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return 0
    return _body_limits.get(unwrap(match.func), int)()
