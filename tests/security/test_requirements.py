"""Requirements that are kept by what is not there: no admin, no sign-up, no fetched address, no callback, no pickle."""

import ast
import logging
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from annotation_site.views import STAFF_URLS, WORKER_URLS
from launcher.places import ROOT
from mturk import endpoint
from tests.factories import make_dataset, make_grid, staff_client, worker_client
from tests.security.source_rules import BROKEN, EXCEPTIONS, ROOMS, Rule


@cache
def files() -> dict[str, ast.Module]:
    """Return the files of all rooms; not before a test asks, since every process of a run reads this module."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }


TEMPLATES = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "marketplace").rglob("*.html")]
# Views that a form of another site may reach. Each asks for a proof of its own, or changes nothing.
WITHOUT_CSRF = {
    "workforce.views.join",
    "workforce.views.finish",
    "workforce.views.about",
    "contains_task.views.grid",
    "classify_task.views.form",
    "mturk.views.compensation",
}
# Operations of MTurk's API that the marketplace would call us back by.
CALL_BACKS = ("UpdateNotificationSettings", "SendTestEventNotification")


def patterns(resolver: URLResolver | Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from patterns(pattern, route)


ADDRESSES = [(table, *found) for table in (STAFF_URLS, WORKER_URLS) for found in patterns(get_resolver(table))]


@pytest.mark.parametrize("rule", EXCEPTIONS, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule):
    complaints = {name: list(rule(name, tree)) for name, tree in files().items() if name not in EXCEPTIONS[rule]}
    assert not [complaint for broken in complaints.values() for complaint in broken]


@pytest.mark.parametrize("rule", EXCEPTIONS, ids=lambda rule: rule.__name__)
def test_a_file_that_breaks_the_rule_is_found_and_no_exception_is_idle(rule: Rule):
    assert list(rule("broken.py", ast.parse(BROKEN[rule])))
    assert not [name for name in EXCEPTIONS[rule] if name not in files() or not list(rule(name, files()[name]))]


# S3: fields of accounts


def test_there_is_no_admin_of_django_and_no_form_has_a_field_of_rights():
    assert not apps.is_installed("django.contrib.admin")
    assert not [route for _, route, _ in ADDRESSES if route.startswith("admin")]
    rights = re.compile(r"""name=["'](is_staff|is_superuser|is_active|groups|user_permissions)["']""")
    assert not [path for path in TEMPLATES if rights.search(path.read_text())]


@pytest.mark.django_db
def test_fields_of_rights_that_a_request_brings_along_are_passed_over():
    client, dataset = staff_client(), make_dataset()
    user = get_user_model().objects.get()
    rights = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1"}
    for path in ("/setup/new/", f"/setup/settings/{dataset.name}/", f"/setup/introduction/{dataset.name}/"):
        client.post(path, rights)
    user.refresh_from_db()
    assert not user.is_superuser and not user.groups.exists() and not user.user_permissions.exists()


# S4: text stays text


def test_templates_escape_everything():
    loud = re.compile(r"\|\s*safe\b|\|\s*safeseq\b|autoescape\s+off|<script(?![^>]*(\ssrc=|type=\"application/json\"))")
    assert len(TEMPLATES) > 40
    assert not [path for path in TEMPLATES if loud.search(path.read_text())]


# S8: no address from a person is fetched


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        *("http://169.254.169.254/latest/meta-data/", "https://127.1/x.zip", "http://[::ffff:127.0.0.1]/x.zip"),
        *("file:///etc/passwd", "//example.org/x.zip", "gopher://example.org/"),
    ],
)
def test_no_page_fetches_an_address(address, settings, tmp_path):
    settings.IMPORT_ROOT = str(tmp_path)
    dataset, client = make_dataset(), staff_client()
    for source in ("server", "bucket"):
        page = client.post(f"/setup/images/{dataset.name}/", {"from": source, "server": address, "bucket": address})
        assert page.status_code == 400, "the tests' closed network would have raised an error of its own"
    assert not dataset.jobs.exists()


# S12: nobody signs up


@pytest.mark.django_db
def test_no_address_makes_an_account_of_somebody_who_was_not_invited():
    names = re.compile(r"sign_?-?up|register|registration|create_account", re.IGNORECASE)
    fields = {"username": "eve", "email": "eve@example.org", "password1": "a long pass phrase"}
    fields |= {"password": fields["password1"], "password2": fields["password1"]}
    for client in (staff_client(signed_in=False), worker_client()):
        for path in ("/signup/", "/register/", "/accounts/signup/", "/accounts/3rdparty/signup/", "/setup/accounts/"):
            assert client.post(path, fields).status_code in (302, 403, 404, 405)
    assert not get_user_model().objects.exists()
    assert not [route for table, route, _ in ADDRESSES if table == WORKER_URLS and names.search(route)]


# S17: JSON alone


@pytest.mark.django_db
def test_sessions_are_json_and_no_cache_is_shared():
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    # Django's caches hold pickles: one that other processes can write to would be a way in.
    assert [type(cache).__name__ for cache in caches.all(initialized_only=False)] == ["LocMemCache"]


# S20: the rights of the key to the marketplace


def operations() -> set[str]:
    """Return the operations of MTurk's API that the rooms name."""
    offered = set(endpoint.client(1).meta.service_model.operation_names)
    texts = {
        node.value
        for name, tree in files().items()
        if not name.startswith(("marketplace/", "launcher/")) and "/migrations/" not in name
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return offered & texts


def test_the_document_grants_the_operations_that_are_called_and_no_others():
    page = (ROOT / "docs/security.md").read_text()
    granted = re.findall(r'"mechanicalturk:(\w+)"', page)
    assert sorted(granted) == sorted(operations())
    assert len(granted) > 10 and "*" not in granted


# S21: what is installed


def test_an_audit_covers_every_lock_file():
    script = ROOT / "requirements" / "audit"
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "--require-hashes" in script.read_text() and '"$@"' in script.read_text()
    assert re.search(r"for \w+ in \*\.txt", script.read_text())


# S22: nobody calls back


def test_no_address_takes_notifications_and_no_view_is_open_to_other_sites_unless_it_is_listed():
    assert not operations() & set(CALL_BACKS)
    assert not [route for _, route, _ in ADDRESSES if re.search("hook|notif|callback/sns|sqs", route)]
    exempt = {
        f"{pattern.callback.__module__}.{pattern.callback.__name__}"
        for _, route, pattern in ADDRESSES
        if getattr(pattern.callback, "csrf_exempt", False) and not route.startswith("api/v1/")
    }
    assert exempt == WITHOUT_CSRF


# S23: errors tell nothing of the inside


def broken(client: Client, path: str, monkeypatch: pytest.MonkeyPatch, place: str) -> str:
    """Let the view behind a path fail, and return what the person is told."""

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the inside: SELECT secret FROM place")

    monkeypatch.setattr(place, fail)
    client.raise_request_exception = False
    page = client.get(path)
    assert page.status_code == 500
    return page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("side", ["worker", "staff"])
def test_what_breaks_inside_is_logged_and_not_told(side, monkeypatch, caplog):
    batch = make_grid().hit.batch
    if side == "worker":
        place, client, path = "workforce.views._batch", worker_client(), f"/join/{batch.public_id}?worker=ann"
    else:
        place, client, path = "dashboard.overview.views.render", staff_client(), "/"
    with caplog.at_level(logging.ERROR):
        text = broken(client, path, monkeypatch, place)
    assert "The error is on our side" in text
    assert "inside" not in text and "Traceback" not in text and "RuntimeError" not in text
    assert "the inside" in caplog.text
