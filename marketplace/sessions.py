"""Sessions of workers: the worker's id, and a mark of the password that opened the session."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare, salted_hmac

from marketplace.models import Worker

WORKER, PASSWORD = "worker", "password"
# Another salt would end all open sessions, also those of workers in the middle of a HIT.
MARK_SALT = "marketplace.sign_in.sessions"


def begin_session(request: HttpRequest, worker: Worker) -> None:
    """Start a new session, whatever cookie the browser sent: nobody can have prepared it."""
    request.session.flush()
    request.session[WORKER], request.session[PASSWORD] = worker.pk, mark_of_password(worker)
    rotate_token(request)


def end_session(request: HttpRequest) -> None:
    request.session.flush()


def worker_of(request: HttpRequest) -> Worker | None:
    """Return the signed-in worker. A changed password ends all sessions opened with the earlier password."""
    pk = request.session.get(WORKER)
    worker = Worker.objects.filter(pk=pk).first() if pk else None
    return worker if worker and is_mark_of(worker, request.session.get(PASSWORD, "")) else None


def is_mark_of(worker: Worker, mark: str) -> bool:
    """Return whether this is the mark of the worker's password, under the newest key or an earlier one."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(mark, mark_of_password(worker, key)) for key in keys)


def mark_of_password(worker: Worker, key: str = "") -> str:
    return salted_hmac(MARK_SALT, worker.password, secret=key or settings.SECRET_KEY, algorithm="sha256").hexdigest()
