"""What the pages of workers have in common."""

from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from marketplace.errors import WorkRefused
from marketplace.models import Worker
from marketplace.sessions import worker_of

View = Callable[..., HttpResponse]
ROWS = 50


class WorkerRequest(HttpRequest):
    """A request of somebody who is signed in."""

    worker: Worker


def for_workers(view: View) -> View:
    """Only for who is signed in, as `request.worker`; what is refused to them is told on a page of its own."""

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
        except WorkRefused as refusal:
            return refused(request, str(refusal), status=409)

    return page


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """And from there back here, unless this was something to be done and not to be seen."""
    query = f"?{urlencode({'next': request.get_full_path()})}" if request.method in ("GET", "HEAD") else ""
    return redirect(reverse("sign_in") + query)


def refused(request: HttpRequest, message: str, *, title: str = "That did not work", status: int) -> HttpResponse:
    return render(request, "marketplace/refused.html", {"title": title, "message": message}, status=status)


def rows_of(request: HttpRequest, rows: QuerySet) -> Page:
    """The page of a list that is asked for; the nearest one if there is none of that number."""
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))
