"""The language of pages: the first of Accept-Language that LANGUAGES has. No cookie decides."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

Handler = Callable[[HttpRequest], HttpResponse]


def choose_language(get_response: Handler) -> Handler:
    """Return the middleware that activates the reader's language and names it in the headers of pages."""

    def middleware(request: HttpRequest) -> HttpResponse:
        language = language_of(request)
        with translation.override(language):
            response = get_response(request)
        # Answers of the API have one language.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ["Accept-Language"])
        return response

    return middleware


def language_of(request: HttpRequest) -> str:
    """Return the code of the language for this request; LANGUAGE_CODE if none of the accepted languages is offered."""
    for code, quality in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        if not quality:
            continue
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
