"""What every page of the marketplace shows of who reads it."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.account.reads import n_unread
from marketplace.clock import now
from marketplace.work.reads import held_by


def signed_in_worker(request: HttpRequest) -> dict[str, object]:
    """For all templates: who reads this, and what waits for them, which is counted where it is shown."""
    worker = getattr(request, "worker", None)
    if worker is None:
        return {"worker": None}
    n_held = SimpleLazyObject(lambda: held_by(worker, now()).count())
    return {"worker": worker, "n_unread": SimpleLazyObject(lambda: n_unread(worker)), "n_held": n_held}
