"""Sessions of researchers: their age without use, and the networks where they began."""

from time import time

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.http import HttpRequest

from access.networks.reads import network_of
from accounts.attempts.actions import remember_network

SEEN = "seen_at"
# The use of a session is noted this often, so that not every request writes.
NOTED_EVERY_SECONDS = 300


def begin_session(request: HttpRequest, user: User) -> None:
    request.session[SEEN] = int(time())
    remember_network(user=user, network=network_of(request))


def end_if_idle(request: HttpRequest) -> None:
    """End a session that was idle for too long, else note its use. Call it before anything looks up the user."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or SESSION_KEY not in request.session:
        return
    idle = time() - request.session.get(SEEN, 0)
    if SEEN in request.session and idle > settings.STAFF_IDLE_HOURS * 3600:
        request.session.flush()
    elif idle > NOTED_EVERY_SECONDS and is_by_a_person(request):
        request.session[SEEN] = int(time())


def is_by_a_person(request: HttpRequest) -> bool:
    """Return whether somebody opened a page or sent a form. An open page that updates itself is no use."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"
