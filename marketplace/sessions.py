"""Who is signed in: a worker's id in the session, and a mark of the password it was begun with."""

from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare, salted_hmac

from marketplace.models import Worker

WORKER, PASSWORD = "worker", "password"
# Another salt would end all sessions that are open, also those of people who are at a HIT.
MARK_SALT = "marketplace.sign_in.sessions"


def begin_session(request: HttpRequest, worker: Worker) -> None:
    """A new session, whatever the browser brought: nobody can have prepared it."""
    request.session.flush()
    request.session[WORKER], request.session[PASSWORD] = worker.pk, mark_of_password(worker)
    rotate_token(request)


def end_session(request: HttpRequest) -> None:
    request.session.flush()


def worker_of(request: HttpRequest) -> Worker | None:
    """A changed password ends all sessions that were begun with the one before."""
    pk = request.session.get(WORKER)
    worker = Worker.objects.filter(pk=pk).first() if pk else None
    if worker and constant_time_compare(request.session.get(PASSWORD, ""), mark_of_password(worker)):
        return worker
    return None


def mark_of_password(worker: Worker) -> str:
    return salted_hmac(MARK_SALT, worker.password, algorithm="sha256").hexdigest()
