"""The application of the web server. What Django would fail to read before any middleware is refused here."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from access.texts.reads import is_readable_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotation_site.settings")

site = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if is_readable_type(environ.get("CONTENT_TYPE", "")):
        return site(environ, start_response)
    start_response("400 Bad Request", [("Content-Type", "text/plain"), ("X-Content-Type-Options", "nosniff")])
    return [b"The Content-Type of the request could not be read.\n"]
