"""Settings of the marketplace, from the environment alone. It has a process, a database and an origin of its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from marketplace.secret_files import read_key, state_dir

BASE_DIR = Path(__file__).resolve().parents[1]
STATE_DIR = state_dir()
LOOPBACK = ("localhost", "127.0.0.1", "::1")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str) -> bool:
    text = env(name).lower()
    if text not in YES + NO:
        raise ImproperlyConfigured(f"{name}={text!r} is neither yes nor no. Write yes or no, or remove the variable.")
    return text in YES


def env_int(name: str, default: int) -> int:
    text = env(name)
    if text and not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ImproperlyConfigured(f"{name}={text!r} is not a whole number above 0. Write one, such as {default}.")
    return int(text or default)


def origin_of(name: str, text: str) -> str:
    """Return scheme://host[:port]; plain http on this machine only, where keys and passwords do not travel."""
    origin = text.strip().rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ImproperlyConfigured(f"{name}={origin!r} is not an origin. Write https://host or http://127.0.0.1:8100.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ImproperlyConfigured(f"{name}={origin} would send passwords and keys unencrypted. Write https://.")
    return origin


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def database() -> Mapping[str, Any]:
    """Return MARKETPLACE_DATABASE_URL, or a database `marketplace` on the Postgres in the state folder."""
    url = env("MARKETPLACE_DATABASE_URL")
    if not url:
        host = str(STATE_DIR / "postgres-sockets")
        return {"ENGINE": "django.db.backends.postgresql", "NAME": "marketplace", "USER": "postgres", "HOST": host}
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            "MARKETPLACE_DATABASE_URL does not name a Postgres server. Write "
            "postgres://user:password@host:5432/name, or remove the variable to use the server in the state folder."
        )
    return dj_database_url.parse(url)


def secret_key() -> str:
    """Return MARKETPLACE_SECRET_KEY, or the key that `python -m marketplace` stored in the state folder.

    Requesters' secret keys are derived from it: with another one, all of them are void.
    """
    key = env("MARKETPLACE_SECRET_KEY")
    if key or IS_HTTPS:
        return checked_key("MARKETPLACE_SECRET_KEY is missing or weak: it needs", key)
    return read_key()


def earlier_keys() -> list[str]:
    """Return the keys before MARKETPLACE_SECRET_KEY: secrets, sessions and pages of theirs stay valid."""
    keys = [key.strip() for key in env("MARKETPLACE_SECRET_KEY_FALLBACKS").split(",") if key.strip()]
    begin = "A key of MARKETPLACE_SECRET_KEY_FALLBACKS is weak or cut off (keys stand between commas): each needs"
    return [checked_key(begin, key) for key in keys]


def checked_key(begin: str, key: str) -> str:
    if len(key) < 50 or len(set(key)) < 5:
        raise ImproperlyConfigured(
            f"{begin} at least 50 random characters. Create one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return key


ORIGIN = origin_of("MARKETPLACE_ORIGIN", env("MARKETPLACE_ORIGIN", "http://127.0.0.1:8100"))
IS_HTTPS = ORIGIN.startswith("https://")
# The endpoint answers under the origin's name; on this machine also under the machine's other names.
# With the port it is checked in refusals.
ALLOWED_HOSTS = [bracketed(host) for host in (urlsplit(ORIGIN).hostname or "", *(() if IS_HTTPS else LOOPBACK))]
# The region and service that a request must be signed for, as in the address of the requester's service.
SIGNING_REGION, SIGNING_SERVICE = "us-east-1", "mturk-requester"
# Further origins that a task's frame may show, besides the origin of its HIT's address.
FRAME_ORIGINS = [
    origin_of("MARKETPLACE_FRAME_ORIGINS", text) for text in env("MARKETPLACE_FRAME_ORIGINS").split(",") if text.strip()
]
# Deliberate faults and a clock that can be moved, for the tests of clients. Never on a marketplace with real people.
FAULTS = env_bool("MARKETPLACE_FAULTS")

# API requests a minute, in each process of the server: with one key, from one network, and wrongly signed from there.
# The site that publishes here makes 50 a second at most.
CALLS_PER_KEY = env_int("MARKETPLACE_CALLS_PER_KEY", 12_000)
CALLS_PER_NETWORK = env_int("MARKETPLACE_CALLS_PER_NETWORK", 24_000)
WRONG_SIGNATURES_PER_NETWORK = env_int("MARKETPLACE_WRONG_SIGNATURES_PER_NETWORK", 600)

DEBUG = False
SECRET_KEY = secret_key()
SECRET_KEY_FALLBACKS = earlier_keys()
# The contact that workers read on the HITs of the requesters created here.
CONTACT = env("MARKETPLACE_CONTACT")
LONGEST_CONTACT = 200
if len(CONTACT) > LONGEST_CONTACT:
    raise ImproperlyConfigured(
        f"MARKETPLACE_CONTACT has {len(CONTACT)} characters; at most {LONGEST_CONTACT} are allowed."
    )
DATABASES = {"default": {**database(), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
INSTALLED_APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "marketplace",
    "marketplace.faults",
]
MIDDLEWARE = [
    "marketplace.headers.set_headers",
    "marketplace.refusals.accept_own_hosts",
    "marketplace.refusals.refuse_unreadable_addresses",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "marketplace.headers.redirect_to_origin",
    "marketplace.language.choose_language",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "marketplace.refusals.RefuseUnreadableBodies",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "marketplace.context.signed_in_worker",
            ]
        },
    }
]
ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
APPEND_SLASH = False
# A question may have 64 KiB, twice that in escaped JSON; a message to 100 workers is shorter.
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Cookies ignore ports: distinct names keep another site on this machine from overwriting them. Over https the
# prefix makes browsers refuse them from any other host.
SESSION_COOKIE_NAME = "__Host-marketplace-session" if IS_HTTPS else "marketplace_session"
CSRF_COOKIE_NAME = "__Host-marketplace-csrf" if IS_HTTPS else "marketplace_csrf"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE, CSRF_COOKIE_SAMESITE = "Lax", "Strict"
CSRF_TRUSTED_ORIGINS = [ORIGIN]
CSRF_FAILURE_VIEW = "marketplace.sign_in.views.csrf_failure"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_TLS_PROXY") else None
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # frame-ancestors is used instead
    "security.W005",
    "security.W021",  # neither the subdomains nor the browsers' preload list are ours to decide
]
LOG_LEVEL = env("LOG_LEVEL", "INFO").upper()
# To stderr. The access log stays off: an address may contain a worker's id.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # A refused request is an answer, not an event.
        "django.request": {"level": "ERROR"},
    },
}
