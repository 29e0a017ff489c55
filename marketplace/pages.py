"""Common parts of the pages of workers."""

from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from marketplace.errors import WorkRefused
from marketplace.models import Worker
from marketplace.sessions import worker_of

View = Callable[..., HttpResponse]
ROWS = 50


class WorkerRequest(HttpRequest):
    """A request of a signed-in worker."""

    worker: Worker


def for_workers(view: View) -> View:
    """Decorate a view for signed-in workers (`request.worker`); WorkRefused becomes an error page."""

    @never_cache
    @wraps(view)
    def page(request: HttpRequest, **parts: str) -> HttpResponse:
        worker = worker_of(request)
        if worker is None:
            return to_sign_in(request)
        of_worker = cast(WorkerRequest, request)
        of_worker.worker = worker
        try:
            return view(of_worker, **parts)
        except WorkRefused as error:
            return error_page(request, str(error), status=409)

    return page


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page, and from there back here unless this request was to change something."""
    query = f"?{urlencode({'next': request.get_full_path()})}" if request.method in ("GET", "HEAD") else ""
    return redirect(reverse("sign_in") + query)


def error_page(request: HttpRequest, message: str, *, title: str = "", status: int) -> HttpResponse:
    context = {"title": title or gettext("Action not possible"), "message": message}
    return render(request, "marketplace/error.html", context, status=status)


def rows_of(request: HttpRequest, rows: QuerySet) -> Page:
    """Return the requested page of a list; the nearest page if the number is out of range."""
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))
