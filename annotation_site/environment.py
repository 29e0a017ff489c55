"""Typed values of environment variables. An unreadable value stops the start, with the way out."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import to_language

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def env_str(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool) -> bool:
    text = env_str(name).lower()
    if text in YES or text in NO:
        return text in YES
    if text:
        raise ImproperlyConfigured(f"{name}={text!r} is neither yes nor no. Write one of: {', '.join(YES + NO)}.")
    return default


def env_int(name: str, default: int, lowest: int = 0) -> int:
    text = env_str(name)
    try:
        number = int(text) if text else default
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is not a whole number. Write one, such as {default}.") from None
    if number < lowest:
        raise ImproperlyConfigured(f"{name}={number} is too small: the lowest value is {lowest}.")
    return number


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    text = env_str(name, default).upper()
    if text not in choices:
        raise ImproperlyConfigured(f"{name}={text!r} is unknown. Write one of: {', '.join(choices)}.")
    return text


def env_list(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return comma-separated words, without blanks around them."""
    return [word.strip() for word in env_str(name).split(",") if word.strip()] or list(default)


def env_origin(name: str, default: str) -> str:
    """Return scheme://host[:port] as browsers write it: in lower case, without the default port of the scheme.

    Plain http is only for this machine: elsewhere cookies would be readable on the way.
    """
    origin = env_str(name, default).rstrip("/")
    try:
        parts = urlsplit(origin)
        valid = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.path or parts.query or parts.fragment or "@" in parts.netloc or origin[-1] in "?#":
        raise ImproperlyConfigured(
            f"{name}={origin!r} is not an origin. Write scheme and host only, such as https://annotate.example.org."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ImproperlyConfigured(
            f"{name}={origin!r} is plain http on a host that others reach. "
            f"Use https, or http with one of: {', '.join(LOOPBACK)}, or a name that ends with .localhost."
        )
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host_of(origin)}{port}"


def is_loopback(host: str) -> bool:
    """Return whether the name always means this machine, as `staff.localhost` does (RFC 6761).

    >>> is_loopback("staff.localhost"), is_loopback("localhost.example.org")
    (True, False)
    """
    return host in LOOPBACK or host.endswith(".localhost")


def host_of(origin: str) -> str:
    host = urlsplit(origin).hostname or ""
    return f"[{host}]" if ":" in host else host


def offered_languages(chosen: list[str], catalogs: Path) -> list[tuple[str, str]]:
    """Return (code, own name) of English and of each language with a catalog; of those chosen, if any are.

    >>> offered_languages(["en"], Path("locale"))
    [('en', 'English')]
    """
    folders = sorted(path.parents[1].name for path in catalogs.glob("*/LC_MESSAGES/django.po"))
    available = ["en", *map(to_language, folders)]
    missing = [code for code in chosen if code not in available]
    if missing:
        raise ImproperlyConfigured(
            f"LANGUAGES names {', '.join(missing)}, which has no catalog. Write some of: {', '.join(available)}."
        )
    codes = chosen or available
    # English is the language of whatever is not translated.
    return [(code, LANG_INFO.get(code, {}).get("name_local", code)) for code in dict.fromkeys([*codes, "en"])]
