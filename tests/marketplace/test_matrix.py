"""The matrix of people, addresses of the marketplace, and operations of its API. (T17, S24)

The table of addresses is walked: one without a line here fails. Each is asked by a stranger, by the worker whose task
and qualifications its parts name, and by another worker, by GET and by POST; whatever a GET changes is a fault.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from marketplace.actions import create_access_key
from marketplace.endpoint.signatures import secret_of
from marketplace.faults import urls as fault_urls
from marketplace.qualifications.actions import create_qualification_type
from marketplace.work.actions import accept_hit
from tests.marketplace.browsing import at_work, stranger
from tests.marketplace.contract import OPERATIONS, raw
from tests.marketplace.parties import make_hit, make_requester, make_worker, submit_hit
from tests.marketplace.worlds import World, good_requests
from tests.required import Page

# What a person meets at an address.
PAGE, SIGN_IN, ABSENT, METHOD, REFUSED, DONE = (
    "page",
    "to the sign-in",
    "not there",
    "no such method",
    "refused",
    "done",
)
PEOPLE = ("stranger", "owner", "other")
# By route and method: what a stranger meets, the worker whom it is about, and another worker.
Cells = tuple[str, str, str]
CLOSED_TO_GET: Cells = (METHOD, METHOD, METHOD)
FOR_WORKERS: Cells = (SIGN_IN, PAGE, PAGE)
MATRIX: dict[str, dict[str, Cells]] = {
    "": {"GET": (DONE, DONE, DONE), "POST": (REFUSED, REFUSED, REFUSED)},
    "livez": {"GET": (PAGE, PAGE, PAGE), "POST": (PAGE, PAGE, PAGE)},
    "sign-in/": {"GET": (PAGE, PAGE, PAGE), "POST": (REFUSED, REFUSED, REFUSED)},
    "sign-out/": {"GET": CLOSED_TO_GET, "POST": (SIGN_IN, SIGN_IN, SIGN_IN)},
    "hits/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "queue/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "groups/<slug:group_id>/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "groups/<slug:group_id>/accept/": {"GET": CLOSED_TO_GET, "POST": (SIGN_IN, DONE, DONE)},
    "tasks/<slug:assignment_id>/": {"GET": (SIGN_IN, PAGE, ABSENT), "POST": CLOSED_TO_GET},
    "tasks/<slug:assignment_id>/return/": {"GET": CLOSED_TO_GET, "POST": (SIGN_IN, DONE, ABSENT)},
    # A form of the task's own site, without a cookie: the id of the assignment alone decides, as on Mechanical Turk.
    "mturk/externalSubmit": {"GET": (REFUSED, REFUSED, REFUSED), "POST": (DONE, DONE, DONE)},
    "mturk/submitted/<slug:assignment_id>/": {"GET": (PAGE, PAGE, PAGE), "POST": CLOSED_TO_GET},
    "account/earnings/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "account/messages/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "account/messages/read/": {"GET": CLOSED_TO_GET, "POST": (SIGN_IN, DONE, DONE)},
    "account/qualifications/": {"GET": FOR_WORKERS, "POST": CLOSED_TO_GET},
    "account/qualifications/<slug:type_id>/ask/": {"GET": CLOSED_TO_GET, "POST": (SIGN_IN, DONE, DONE)},
    "account/password/": {"GET": FOR_WORKERS, "POST": (SIGN_IN, REFUSED, REFUSED)},
}
# Only where the setting allows faults, from this machine alone, by JSON: tests/marketplace/test_faults.py.
OF_FAULTS = {"", "clock/", "plan/", "clear/"}
# Rows of these are no change: sessions, attempts to sign in, and the planned faults of tests.
BOOK_KEEPING = {"django_session", "marketplace_signinattempt"}


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).lstrip("^")
        yield from [route] if isinstance(pattern, URLPattern) else routes(pattern, route)


ROUTES = list(routes(get_resolver()))


def rows() -> dict[str, dict[str, str]]:
    """Return the rows of every table by their keys."""
    tables = [table for table in connection.introspection.table_names() if table not in BOOK_KEEPING]
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}', coalesce(to_jsonb(r)->>'id', md5(r::text)), r::text FROM \"{table}\" AS r"
                for table in tables
            )
        )
        found: dict[str, dict[str, str]] = {table: {} for table in tables}
        for table, key, text in cursor.fetchall():
            found[table][key] = text
    return found


@dataclass
class Scene:
    """A worker with a task, another worker, and the parts of the addresses that are about the first."""

    people: dict[str, Client]
    parts: dict[str, str]

    def path(self, route: str) -> str:
        for part, value in self.parts.items():
            route = route.replace(f"<slug:{part}>", value)
        return f"/{route}"

    def ask(self, who: str, method: str, route: str) -> tuple[Page, list[str]]:
        """Return the answer, and the tables that changed; what changed is as before afterwards."""
        form = {"assignmentId": self.parts["assignment_id"], "label": "cat", "name": "x", "password": "y"}
        with transaction.atomic():
            before = rows()
            client = self.people[who]
            answer = client.get(self.path(route)) if method == "GET" else client.post(self.path(route), form)
            changed = [table for table, kept in rows().items() if kept != before[table]]
            transaction.set_rollback(True)
        return answer, changed


@pytest.fixture
def scene(db) -> Scene:
    worker = make_worker()
    submit_hit(make_hit(), worker)
    hit = make_hit(max_assignments=3)
    task = accept_hit(worker=worker, hit=hit)
    kind = create_qualification_type(
        requester=make_requester(), name="Trained", description="Has read it", keywords="a"
    )
    # Accepting leads to any HIT of the group that the worker has not had.
    make_hit(hit.hit_type)
    people = {"stranger": stranger(), "owner": at_work(worker), "other": at_work(make_worker())}
    parts = {"group_id": hit.hit_type.group_id, "assignment_id": task.public_id, "type_id": kind.public_id}
    return Scene(people, parts)


def met(answer: Page) -> str:
    """Return what a person meets, in the words of the matrix."""
    if answer.status_code in (301, 302, 303):
        return SIGN_IN if answer.headers["Location"].startswith("/sign-in/") else DONE
    return {200: PAGE, 404: ABSENT, 405: METHOD}.get(answer.status_code, REFUSED)


def test_every_address_has_its_line():
    assert set(ROUTES) == set(MATRIX)
    assert {str(pattern.pattern) for pattern in fault_urls.urlpatterns} == OF_FAULTS
    assert all(line.keys() == {"GET", "POST"} for line in MATRIX.values())


@pytest.mark.parametrize("route", MATRIX, ids=lambda route: route or "/")
def test_everybody_meets_what_the_matrix_says_and_no_get_changes_anything(scene, route):
    for method, cells in MATRIX[route].items():
        for who, expected in zip(PEOPLE, cells, strict=True):
            answer, changed = scene.ask(who, method, route)
            assert (who, method, met(answer)) == (who, method, expected), answer.content[:300]
            assert expected == DONE and method == "POST" or not changed, (who, method, changed)
            assert (
                expected != PAGE
                or scene.parts["assignment_id"] not in answer.content.decode()
                or (who == "owner" or "assignment_id" in route)
            ), "the task of one is shown to another"


@pytest.mark.parametrize("pattern", fault_urls.urlpatterns, ids=lambda pattern: str(pattern.pattern) or "/")
def test_faults_are_set_by_json_from_this_machine_alone(pattern, rf, db):
    elsewhere = {"content_type": "application/json", "REMOTE_ADDR": "203.0.113.7"}
    before = rows()
    assert pattern.callback(rf.get("/")).status_code == 405
    assert pattern.callback(rf.post("/", {"seconds": 1})).status_code == 403
    assert pattern.callback(rf.post("/", {"seconds": 1}, **elsewhere)).status_code == 403
    assert rows() == before


def test_a_get_that_changes_something_would_be_noticed(scene):
    before = rows()
    make_worker()
    assert [table for table, kept in rows().items() if kept != before[table]] == ["marketplace_worker"]


# The API: the requester's own key, the key of another requester, and none


def unsigned(url: str, operation: str, values: dict) -> int:
    headers = {"X-Amz-Target": f"MTurkRequesterServiceV20170117.{operation}"}
    answer = stranger().post("/", json.dumps(values), content_type="application/x-amz-json-1.1", headers=headers)
    return answer.status_code


@pytest.fixture
def other_key() -> str:
    """The key of a requester who has money, and nothing else."""
    return create_access_key(requester=make_requester()).key_id


def owned(world: World) -> dict[str, dict[str, str]]:
    """Return all rows but those that say something of a request: keys of requests, and the time."""
    return {table: kept for table, kept in rows().items() if not table.endswith(("token", "clock"))}


def test_without_a_key_or_with_anothers_nothing_of_a_requester_is_read_or_changed(world, other_key):
    theirs = [row.public_id for row in (world.hit, world.reviewable, world.submitted, world.approved)]
    # What the other key may do makes and changes rows of its own alone: all operations are asked in one world.
    first = owned(world)
    for operation in sorted(OPERATIONS):
        values = good_requests(world)[operation]
        before = owned(world)
        assert unsigned(world.url, operation, values) == 400, operation
        assert owned(world) == before, operation
        status, _, answer = raw(world.url, other_key, secret_of(other_key), operation, json.dumps(values).encode())
        after = owned(world)
        changed = {table for table, kept in first.items() for key in kept if after[table].get(key) != kept[key]}
        assert not changed, f"{operation}: rows that were there belong to the first requester, or to a worker"
        assert status == 400 or not any(row in json.dumps(answer) for row in theirs), operation
