"""Every address of the staff origin is closed to visitors and to accounts that are not staff: also one added tomorrow.

The table of addresses is walked, so that a new address enters by itself. Each is asked with subjects that exist, so
that a view which lets somebody through would show something, or change something.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.db import connection, transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, clear_url_caches, path
from django.views.decorators.cache import never_cache

from annotation_site import staff_urls
from candidates.models import Run
from catalog.models import Classifier, Prediction
from catalog.reads import now
from dashboard.pages import staff_page
from dashboard.participants.views import FORMS
from dashboard.payments.decisions import OF_ASSIGNMENT, OF_BATCH, SECOND_SALT
from data_export.reads import FORMATS
from jobs.models import Job
from mturk.models import Call, ListedAssignment
from tests.dashboard.participants.test_participants_pages import report_problem
from tests.factories import make_batch, make_grid, make_worker, sign_in, staff_client, unique
from tests.required import Page
from tests.workforce.assignments_by_hand import make_offered_grid
from tests.workforce.test_frame_pages import Frame
from workforce.actions import close_batch
from workforce.models import Batch
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db

# Of a health check: one word, for whoever watches the site. Of the REST interface: it asks for a token of its own, and
# no session opens it. Of a photograph: 403 for both, as nobody would see a sign-in in the place of a picture.
HEALTH, PHOTOGRAPH, REST = {"livez", "readyz"}, {"photograph"}, "api/v1/"
SIGN_IN = {"login", "logout", "mfa_authenticate", "single-sign-on", "single-sign-on-callback"}
# Of the account itself: any account opens them, and no visitor.
ACCOUNT = {"account", "confirm", "password", "authenticator", "passkey", "remove-factor", "recovery-codes"}
# What they say of the interface holds for every site: anybody may read it.
REST_DESCRIBED = {"api-index", "api-schema"}
FAR = datetime(2100, 1, 1, tzinfo=UTC)
# Of calls to the marketplace: how many may still be made in this second.
BOOK_KEEPING = {"workforce_ratelimit"}
# What most decisions need to be carried out.
BODY = {"reason": "Nothing was answered.", "amount": "0.10", "days": "1", "level": "0.30", "newest": 10**9}
# Decisions of staff that this body carries out: with them, changes are known to be seen.
CARRIED_OUT = {"setup-close-batch", "setup-stop-run", "stop-job", "setup-approve", "setup-approve-all"}
CARRIED_OUT |= {"setup-about-batch", "setup-about-assignment", "setup-about-report", "setup-introduction"}


@dataclass(frozen=True)
class Address:
    """An address of the table: its route, the name of its pattern ("" without one), and the types of its arguments."""

    route: str
    name: str
    types: dict[str, str]

    def __str__(self) -> str:
        return self.route


def addresses(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[Address]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            types = {name: kind for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", route)}
            yield Address(route, pattern.name or "", types)


ADDRESSES = list(addresses(staff_urls.urlpatterns))
OPEN = [address for address in ADDRESSES if address.name in HEALTH | SIGN_IN | PHOTOGRAPH]
REST_ADDRESSES = [address for address in ADDRESSES if address.route.startswith(REST)]
OF_ACCOUNT = [address for address in ADDRESSES if address.name in ACCOUNT]
CLOSED = [address for address in ADDRESSES if address not in OPEN + REST_ADDRESSES + OF_ACCOUNT]


class Study:
    """A published batch somebody worked on and reported a problem of, a batch of a link, a run, and a job."""

    def __init__(self) -> None:
        grid, external_hit_id = make_offered_grid()
        report = report_problem(Frame(grid.hit, external_hit_id))
        self.batch, self.dataset = grid.hit.batch, grid.hit.batch.dataset
        self.image = self.dataset.images.first()
        self.open_batch = make_batch(self.dataset)
        make_grid(batch=self.open_batch, images=[self.image])
        listed = self.listed()
        classifier = Classifier.objects.create(name="net", label_set=self.dataset.label_set, network="net")
        Prediction.objects.create(classifier=classifier, image=self.image, labels=[0])
        run = Run.objects.create(dataset=self.dataset, classifier=classifier, top_k=5)
        job = Job.objects.create(dataset=self.dataset, kind=Job.Kind.PREDICT, asked_by="x", started_at=now())
        self.staff, self.guest, self.visitor = (staff_client(signed_in=False) for _ in range(3))
        sign_in(self.staff, get_user_model().objects.create_user(unique("researcher"), is_staff=True))
        sign_in(self.guest, get_user_model().objects.create_user(unique("guest")))
        first = get_user_model().objects.create_user(unique("first"), is_staff=True)
        asked = {"listed": listed.pk, "reason": BODY["reason"], "by": first.pk}
        # Per pattern, the arguments that name subjects; several to be tried one after the other.
        of_batch: dict[str, list[Any]] = {"pk": [self.batch.pk]}
        of_listed: dict[str, list[Any]] = {"pk": [listed.pk]}
        worker: dict[str, list[Any]] = {"worker": [pseudonym(self.dataset, report.lease.worker_id)]}
        self.arguments: dict[str, dict[str, list[Any]]] = {
            "setup-stop-run": {"pk": [run.pk]},
            "setup-close-batch": {"pk": [self.open_batch.pk]},
            "stop-job": {"pk": [job.pk]},
            "job-report": {"pk": [job.pk]},
            "file-of-rows": {"kind": ["predictions", "contains_votes"], "format": [*FORMATS]},
            "file-of-predictions": {"classifier": [classifier.pk]},
            "setup-publish": {"pk": [self.open_batch.pk, self.batch.pk]},
            "setup-compensate": of_batch | worker,
            "setup-about-batch": of_batch | {"decision": [*OF_BATCH]},
            "setup-assignment": of_listed,
            "setup-approve": of_listed,
            "setup-about-assignment": of_listed | {"decision": [*OF_ASSIGNMENT]},
            "setup-second": {"token": [signing.dumps(asked, salt=SECOND_SALT, compress=True)]},
            "setup-about-report": {"pk": [report.pk], "act": [*FORMS]},
        }
        self.arguments |= {f"setup-{name}": of_batch for name in ("published", "compare", "resend", "approve-all")}

    def listed(self) -> ListedAssignment:
        """An assignment that waits to be looked at."""
        hit = self.batch.terms.marketplace_hits.get()
        listed = ListedAssignment.objects.create(
            marketplace_hit=hit,
            external_id="3ALISTED",
            worker=make_worker(marketplace="mturk"),
            finding="unreadable",
            status="submitted",
            accepted_at=now(),
            submitted_at=now(),
        )
        Call.objects.create(
            op="ApproveAssignment", purpose=f"approve:{listed.pk}", payload={}, batch=self.batch, next_try=FAR
        )
        return listed

    def paths(self, address: Address) -> list[str]:
        """The address with every combination of its arguments filled in."""
        usual = {"path": [self.dataset.name], "int": [self.batch.pk]}
        paths = [address.route]
        for name, kind in address.types.items():
            values = self.arguments.get(address.name, {}).get(name) or usual.get(kind, [self.image.public_id])
            paths = [re.sub(rf"<[^<>]*\b{name}>", str(value), path) for path in paths for value in values]
        return [f"/{path}" for path in paths]


@pytest.fixture
def study() -> Study:
    return Study()


def rows() -> dict[str, str]:
    """A digest of all rows, per table."""
    query = "SELECT '{0}', md5(coalesce(string_agg(row::text, ' ' ORDER BY row::text), '')) FROM \"{0}\" AS row"
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        cursor.execute(" UNION ALL ".join(query.format(table) for table in tables))
        return dict(cursor.fetchall())


def asked(client: Client, method: str, path: str) -> tuple[Page, list[str]]:
    """The answer, and the tables that changed; whatever changed is as before afterwards."""
    with transaction.atomic():
        before = rows()
        answer = client.generic("GET", path) if method == "GET" else client.post(path, BODY)
        if isinstance(answer, FileResponse):
            assert list(answer.streaming_content), "read to its end, the file is closed"
        after = rows()
        transaction.set_rollback(True)
    return answer, [table for table in after if after[table] != before[table]]


def is_kept_by_nobody(answer: Page) -> bool:
    return "no-store" in answer.headers.get("Cache-Control", "")


def complaints(study: Study, address: Address) -> Iterator[str]:
    """Yield faults of an address: pages and changes that are open to visitors or to accounts without `is_staff`."""
    for path_, method in [(path_, method) for path_ in study.paths(address) for method in ("GET", "POST")]:
        answer, changed = asked(study.visitor, method, path_)
        sign_in = f"/login/?next={quote(path_)}"
        if (answer.status_code, answer.headers.get("Location")) != (302, sign_in) or answer.content:
            yield f"{method} {path_}: a visitor gets {answer.status_code} and is not led to the sign-in"
        refused, changed_by_guest = asked(study.guest, method, path_)
        if refused.status_code != 403 or "is not a staff account" not in refused.content.decode():
            yield f"{method} {path_}: an account that is not staff gets {refused.status_code}"
        if changed or changed_by_guest:
            yield f"{method} {path_}: changes {sorted({*changed, *changed_by_guest})}"
        if not (is_kept_by_nobody(answer) and is_kept_by_nobody(refused)):
            yield f"{method} {path_}: may be cached"


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_an_address_shows_and_does_nothing_for_who_is_not_staff(study, address):
    assert not list(complaints(study, address))


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_staff_are_answered_at_each_address_and_nobody_caches_it(study, address):
    carried_out = False
    for path_ in study.paths(address):
        for method in ("GET", "POST"):
            answer, changed = asked(study.staff, method, path_)
            assert answer.status_code != 403 and answer.status_code < 500, (method, path_)
            assert is_kept_by_nobody(answer), (method, path_)
            assert method == "POST" or set(changed) <= BOOK_KEEPING, f"GET {path_} changes {changed}"
            carried_out = carried_out or bool(changed)
    assert carried_out or address.name not in CARRIED_OUT


@pytest.mark.parametrize("address", OF_ACCOUNT, ids=str)
def test_an_address_of_the_account_shows_and_does_nothing_for_a_visitor(study, address):
    for path_, method in [(path_, method) for path_ in study.paths(address) for method in ("GET", "POST")]:
        answer, changed = asked(study.visitor, method, path_)
        assert answer.headers["Location"] == f"/login/?next={quote(path_)}" and not answer.content
        for client in (study.guest, study.staff):
            shown, _ = asked(client, method, path_)
            assert shown.status_code in (200, 302, 403, 404, 405, 422) and is_kept_by_nobody(shown)
            changed += asked(client, "GET", path_)[1]
        assert not changed and is_kept_by_nobody(answer)


# The few that are open


def test_the_open_addresses_are_these_and_no_others():
    assert {address.name for address in OPEN} == HEALTH | SIGN_IN | PHOTOGRAPH
    assert {address.name for address in CLOSED} >= CARRIED_OUT
    assert len(CLOSED) > 30 and len(REST_ADDRESSES) > 5


@pytest.mark.parametrize("name", sorted(HEALTH))
def test_a_health_check_says_one_word_to_anybody(study, name):
    for client in (study.visitor, study.guest, study.staff):
        answer, changed = asked(client, "GET", f"/{name}")
        assert (answer.content, changed) == (b"ok", [])
        assert asked(client, "POST", f"/{name}")[0].status_code == 405


def test_a_photograph_is_shown_to_staff_alone(study):
    path = f"/i/{study.image.public_id}.jpg"
    for client in (study.visitor, study.guest):
        for method, status in (("GET", 403), ("POST", 405)):
            answer, changed = asked(client, method, path)
            assert (answer.status_code, changed) == (status, [])
            assert is_kept_by_nobody(answer)
    answer = study.staff.get(path)
    assert answer.status_code == 200 and "private" in answer.headers["Cache-Control"]
    assert b"".join(answer.streaming_content)


@pytest.mark.parametrize("address", REST_ADDRESSES, ids=str)
def test_no_session_opens_the_rest_interface(study, address):
    for path_ in study.paths(address):
        for method in ("GET", "POST"):
            seen = []
            for client in (study.visitor, study.guest, study.staff):
                answer, changed = asked(client, method, path_)
                assert not changed
                seen.append((answer.status_code, answer.content))
            assert seen[0] == seen[1] == seen[2]
            assert seen[0][0] in (401, 404, 405) or address.name in REST_DESCRIBED


# Signing in


def test_an_account_that_is_not_staff_reads_after_its_sign_in_what_is_missing_and_can_sign_out(study):
    get_user_model().objects.create_user("rosa", password="a long pass phrase")
    client, path = staff_client(signed_in=False), f"/datasets/{study.dataset.name}/"
    fields = {"username": "rosa", "password": "a long pass phrase", "next": path}
    page = client.post("/login/", fields, follow=True)
    assert (page.status_code, page.redirect_chain) == (403, [(path, 302)])
    words = page.content.decode()
    assert "<strong>rosa</strong> is not a staff account. Nothing was changed." in words
    assert "ask the site administrator" in words and 'action="/logout/"' in words
    assert study.dataset.name not in words
    assert client.get("/login/", follow=True).status_code == 403, "and it is led round in no circle"
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert "Sign in" in client.get(path, follow=True).content.decode()


# What breaks the rule is found


def closes(request: HttpRequest, pk: int) -> HttpResponse:
    close_batch(batch=Batch.objects.get(pk=pk))
    return HttpResponse("done")


def only_refuses(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("is not a staff account", status=403)


def refuses_too_late(request: HttpRequest, pk: int) -> HttpResponseBase:
    closes(request, pk)
    return staff_page("POST")(closes)(request, pk)


BROKEN = {
    "no decorator at all": (closes, "a visitor gets 200"),
    "signed in is enough": (never_cache(login_required(closes)), "an account that is not staff gets 200"),
    "an answer that may be kept": (login_required(only_refuses), "may be cached"),
    "done before it is refused": (refuses_too_late, "changes ['workforce_batch"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_address_that_lets_somebody_through_is_found(study, monkeypatch, case):
    view, words = BROKEN[case]
    added = path("added/<int:pk>/", view, name="added")
    monkeypatch.setattr(staff_urls, "urlpatterns", [added, *staff_urls.urlpatterns])
    clear_url_caches()
    try:
        (address,) = [pattern for pattern in addresses(staff_urls.urlpatterns) if pattern not in ADDRESSES]
        study.arguments["added"] = {"pk": [study.open_batch.pk]}
        faults = list(complaints(study, address))
    finally:
        monkeypatch.undo()
        clear_url_caches()
    assert any(words in complaint for complaint in faults), faults


def test_the_same_address_with_its_decorator_is_left_alone(study, monkeypatch):
    added = path("added/<int:pk>/", staff_page("POST")(closes), name="added")
    monkeypatch.setattr(staff_urls, "urlpatterns", [added, *staff_urls.urlpatterns])
    clear_url_caches()
    study.arguments["added"] = {"pk": [study.open_batch.pk]}
    try:
        assert not list(complaints(study, Address("added/<int:pk>/", "added", {"pk": "int"})))
        assert asked(study.staff, "GET", f"/added/{study.open_batch.pk}/")[0].status_code == 405
        answer, changed = asked(study.staff, "POST", f"/added/{study.open_batch.pk}/")
        assert (answer.content, "workforce_batch" in changed) == (b"done", True)
    finally:
        monkeypatch.undo()
        clear_url_caches()
