"""Template context of every page: the signed-in worker and their counts."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.account.reads import n_unread
from marketplace.clock import now
from marketplace.work.reads import queue_at


def signed_in_worker(request: HttpRequest) -> dict[str, object]:
    """Return the worker and, counted only where a template shows them, unread messages and HITs in the queue."""
    worker = getattr(request, "worker", None)
    if worker is None:
        return {"worker": None}
    n_in_queue = SimpleLazyObject(lambda: queue_at(worker, now()).count())
    return {"worker": worker, "n_unread": SimpleLazyObject(lambda: n_unread(worker)), "n_in_queue": n_in_queue}
