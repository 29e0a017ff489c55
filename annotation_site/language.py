"""The language of a page: named by its address (`/de/join/3`), else the best that the browser accepts. No cookie."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, is_valid_path, set_script_prefix
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_supported_language_variant, override
from django.utils.translation.trans_real import parse_accept_lang_header

from annotation_site.views import STAFF_URLS, WORKER_URLS
from page_files.pages import compressed

Handler = Callable[[HttpRequest], HttpResponse]


def choose_language(get_response: Handler) -> Handler:
    """Answer workers in the language of the address, else of the browser.

    A language in the address becomes part of the script's name: the links of the page keep it, and the tables of
    addresses need not know of it. A researcher who gives out `/en/join/3` asks everyone in English.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        prefix, language = get_script_prefix(), settings.LANGUAGE_CODE
        is_for_workers = for_workers(request)
        if is_for_workers:
            language = language_of_address(request.path_info)
            if language:
                move_into_script_name(request, language)
            else:
                language = accepted_language(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        try:
            with override(language):
                response = get_response(request)
        finally:
            set_script_prefix(prefix)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language"])
        return compressed(request, response) if is_for_workers else response

    return middleware


def for_workers(request: HttpRequest) -> bool:
    """Return whether a worker reads the answer. No catalog but the English one covers the researchers' pages."""
    side = getattr(request, "urlconf", None)
    if side in (WORKER_URLS, STAFF_URLS):
        return bool(side == WORKER_URLS)
    # Both sides on one origin, where the researchers' pages come first.
    path = without_language(request.path_info)
    return bool(is_valid_path(path, WORKER_URLS) and not is_valid_path(path, STAFF_URLS))


def language_of_address(path: str) -> str:
    """Return the language with which a path begins, if it is one of LANGUAGES, else nothing.

    >>> language_of_address("/en/join/3"), language_of_address("/enter/"), language_of_address("/en")
    ('en', '', '')
    """
    first, slash, _ = path.removeprefix("/").partition("/")
    return first if slash and first in dict(settings.LANGUAGES) else ""


def without_language(path: str) -> str:
    """Return the path as the tables of addresses know it.

    >>> without_language("/en/join/3"), without_language("/join/3")
    ('/join/3', '/join/3')
    """
    language = language_of_address(path)
    return path.removeprefix(f"/{language}") if language else path


def move_into_script_name(request: HttpRequest, language: str) -> None:
    prefix = f"{request.META.get('SCRIPT_NAME', '').rstrip('/')}/{language}"
    request.path_info = without_language(request.path_info)
    request.META |= {"SCRIPT_NAME": prefix, "PATH_INFO": request.path_info}
    set_script_prefix(f"{prefix}/")


def accepted_language(header: str) -> str:
    """Return the best of LANGUAGES for an Accept-Language header (RFC 9110, 12.5.4), else the first of them.

    >>> accepted_language("en-GB,en;q=0.8"), accepted_language("xx"), accepted_language("%%%"), accepted_language("")
    ('en', 'en', 'en', 'en')
    """
    for language, quality in parse_accept_lang_header(header.lower()):
        if language == "*":
            break
        if not quality:
            continue
        try:
            return get_supported_language_variant(language)
        except LookupError:
            continue
    return str(settings.LANGUAGES[0][0])
