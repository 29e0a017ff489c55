"""Tests of every address of the staff origin: the roles that get in, and what each person can change there.

The table of addresses is walked: an address without a line below fails. Each is asked with subjects that exist, so
that a view which lets somebody through would show something, or change something.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import clear_url_caches, path
from django.views.decorators.cache import never_cache

from access.permissions.reads import May
from annotation_site import staff_urls
from catalog.models import Dataset
from dashboard.pages import staff_page
from dashboard.subjects import study_of_batch
from tests.annotation_site.address_study import (
    ABSENT,
    ADMINISTRATOR,
    FOREIGN,
    FOREIGN_ROLES,
    SOAK,
    STAFF_ADDRESSES,
    VISITOR,
    WITHOUT_ROLE,
    Address,
    Study,
    addresses,
    asked,
    is_kept_by_nobody,
    study_for_a_module,
    undone,
)
from tests.factories import staff_client
from tests.required import Page
from workforce.actions import close_batch
from workforce.models import Batch

# Of a health check: one word, for whoever watches the site. Of the REST interface: it asks for a token of its own, and
# no session opens it. Of a photograph: no page, as nobody would see a sign-in in the place of a picture.
HEALTH, REST = {"livez", "readyz"}, "api/v1/"
PHOTOGRAPH = {"photograph", "review-photograph", "review-example", "guide-picture", "class-example"}
SIGN_IN = {"login", "logout", "mfa_authenticate", "single-sign-on", "single-sign-on-callback"}
# Of the account itself: any account opens them, and no visitor.
ACCOUNT = {"account", "confirm", "password", "authenticator", "passkey", "remove-factor", "recovery-codes"}
# The secret in the address of an invitation is what lets its reader in.
INVITATION = {"invitation"}
# What they say of the interface holds for every site: anybody may read it.
REST_DESCRIBED = {"api-index", "api-schema"}
# Of calls to the marketplace: how many may still be made in this second.
BOOK_KEEPING = {"workforce_ratelimit"}
# Downloads leave a mark of use in the record of decisions.
MARKED = {"file-of-rows", "file-of-predictions", "file-of-review", "guide-document", "mistakes-file"}
ROLES = ("owner", "researcher", "reviewer", "labeler", "reader")
WRITERS = ("owner", "researcher", "reviewer", "labeler")
EVERYBODY, READERS, RESEARCHERS, OWNERS = ROLES, ("owner", "researcher", "reader"), ("owner", "researcher"), ("owner",)
REVIEWERS = ("owner", "researcher", "reviewer")
# By the name of an address: the roles that get in. In pairs: where the address has this part, and else.
LETS_IN: dict[str, tuple[str, ...] | dict[str, tuple[str, ...]]] = {
    "dataset": EVERYBODY,
    "image": READERS,
    "setup-images": RESEARCHERS,
    "setup-files": READERS,
    "file-of-rows": {"_votes/": RESEARCHERS, "": READERS},
    "file-of-predictions": READERS,
    "file-of-review": {".jsonl": RESEARCHERS, "": READERS},
    "stop-job": RESEARCHERS,
    "job-report": RESEARCHERS,
    "setup-classifiers": RESEARCHERS,
    "setup-potential-labels": RESEARCHERS,
    "setup-grids": RESEARCHERS,
    "setup-settings": RESEARCHERS,
    "setup-labels": RESEARCHERS,
    "setup-label": RESEARCHERS,
    "setup-stop-run": RESEARCHERS,
    "setup-close-batch": RESEARCHERS,
    "setup-marketplace": RESEARCHERS,
    "setup-publish": RESEARCHERS,
    "setup-published": RESEARCHERS,
    "setup-compare": RESEARCHERS,
    "setup-resend": RESEARCHERS,
    "setup-compensate": RESEARCHERS,
    "setup-approve-all": RESEARCHERS,
    "setup-about-batch": RESEARCHERS,
    "setup-assignment": RESEARCHERS,
    "setup-approve": RESEARCHERS,
    "setup-about-assignment": RESEARCHERS,
    "setup-second": RESEARCHERS,
    "setup-introduction": RESEARCHERS,
    "setup-reports": RESEARCHERS,
    "setup-about-report": RESEARCHERS,
    "setup-networks": RESEARCHERS,
    "setup-include-again": RESEARCHERS,
    "setup-links": RESEARCHERS,
    "label-search": EVERYBODY,
    "label-matches": EVERYBODY,
    "label-hierarchy": EVERYBODY,
    "label-tree": EVERYBODY,
    "label-class": EVERYBODY,
    "agreement": READERS,
    "agreement-images": READERS,
    "agreement-workers": RESEARCHERS,
    "recompute-agreement": RESEARCHERS,
    "study-workers": RESEARCHERS,
    "study-worker": RESEARCHERS,
    "study-about-worker": RESEARCHERS,
    "study-submission": RESEARCHERS,
    "study-rules": RESEARCHERS,
    "study-rule": RESEARCHERS,
    "study-rule-decision": RESEARCHERS,
    "study-look-up": RESEARCHERS,
    "study-withdrawals": RESEARCHERS,
    "study-recruitment": RESEARCHERS,
    "guide": EVERYBODY,
    "guide-entry": EVERYBODY,
    "guide-versions": EVERYBODY,
    "guide-version": EVERYBODY,
    "guide-differences": EVERYBODY,
    "guide-document": EVERYBODY,
    "guide-new": WRITERS,
    "guide-edit": WRITERS,
    "guide-restore": WRITERS,
    "guide-about": WRITERS,
    "guide-share": RESEARCHERS,
    "simulate": RESEARCHERS,
    "remove-simulated": RESEARCHERS,
    "ask-for-missing": RESEARCHERS,
    "recompute": RESEARCHERS,
    **dict.fromkeys(("reviews", "review", "next-class", "review-label", "class-page", "store-presses"), REVIEWERS),
    **dict.fromkeys(("open-review", "assign-classes", "unassign-class", "add-predictions"), RESEARCHERS),
    **dict.fromkeys(("add-problem-reason", "close-review", "review-again"), RESEARCHERS),
    **dict.fromkeys(("review-outcome", "review-outcome-file"), REVIEWERS),
    **dict.fromkeys(("consensus", "next-dispute", "discussion", "settle-item", "open-item-again"), REVIEWERS),
    **dict.fromkeys(("comment-on-item", "pair-mistake"), REVIEWERS),
    **dict.fromkeys(("mistakes", "mistakes-of-queue", "mistake-images", "mistakes-file"), READERS),
    "open-mistakes": RESEARCHERS,
    "people": OWNERS,
    "change-member": OWNERS,
    "remove-member": OWNERS,
    "revoke-invitation": OWNERS,
    "study-tokens": RESEARCHERS,
    "revoke-study-token": RESEARCHERS,
}
# Addresses that belong to no study: for anybody with a role, and for site administrators alone.
OF_EVERYBODY, OF_ADMINISTRATORS = {"datasets"}, {"new-dataset", "tokens", "revoke-token"}
# Decisions that the body of address_study carries out: with them, changes are known to be seen.
CARRIED_OUT = {"setup-close-batch", "setup-stop-run", "stop-job", "setup-approve", "setup-approve-all"}
CARRIED_OUT |= {"setup-about-batch", "setup-about-assignment", "setup-about-report", "setup-introduction"}
CARRIED_OUT |= {"people", "change-member", "remove-member", "revoke-invitation", "study-tokens", "revoke-study-token"}
CARRIED_OUT |= {"study-look-up", "study-rule-decision"}
CARRIED_OUT |= {"open-review", "close-review", "settle-item", "comment-on-item"}
CARRIED_OUT |= {"guide-new", "guide-edit", "guide-restore", "guide-about"}
CARRIED_OUT |= {"tokens", "revoke-token", "setup-include-again", "setup-label"}

OPEN = [address for address in STAFF_ADDRESSES if address.name in HEALTH | SIGN_IN | PHOTOGRAPH | INVITATION]
REST_ADDRESSES = [address for address in STAFF_ADDRESSES if address.route.startswith(REST)]
OF_ACCOUNT = [address for address in STAFF_ADDRESSES if address.name in ACCOUNT]
CLOSED = [address for address in STAFF_ADDRESSES if address not in OPEN + REST_ADDRESSES + OF_ACCOUNT]
OF_STUDIES = [address for address in CLOSED if address.name not in OF_EVERYBODY | OF_ADMINISTRATORS]


@pytest.fixture(scope="module")
def study(django_db_setup, django_db_blocker) -> Iterator[Study]:
    with study_for_a_module(django_db_blocker) as made_study:
        yield made_study


def roles_at(address: Address, path_: str) -> tuple[str, ...]:
    if address.name in OF_EVERYBODY:
        return (*ROLES, *(FOREIGN + role for role in ROLES if SOAK or role in FOREIGN_ROLES))
    if address.name in OF_ADMINISTRATORS:
        return ()
    entry = LETS_IN.get(address.name, ())
    if isinstance(entry, dict):
        return next(roles for part, roles in entry.items() if part in path_)
    return entry


def asks(study: Study, address: Address) -> list[tuple[str, str]]:
    return [(path_, method) for path_ in study.paths(address) for method in ("GET", "POST")]


def complaints(study: Study, address: Address) -> Iterator[str]:
    """Yield faults of an address: pages and changes that are open to somebody who has no business there."""
    for path_, method in asks(study, address):
        let_in = {*roles_at(address, path_), ADMINISTRATOR}
        for name, client in study.clients.items():
            if name not in let_in:
                answer, changed = asked(client, method, path_)
                problem = fault_of_refusal(name, address, path_, answer)
                if problem:
                    yield f"{method} {path_}: {name} {problem}"
                if changed:
                    yield f"{method} {path_}: {name} changes {changed}"
                if not is_kept_by_nobody(answer):
                    yield f"{method} {path_}: for {name} it may be cached"


def fault_of_refusal(name: str, address: Address, path_: str, answer: Page) -> str:
    words = answer.content.decode()
    if name == VISITOR:
        led_to = answer.status_code, answer.headers.get("Location"), words
        is_sign_in = led_to == (302, f"/login/?next={quote(path_)}", "")
        return "" if is_sign_in else f"gets {answer.status_code} and is not led to the sign-in"
    if name == WITHOUT_ROLE:
        expected, phrase = 403, "has no role in any study"
    elif address.name in OF_ADMINISTRATORS:
        expected, phrase = 403, "Only the site administrator"
    elif name.startswith(FOREIGN):
        expected, phrase = 404, "Unknown dataset" if "<path:name>" in address.route else "There is no page"
    else:
        expected, phrase = 403, "Roles that may do this:"
    return "" if answer.status_code == expected and phrase in words else f"gets {answer.status_code}"


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_an_address_shows_and_does_nothing_for_people_without_its_permission(study, address):
    assert not list(complaints(study, address))


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_an_address_answers_the_roles_that_it_is_for_and_a_get_changes_nothing(study, address):
    carried_out = False
    for path_, method in asks(study, address):
        for name in (*roles_at(address, path_), ADMINISTRATOR):
            answer, changed = asked(study.clients[name], method, path_)
            assert answer.status_code != 403 and answer.status_code < 500, (name, method, path_)
            assert is_kept_by_nobody(answer), (name, method, path_)
            marks = {"audit_auditentry"} if address.name in MARKED else set()
            assert method == "POST" or set(changed) <= BOOK_KEEPING | marks, f"GET {path_} changes {changed}"
            carried_out = carried_out or bool(changed)
    assert carried_out or address.name not in CARRIED_OUT


@pytest.mark.parametrize("address", OF_STUDIES, ids=str)
def test_a_foreign_study_is_answered_as_a_study_that_does_not_exist(study, address):
    """The two answers differ in nothing but the name that the reader typed."""
    client = study.clients[FOREIGN + "owner"]
    for method in ("GET", "POST"):
        unknown, _ = asked(client, method, study.nowhere(address))
        for path_ in study.paths(address):
            foreign, _ = asked(client, method, path_)
            assert (foreign.status_code, unknown.status_code) == (404, 404), path_
            assert without_names(study, foreign) == without_names(study, unknown), path_
            assert foreign.headers.keys() == unknown.headers.keys()


@pytest.mark.parametrize("address", OF_ACCOUNT, ids=str)
def test_an_address_of_the_account_shows_and_does_nothing_for_a_visitor(study, address):
    for path_, method in asks(study, address):
        for name, client in study.clients.items():
            answer, changed = asked(client, method, path_)
            assert is_kept_by_nobody(answer), (name, method, path_)
            if name == VISITOR:
                assert answer.headers["Location"] == f"/login/?next={quote(path_)}" and not answer.content
                assert not changed
            else:
                assert answer.status_code in (200, 302, 403, 404, 405, 422), (name, method, path_)
                assert method == "POST" or not changed, (name, path_, changed)


def without_names(study: Study, answer: Page) -> str:
    words = answer.content.decode().replace(study.dataset.name, ABSENT)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", words)


def test_every_address_has_its_line(study):
    assert {address.name for address in OPEN} == HEALTH | SIGN_IN | PHOTOGRAPH | INVITATION
    assert {address.name for address in CLOSED} == {*LETS_IN, *OF_EVERYBODY, *OF_ADMINISTRATORS}
    assert len(CLOSED) > 30 and len(REST_ADDRESSES) > 5


# The few that are open


@pytest.mark.parametrize("name", sorted(HEALTH))
def test_a_health_check_says_one_word_to_anybody(study, name):
    for client in study.clients.values():
        answer, changed = asked(client, "GET", f"/{name}")
        assert (answer.content, changed) == (b"ok", [])
        assert asked(client, "POST", f"/{name}")[0].status_code == 405


PICTURES = {"photograph": READERS, "review-photograph": REVIEWERS, "guide-picture": EVERYBODY}


@pytest.mark.parametrize(("name_of_address", "let_in"), PICTURES.items())
def test_a_picture_is_shown_to_readers_of_its_study_alone(study, name_of_address, let_in):
    (path_,) = [path_ for address in OPEN if address.name == name_of_address for path_ in study.paths(address)]
    for name, client in study.clients.items():
        answer, changed = asked(client, "POST", path_)
        assert (answer.status_code, changed, is_kept_by_nobody(answer)) == (405, [], True)
        with undone():
            answer = client.get(path_)
        if name in (*let_in, ADMINISTRATOR):
            assert answer.status_code == 200 and "private" in answer.headers["Cache-Control"]
            assert b"".join(answer.streaming_content)
        else:
            assert answer.status_code == (404 if name.startswith(FOREIGN) else 403), name
            assert is_kept_by_nobody(answer)
    (nowhere,) = [study.nowhere(address) for address in OPEN if address.name == name_of_address]
    assert study.clients[FOREIGN + "owner"].get(nowhere).status_code == 404


def test_an_invitation_shows_itself_to_anybody_with_its_link_and_a_get_changes_nothing(study):
    (path_,) = [path_ for address in OPEN if address.name in INVITATION for path_ in study.paths(address)]
    for name, client in study.clients.items():
        answer, changed = asked(client, "GET", path_)
        assert (answer.status_code, changed, is_kept_by_nobody(answer)) == (200, [], True), name
        other, changed = asked(client, "POST", path_[:-2] + "/")
        assert (other.status_code, changed, is_kept_by_nobody(other)) == (404, [], True), name
        assert study.dataset.name not in other.content.decode()


@pytest.mark.parametrize("address", REST_ADDRESSES, ids=str)
def test_no_session_opens_the_rest_interface(study, address):
    for path_, method in asks(study, address):
        seen = []
        for client in study.clients.values():
            answer, changed = asked(client, method, path_)
            assert not changed
            seen.append((answer.status_code, answer.content))
        assert len(set(seen)) == 1
        assert seen[0][0] in (401, 404, 405) or address.name in REST_DESCRIBED


# Signing in


def test_an_account_without_a_role_reads_after_its_sign_in_what_is_missing_and_can_sign_out(study):
    with undone():
        get_user_model().objects.create_user("rosa", password="a long pass phrase")
        client, path_ = staff_client(signed_in=False), f"/datasets/{study.dataset.name}/"
        fields = {"username": "rosa", "password": "a long pass phrase", "next": path_}
        page = client.post("/login/", fields, follow=True)
        assert (page.status_code, page.redirect_chain) == (403, [(path_, 302)])
        words = page.content.decode()
        assert "<strong>rosa</strong> has no role in any study. Nothing was changed." in words
        assert "Ask an owner of the study" in words and 'action="/logout/"' in words
        assert study.dataset.name not in words
        assert client.get("/login/", follow=True).status_code == 403, "and it is led round in no circle"
        assert client.post("/logout/").headers["Location"] == "/login/"
        assert "Sign in" in client.get(path_, follow=True).content.decode()


# What breaks the rule is found


def closes(request: HttpRequest, pk: int) -> HttpResponse:
    close_batch(batch=Batch.objects.get(pk=pk))
    return HttpResponse("done")


def only_refuses(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("has no role in any study", status=403)


def refuses_too_late(request: HttpRequest, pk: int) -> HttpResponseBase:
    closes(request, pk)
    return staff_page("POST", may=May.OPEN_BATCHES, of=study_of_batch)(closes)(request, pk=pk)


BROKEN = {
    "no decorator at all": (closes, "visitor gets 200"),
    "signed in is enough": (never_cache(login_required(closes)), "without a role gets 200"),
    "any role is enough": (staff_page("POST", may=May.SEE_STUDY, of=study_of_batch)(closes), "labeler gets 200"),
    "a role anywhere is enough": (
        staff_page("POST", may=May.OPEN_BATCHES, of=lambda pk: Dataset.objects.latest("pk"))(closes),
        "foreign owner gets 200",
    ),
    "an answer that may be kept": (login_required(only_refuses), "may be cached"),
    "done before it is refused": (refuses_too_late, "'workforce_batch"),
}


@pytest.fixture
def added(study, monkeypatch):
    """Add a view at an address, and return the address."""

    def add(view) -> Address:
        monkeypatch.setattr(staff_urls, "urlpatterns", [path("added/<int:pk>/", view, name="added"), *patterns])
        clear_url_caches()
        study.arguments["added"] = {"pk": [study.open_batch.pk]}
        monkeypatch.setitem(LETS_IN, "added", RESEARCHERS)
        (address,) = [pattern for pattern in addresses(staff_urls.urlpatterns) if pattern not in STAFF_ADDRESSES]
        return address

    patterns = staff_urls.urlpatterns
    yield add
    monkeypatch.undo()
    clear_url_caches()


@pytest.mark.parametrize("case", BROKEN)
def test_an_address_that_lets_somebody_through_is_found(study, added, case):
    view, words = BROKEN[case]
    faults = list(complaints(study, added(view)))
    assert any(words in complaint for complaint in faults), faults


def test_the_same_address_with_its_decorator_is_left_alone(study, added):
    address = added(staff_page("POST", may=May.OPEN_BATCHES, of=study_of_batch)(closes))
    assert not list(complaints(study, address))
    client, path_ = study.clients["researcher"], f"/added/{study.open_batch.pk}/"
    assert asked(client, "GET", path_)[0].status_code == 405
    answer, changed = asked(client, "POST", path_)
    assert (answer.content, "workforce_batch" in changed) == (b"done", True)


@pytest.mark.parametrize(
    "options", [{}, {"may": May.OPEN_BATCHES}, {"may": May.ADMINISTER, "of": study_of_batch}, {"of": study_of_batch}]
)
def test_a_view_without_a_permission_or_without_its_study_cannot_be_written(options):
    with pytest.raises(TypeError):
        staff_page("GET", **options)(closes)
