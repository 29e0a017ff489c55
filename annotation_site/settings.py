"""Settings, from the environment alone. Without any, the site runs on this machine with embedded services.

docs/settings.md and .env.example list every variable; a test holds the three together.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import (
    LOOPBACK,
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_origin,
    env_str,
    host_of,
    offered_languages,
)
from annotation_site.keys import earlier_keys, secret_key
from annotation_site.limits import *  # noqa: F403
from annotation_site.schedule import CELERY_BEAT_SCHEDULE  # noqa: F401
from annotation_site.staff_sign_in import *  # noqa: F403
from annotation_site.storage import import_buckets, media_storage, object_store
from launcher.addresses import marketplace_origin
from launcher.places import BROKER_NAME, DATABASE, SUPERUSER, places_of, state_dir
from launcher.secrets import read_keys

BASE_DIR = Path(__file__).resolve().parents[1]
STATE_DIR = state_dir()
MEDIA_ROOT = env_str("MEDIA_ROOT", str(STATE_DIR / "media"))
# The one folder whose networks a researcher's page may name. Only the administrator puts files there.
MODELS_ROOT = env_str("MODELS_ROOT", str(STATE_DIR / "models"))


OBJECT_STORE = object_store()
STORAGES = {
    "default": media_storage(OBJECT_STORE),
    "staticfiles": {"BACKEND": "page_files.storage.HashedFiles"},
}

DEBUG = env_bool("DEBUG", False)
PORT = env_int("PORT", 8000, lowest=1)

# Three origins, so that cookies of one side are of no use on the others.
WORKER_ORIGIN = env_origin("WORKER_ORIGIN", f"http://localhost:{PORT}")
STAFF_ORIGIN = env_origin("STAFF_ORIGIN", f"http://127.0.0.1:{PORT}")
MARKETPLACE_ORIGIN = env_origin("MARKETPLACE_ORIGIN", marketplace_origin(PORT))
IS_HTTPS = STAFF_ORIGIN.startswith("https://")
if WORKER_ORIGIN.startswith("https://") != IS_HTTPS:
    raise ImproperlyConfigured(
        f"WORKER_ORIGIN={WORKER_ORIGIN} and STAFF_ORIGIN={STAFF_ORIGIN} mix http and https. "
        "Use https for both, or http for both on this machine."
    )
ALLOWED_HOSTS = sorted({host_of(WORKER_ORIGIN), host_of(STAFF_ORIGIN)})
CSRF_TRUSTED_ORIGINS = [STAFF_ORIGIN]
# Where workers of Mechanical Turk are, of its production site and of its sandbox.
PRODUCTION_SITE, SANDBOX_SITE = "https://www.mturk.com", "https://workersandbox.mturk.com"
AMAZON_SITES = (PRODUCTION_SITE, "https://worker.mturk.com", SANDBOX_SITE)


def is_of_amazon(endpoint: str) -> bool:
    return "amazonaws" in (urlsplit(endpoint).hostname or "").split(".")


def requester() -> dict[str, Any]:
    """Return the access to a marketplace with MTurk's API. Only the administrator sets it, like that to buckets.

    Our own marketplace, and any server on this machine, needs only keys. Elsewhere real money is spent, so MTURK_LIVE
    is required as well.
    """
    endpoint = env_origin("MTURK_ENDPOINT_URL", MARKETPLACE_ORIGIN)
    # Amazon's is never ours, even if MARKETPLACE_ORIGIN says so.
    is_ours = not is_of_amazon(endpoint) and (endpoint == MARKETPLACE_ORIGIN or urlsplit(endpoint).hostname in LOOPBACK)
    if not is_ours and not env_bool("MTURK_LIVE", False):
        raise ImproperlyConfigured(
            f"MTURK_ENDPOINT_URL={endpoint} is not our own marketplace: its workers would be paid with real money. "
            "Set MTURK_LIVE=yes to allow that, or remove the address."
        )
    stored_keys = read_keys(STATE_DIR / "requester_keys") if is_ours else ("", "")
    return {
        "endpoint_url": endpoint,
        "is_live": not is_ours,
        # Explicit, without boto3's own search, which may find the keys of a bucket, or of another account.
        "access_key_id": env_str("MTURK_ACCESS_KEY_ID") or stored_keys[0],
        "secret_access_key": env_str("MTURK_SECRET_ACCESS_KEY") or stored_keys[1],
        # Of all processes together. MTurk's own limit is not published.
        "calls_per_second": env_int("MTURK_CALLS_PER_SECOND", 50 if is_ours else 3, lowest=1),
        "counters_every": 5 if is_ours else 60,
        # Of boto3. Adaptive slows down when it is throttled; our own marketplace throttles only on purpose.
        "retry_mode": "standard" if is_ours else "adaptive",
    }


def marketplace_sites() -> list[str]:
    """Return the sites where workers accept and submit HITs. The first is the default for addresses without a site.

    Work submitted to another site than the one where it was accepted is lost, so the first is that of the endpoint.
    """
    endpoint = MTURK["endpoint_url"]
    if not is_of_amazon(endpoint):
        return list(dict.fromkeys([endpoint, MARKETPLACE_ORIGIN]))
    first = SANDBOX_SITE if "sandbox" in endpoint else PRODUCTION_SITE
    return list(dict.fromkeys([first, *AMAZON_SITES]))


MTURK = requester()
MARKETPLACE_SITES = marketplace_sites()
# Who may show worker pages in a frame: none, or the origins of marketplaces' worker sites. CSP wants the two
# keywords in quotes, which an env file would strip.
WORKER_FRAME_ANCESTORS = [
    f"'{word}'" if word in ("none", "self") else word
    for word in env_list("WORKER_FRAME_ANCESTORS", tuple(MARKETPLACE_SITES))
]


ENGINE = "annotation_site.postgres"


def database() -> Mapping[str, Any]:
    """Return the database of DATABASE_URL, or the embedded cluster; never another server on this machine."""
    url = env_str("DATABASE_URL")
    if not url:
        host = str(places_of(STATE_DIR).postgres_sockets)
        return {"ENGINE": ENGINE, "NAME": DATABASE, "USER": SUPERUSER, "HOST": host, "PORT": "5432"}
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            "DATABASE_URL does not name a Postgres server. Write postgres://user:password@host:5432/name, "
            "or remove it to use the embedded one."
        )
    return dj_database_url.parse(url, engine=ENGINE)


def redis_url() -> str:
    url = env_str("REDIS_URL") or f"unix://{places_of(STATE_DIR).valkey_socket}"
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            "REDIS_URL does not name a Redis or Valkey server. "
            "Write redis://host:6379/0 or unix:///path/to/socket, "
            "or remove it to use the embedded one."
        )
    return url


SECRET_KEY = secret_key()
SECRET_KEY_FALLBACKS = earlier_keys()
DATABASES = {"default": {**database(), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
REDIS_URL = redis_url()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "accounts.allauth_app.Accounts",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "drf_spectacular",
    "page_files",
    "audit",
    "catalog",
    "access",
    "accounts",
    "jobs",
    "workforce",
    "contains_task",
    "classify_task",
    "review_task",
    "mturk",
    "aggregation",
    "candidates",
    "data_export",
    "data_import",
    "studies",
    "api",
    "dashboard",
    "annotation_site",
]
# A record of each kind of question: all code for every kind reads this list.
TASK_KINDS = ["contains_task.kind.CONTAINS", "classify_task.kind.CLASSIFY", "review_task.kind.REVIEW"]
# A record of each kind of job that pages start, by its name.
JOB_KINDS = {
    "import_images": "data_import.jobs.IMPORT_IMAGES",
    "predict": "candidates.jobs.PREDICT",
    "potential_labels": "candidates.jobs.POTENTIAL_LABELS",
    "open_contains": "studies.jobs.OPEN_CONTAINS",
    "simulate": "studies.jobs.SIMULATE",
}
# The frame's view of the offers on a marketplace.
FRAME_OFFERS = "mturk.offers.OFFERS"
# Results of calls to the marketplace, by operation.
CALL_RESULTS = "mturk.results.RESULTS"

MIDDLEWARE = [
    "annotation_site.middleware.set_headers",
    "access.requests.middleware.accept_own_hosts",
    "django.middleware.security.SecurityMiddleware",
    "annotation_site.middleware.separate_origins",
    "access.requests.middleware.refuse_unreadable_addresses",
    "page_files.middleware.serve_static_files",
    "annotation_site.language.choose_language",
    "annotation_site.middleware.explain_methods",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "annotation_site.middleware.end_idle_sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.name_actor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "annotation_site.middleware.prepare_sign_in",
    # After those that know the user, and before the first that reads a body: CSRF reads it on the way to the view.
    "annotation_site.middleware.limit_body",
    "access.requests.middleware.RefuseUnreadableBodies",
]

ROOT_URLCONF = "annotation_site.urls"
WSGI_APPLICATION = "annotation_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
# Of workers' pages: English, and whatever has a catalog; an operator may offer fewer.
LANGUAGES = offered_languages(env_list("LANGUAGES"), LOCALE_PATHS[0])
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

# Served by page_files.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

# A grid of 48 cells posts some 50 short fields; no other form is larger.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# Except the researcher's page for images: an archive, or so many files, written to disk as they arrive.
LARGEST_UPLOAD_MIB = env_int("LARGEST_UPLOAD_MIB", 2048, lowest=1)
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
UPLOAD_ROOT = STATE_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR = UPLOAD_ROOT / "incoming"
# Of media and uploads, whatever the umask: only the site's own processes read them.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
FILE_UPLOAD_HANDLERS = ["data_import.uploads.actions.ToDisk"]
# The buckets from which that page imports, and the only folder of this machine. The administrator puts images there.
IMPORT_BUCKETS = import_buckets()
IMPORT_ROOT = env_str("IMPORT_ROOT", str(STATE_DIR / "import"))

SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "annotation_site.views.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# The prefix makes browsers refuse these cookies from any other host or over http.
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SECURE_REFERRER_POLICY = "strict-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
# Health checks come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
# Only behind a proxy that sets this header itself and drops the client's.
BEHIND_TLS_PROXY = env_bool("BEHIND_TLS_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None

SILENCED_SYSTEM_CHECKS = [
    "files.E001",  # the folder of incoming uploads is made with the first of them
    "security.W002",  # frame-ancestors say who may frame a page, per origin, in separate_origins
    "security.W005",  # the subdomains of a deployment's hosts are its administrator's decision
    "security.W021",  # so is their place on the browsers' preload list
]

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
# Predicting has a queue of its own: hosts with a GPU take nothing else, and nothing else waits behind it.
# So have a researcher's long jobs: an import of an hour must not keep votes waiting.
CELERY_TASK_ROUTES = {
    "candidates.tasks.predict_portion": {"queue": "predict"},
    "jobs.tasks.do_job": {"queue": "setup"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task must end before the broker delivers it a second time. Those of the queues `predict` and `setup` need not: their
# work is claimed in the database, so a second one takes other work or none. A slow network may need longer for a
# portion, and may have to be downloaded first.
CELERY_TASK_ANNOTATIONS = dict.fromkeys(
    [
        "aggregation.tasks.aggregate_new_submissions",
        "aggregation.tasks.compute_agreement",
        "aggregation.tasks.measure_workers",
        "jobs.tasks.hint_at_unfinished_jobs",
        "candidates.tasks.hint_at_unfinished_runs",
        "catalog.tasks.make_pictures",
        "workforce.tasks.expire_leases",
        "workforce.tasks.forget_drafts",
        "workforce.tasks.forget_networks",
        "mturk.tasks.poll_assignments",
        "mturk.tasks.send_outbox",
        "workforce.tasks.take_in_recovered",
    ],
    {"soft_time_limit": 540, "time_limit": 600},
)
# By this name ./run tells the workers' connections apart.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900, "client_name": os.environ.get(BROKER_NAME)}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.BearerTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "api.errors.error_response",
    # There is one format: `format` in an address is a mistake, and must cause an error.
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Annotations",
    "DESCRIPTION": "Read-only access to annotations, selection frequencies and votes.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"StateEnum": "contains_task.api.STATES", "LabelStateEnum": "numerics.verdicts.STATES"},
    "SERVE_INCLUDE_SCHEMA": False,
}

WIRE_LOGGERS = ("boto3", "botocore", "s3transfer", "urllib3")
LOG_LEVEL = env_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
# To stderr, where a supervisor collects it. Requests are not logged, and the server's access log is off: a query string
# may contain a worker's id.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"secrets": {"()": "access.secret_output.logs.HideSecrets"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["secrets"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # At DEBUG they log the data of requests, with the ids of workers.
        **{name: {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL} for name in WIRE_LOGGERS},
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
