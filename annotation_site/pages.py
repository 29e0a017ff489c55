"""What the researcher's pages of the roof have in common."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named

View = Callable[..., HttpResponse]
# How a view is marked whose POST may be larger.
MOST_BYTES = "most_bytes"


def dataset_or_404(name: str) -> Dataset:
    try:
        return dataset_named(name)
    except UnknownDataset:
        raise Http404 from None


def takes_bodies_up_to(n_bytes: Callable[[], int]) -> Callable[[View], View]:
    """Let a view's POST be larger than other requests, for those who are signed in (middleware.limit_body).

    The outermost decorator of a view. `n_bytes` is asked at each request, as settings may change in tests.
    """

    def decorate(view: View) -> View:
        setattr(view, MOST_BYTES, n_bytes)
        return view

    return decorate


def most_bytes_of(request: HttpRequest) -> int:
    """What the view behind an address has been allowed beyond other requests, or 0."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return 0
    return getattr(match.func, MOST_BYTES, int)()
