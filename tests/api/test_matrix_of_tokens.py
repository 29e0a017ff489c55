"""The matrix of tokens and addresses of REST: by its scope, its study, its end, and its author. (T17, S24)"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from access.models import Role
from annotation_site.views import STAFF_URLS
from api.actions import create_token, revoke_token
from api.models import ApiToken, Scope
from catalog.models import Dataset
from catalog.reads import now
from tests.annotation_site.matrix import asked, routes
from tests.api_reader import make_answered_study
from tests.factories import make_dataset, make_member, staff_client, unique
from tests.rows_of_a_module import rows_of_a_module

pytestmark = pytest.mark.django_db

DERIVED = ("annotations", "selection_frequencies", "label_sets")
VOTES = ("contains_votes", "classify_votes", "verdicts")
TABLES = (*DERIVED, *VOTES)
# Addresses that describe the interface, the same for everybody; and the catch-all of the others.
DESCRIBED, REST = ("api/v1/", "api/v1/schema/"), "api/v1/<path:address>/"
# What REST may write on a read: when the token was last used.
BOOK_KEEPING = {"annotation_site_apitoken"}
OK, REFUSED, SCOPE, ABSENT, UNNAMED = 200, 401, 403, 404, 400
# For a token: the statuses of derived tables and of votes of its own study, and those of another one.
Cells = tuple[int, int, int, int]


def token(dataset: Dataset | None, *scopes: Scope, **options: Any) -> str:
    chosen: dict[str, Any] = {"scopes": [scope.value for scope in scopes]} if scopes else {}
    return create_token(name=unique("token"), dataset=dataset, **chosen, **options)[1]


def by_role(role: Role) -> Callable[[Dataset], str]:
    return lambda dataset: token(dataset, created_by=make_member(dataset, role), expires_at=now() + timedelta(days=1))


def by_administrator(dataset: Dataset) -> str:
    author = get_user_model().objects.create_user(unique("administrator"), is_staff=True)
    return token(None, created_by=author, expires_at=now() + timedelta(days=1))


def by_somebody_without_a_role(dataset: Dataset) -> str:
    author = get_user_model().objects.create_user(unique("guest"))
    return token(dataset, created_by=author, expires_at=now() + timedelta(days=1))


def revoked(dataset: Dataset) -> str:
    key = token(dataset)
    revoke_token(token=ApiToken.objects.latest("pk"))
    return key


TOKENS: dict[str, tuple[Callable[[Dataset], str | None], Cells]] = {
    "none": (lambda dataset: None, (REFUSED,) * 4),
    "unknown": (lambda dataset: "ann_" + "x" * 43, (REFUSED,) * 4),
    "expired": (lambda dataset: token(dataset, expires_at=now() - timedelta(seconds=1)), (REFUSED,) * 4),
    "revoked": (revoked, (REFUSED,) * 4),
    "of the study": (lambda dataset: token(dataset), (OK, OK, ABSENT, ABSENT)),
    "of the study, annotations": (lambda dataset: token(dataset, Scope.ANNOTATIONS), (OK, SCOPE, ABSENT, SCOPE)),
    "of the study, votes": (lambda dataset: token(dataset, Scope.VOTES), (SCOPE, OK, SCOPE, ABSENT)),
    "of all studies": (lambda dataset: token(None), (OK, OK, OK, OK)),
    "of all studies, annotations": (lambda dataset: token(None, Scope.ANNOTATIONS), (OK, SCOPE, OK, SCOPE)),
    "of all studies, votes": (lambda dataset: token(None, Scope.VOTES), (SCOPE, OK, SCOPE, OK)),
    "by an owner": (by_role(Role.OWNER), (OK, OK, ABSENT, ABSENT)),
    "by a researcher": (by_role(Role.RESEARCHER), (OK, OK, ABSENT, ABSENT)),
    "by a reader": (by_role(Role.READER), (OK, SCOPE, ABSENT, SCOPE)),
    "by a reviewer": (by_role(Role.REVIEWER), (REFUSED,) * 4),
    "by a labeler": (by_role(Role.LABELER), (REFUSED,) * 4),
    "by an administrator": (by_administrator, (OK, OK, OK, OK)),
    "by somebody without a role": (by_somebody_without_a_role, (REFUSED,) * 4),
}


@pytest.fixture(scope="module")
def study(django_db_setup, django_db_blocker) -> Iterator[Dataset]:
    with rows_of_a_module(django_db_blocker):
        yield make_answered_study()


def test_every_address_of_rest_is_in_the_matrix():
    of_rest = {route for route in routes(STAFF_URLS) if route.startswith("api/v1/")}
    assert of_rest == {*DESCRIBED, REST, *(f"api/v1/{table}/" for table in TABLES)}


def headers_of(key: str | None) -> dict[str, str]:
    return {"host": staff_client(signed_in=False).get("/livez").wsgi_request.get_host()} | (
        {"authorization": f"Bearer {key}"} if key else {}
    )


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_reads_what_its_scope_and_its_study_allow_and_nothing_else(study, case):
    make, (derived, votes, foreign_derived, foreign_votes) = TOKENS[case]
    other, headers = make_dataset(), headers_of(make(study))
    expected = {study: (derived, votes), other: (foreign_derived, foreign_votes)}
    for dataset, (status_of_derived, status_of_votes) in expected.items():
        for table in TABLES:
            status = status_of_derived if table in DERIVED else status_of_votes
            path = f"/api/v1/{table}/?dataset={dataset.name}"
            answer, changed = asked(Client(), "GET", path, headers=headers)
            assert (table, dataset == study, answer.status_code) == (table, dataset == study, status), answer.content
            assert changed <= BOOK_KEEPING
            assert status == OK or "results" not in answer.json()
            refused, changed = asked(Client(), "POST", path, headers=headers)
            assert refused.status_code in (401, 405) and changed <= BOOK_KEEPING


@pytest.mark.parametrize("case", TOKENS)
@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/schema/", "/api/v1/nowhere/"])
def test_what_describes_the_interface_is_the_same_for_everybody(study, case, path):
    answer, changed = asked(Client(), "GET", path, headers=headers_of(TOKENS[case][0](study)))
    plain, _ = asked(Client(), "GET", path, headers=headers_of(None))
    assert (answer.status_code, answer.content, changed) == (plain.status_code, plain.content, set())
    assert study.name not in answer.content.decode()
