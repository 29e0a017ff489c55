"""What the researcher's pages of the roof have in common."""

from collections.abc import Callable
from inspect import unwrap

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named

View = Callable[..., HttpResponse]
# How a view is marked whose POST may be larger.
MOST_BYTES = "most_bytes"

# Views whose POST may be larger than other requests, without what decorators put around them, and how large.
_body_limits: dict[View, Callable[[], int]] = {}


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
