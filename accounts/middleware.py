"""The actor of a request: its decisions are recorded in the name of whoever is signed in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.reads import Actor, acting

Handler = Callable[[HttpRequest], HttpResponse]


def name_actor(get_response: Handler) -> Handler:
    """Let what a request decides be recorded in the name of its user, who is looked up only if something is."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with acting(lambda: _actor_of(request)):
            return get_response(request)

    return middleware


def _actor_of(request: HttpRequest) -> Actor | None:
    user = request.user
    return Actor(user.get_username(), user.pk) if user.is_authenticated else None
