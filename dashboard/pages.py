"""What the researcher's pages have in common: who may open them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

View = Callable[..., HttpResponseBase]


def staff_page(*methods: str) -> Callable[[View], View]:
    """Serve a view to staff alone and by these methods (HEAD with GET), and let nobody cache its answers.

    A visitor is led to the sign-in. An account without `is_staff` gets a page that says so, whatever the method, and
    before anything is read or written for it.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]

    def decorate(view: View) -> View:
        answer = require_http_methods(allowed)(view)

        @never_cache
        @login_required
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_staff:
                return render(request, "dashboard/not_staff.html", status=403)
            return answer(request, *args, **kwargs)

        return page

    return decorate
