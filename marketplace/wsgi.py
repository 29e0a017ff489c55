"""The application of the web server. What Django would fail to read before any middleware is refused here."""

import codecs
import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"

marketplace = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if is_readable_type(environ.get("CONTENT_TYPE", "")):
        return marketplace(environ, start_response)
    start_response("400 Bad Request", [("Content-Type", "text/plain"), ("X-Content-Type-Options", "nosniff")])
    return [b"The Content-Type of the request could not be read.\n"]


def is_readable_type(content_type: str) -> bool:
    """Return whether Django can read a Content-Type; its parameters may be encoded, and name an encoding themselves."""
    try:
        _, parameters = parse_header_parameters(content_type)
        codecs.lookup(parameters.get("charset", "utf-8"))
    except LookupError:
        return True
    except ValueError:
        return False
    return True
