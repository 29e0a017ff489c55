"""The ways in, each tried from outside: links, hosts, characters, headers, second factors."""

import json
import secrets
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from access.models import Role
from access.pace import actions as pace
from accounts.attempts.actions import OF_BOTH, PASSWORD
from launcher.privacy import make_private
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_worker,
    member_client,
    sign_in,
    staff_client,
    start,
    worker_client,
)
from workforce.actions import submit
from workforce.links.reads import link_query
from workforce.models import Batch, Lease, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def minute(monkeypatch):
    """A minute in which nobody has counted yet, and that does not end during a test."""
    monkeypatch.setattr(pace, "_silent_until", 0.0)
    monkeypatch.setattr(pace, "TIMEOUT_SECONDS", 60)
    pace._valkey.cache_clear()
    moment = pace.time() // 60 * 60 + 20
    monkeypatch.setattr(pace, "time", lambda: moment)
    yield
    pace._valkey.cache_clear()


def at(network: str) -> Client:
    client = worker_client()
    client.defaults["REMOTE_ADDR"] = network
    return client


# Links


@pytest.mark.parametrize("are_known", [False, True])
@pytest.mark.parametrize("networks", ["own", "shared"])
def test_invented_ids_of_one_network_lease_no_more_than_its_cap_and_others_have_work(networks, are_known, settings):
    settings.OPEN_LINK_LEASES = {"own": 2, "shared": 3}
    settings.LINK_REQUESTS_A_MINUTE = {"own": 10**6, "shared": 10**6}
    batch = make_grid(n_slots=9).hit.batch
    Batch.objects.update(networks=networks)
    for number in range(7):
        if are_known:
            make_worker(f"invented{number}")
        start(batch, f"invented{number}", at("203.0.113.7"))
    assert Lease.objects.count() == settings.OPEN_LINK_LEASES[networks]
    assert start(batch, "honest", at("198.51.100.8")).status_code == 303
    assert Lease.objects.filter(worker__identity__external_id="honest").exists()


def test_the_starts_of_one_network_are_counted_and_refused_beyond_the_pace(minute, settings):
    settings.LINK_REQUESTS_A_MINUTE = {"own": 3, "shared": 3}
    batch = make_grid(n_slots=20).hit.batch
    # Networks that no other process counts for: all of them share the counts.
    stem = f"2001:db8:{secrets.randbelow(2**16):x}"
    network, other = f"{stem}:100::1", f"{stem}:200::1"
    codes = [start(batch, f"p{number}", at(network)).status_code for number in range(5)]
    assert codes == [303, 303, 303, 429, 429]
    assert Worker.objects.count() == 3, "whom the pace refuses is not made known"
    assert start(batch, "p9", at(other)).status_code == 303


def test_the_first_lease_of_an_id_is_short_and_later_ones_are_not(settings):
    settings.FIRST_LEASE_SECONDS = 60
    batch = make_batch(make_dataset(lease_seconds=600), hits_per_worker=2)
    for _ in range(2):
        make_grid(batch=batch)
    worker, lengths = make_worker("newcomer"), []
    for _ in range(2):
        start(batch, "newcomer")
        lease = Lease.objects.get(worker=worker, state=Lease.State.ACTIVE)
        lengths.append(lease.expires_at - lease.created_at)
        submit(lease=lease, answer={"selected": []}, idempotency_key=f"key {lease.pk}")
    assert lengths == [timedelta(seconds=60), timedelta(seconds=600)]


def test_who_knows_an_id_cannot_answer_for_it_where_links_are_signed():
    batch = make_grid(n_slots=5).hit.batch
    Batch.objects.update(admission=Batch.Admission.SIGNED)
    batch.refresh_from_db()
    of_ann = link_query(batch, "ann")
    refused = ["worker=ann", "worker=ann&sig=", of_ann.replace("ann", "bob"), of_ann[:-1], f"{of_ann}x"]
    for query in refused:
        assert start(batch, query).status_code in (400, 403), query
        assert worker_client().get(f"/join/{batch.public_id}?{query}").status_code in (400, 403)
    assert not Worker.objects.exists()
    assert start(batch, of_ann).status_code == 303


def test_who_is_not_on_the_list_is_refused_where_there_is_one():
    batch = make_grid().hit.batch
    Batch.objects.update(admission=Batch.Admission.LISTED)
    assert start(batch, "anybody").status_code in (400, 403)
    assert not Worker.objects.exists()


@pytest.mark.parametrize(
    "value",
    [
        *("undefined", "NULL", "None", "NaN", "PROLIFIC_PID", "{participantId}", "[ID]", "…", "%24%7Bid%7D"),
        *("ASSIGNMENT_ID_NOT_AVAILABLE", "{{%PROLIFIC_PID%}}", "assignment_id_not_available"),
    ],
)
def test_an_id_that_is_nobody_is_refused(value):
    batch = make_grid().hit.batch
    assert start(batch, value).status_code == 400
    assert not Worker.objects.exists() and not Lease.objects.exists()


# Characters, hosts, headers


def test_control_characters_and_lone_surrogates_are_a_400_on_both_sides():
    grid = make_grid()
    dataset, client = grid.hit.batch.dataset, staff_client()
    for path in ("/datasets/a%00b/", f"/setup/settings/{dataset.name}%00/"):
        assert client.get(path).status_code == 400
    assert worker_client().get(f"/join/{grid.hit.batch.public_id}?worker=a%00b").status_code == 400
    body = json.dumps({"token": "x", "report": "\ud83d"})
    page = worker_client().post(f"/contains/{grid.hit.public_id}/", body, content_type="application/json")
    assert page.status_code == 400


@pytest.mark.parametrize("host", ["localhost:1", "example.org", "127.0.0.1:9", "evil.localhost"])
def test_another_host_reaches_no_side_but_health_checks(host):
    client = Client(headers={"host": host})
    assert [client.get(path).status_code for path in ("/", "/login/", "/api/v1/")] == [400] * 3
    assert [client.get(path).status_code for path in ("/livez", "/readyz")] == [200] * 2


@pytest.mark.parametrize("path", ["/", "/nowhere/", "/livez", "/static/workforce/submit.js"])
def test_every_page_refuses_devices_and_search_engines(path):
    for client in (worker_client(), staff_client(signed_in=False)):
        answer = client.get(path)
        if answer.streaming:
            assert b"".join(answer)
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "noindex" in answer.headers["X-Robots-Tag"]


# Accounts


def test_a_closed_page_is_closed_to_every_method():
    dataset, client = make_dataset(), member_client(make_dataset(), Role.OWNER)
    pages = (f"/datasets/{dataset.name}/", f"/setup/settings/{dataset.name}/", f"/setup/people/{dataset.name}/")
    assert staff_client().head(pages[0]).status_code == 200, "an open page answers it"
    visitor = staff_client(signed_in=False)
    for path in pages:
        for method in ("get", "head", "post", "put", "delete", "options"):
            refused = getattr(client, method)(path)
            assert refused.status_code == 404, (method, path)
            to_sign_in = getattr(visitor, method)(path)
            assert to_sign_in.status_code == 302 and to_sign_in.headers["Location"].startswith("/login/")
        assert not client.head(path).content


def test_guesses_from_one_network_are_refused_before_a_password_is_hashed_and_the_owner_gets_in_elsewhere():
    User.objects.create_user("rosa", password="a long pass phrase")
    here, elsewhere = (staff_client(signed_in=False) for _ in range(2))
    here.defaults["REMOTE_ADDR"], elsewhere.defaults["REMOTE_ADDR"] = "203.0.113.9", "198.51.100.9"
    wrong = {"username": "rosa", "password": "wrong"}
    codes = [here.post("/login/", wrong).status_code for _ in range(OF_BOTH[PASSWORD].most + 1)]
    assert codes[-1] == 429
    right = {"username": "rosa", "password": "a long pass phrase"}
    refused = here.post("/login/", right)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    assert elsewhere.post("/login/", right).status_code == 302


def test_money_and_exports_of_people_need_a_fresh_password(settings):
    dataset = make_dataset()
    client = member_client(dataset, Role.OWNER)
    path = f"/setup/rows/contains_votes/csv/{dataset.name}/"
    assert client.get(path).status_code == 200
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0}]
    session.save()
    assert client.get(path).status_code == 302, "it was long ago"
    assert client.get(f"/setup/rows/annotations/csv/{dataset.name}/").status_code == 200


def test_a_closed_account_is_out_with_its_next_request():
    client, user = staff_client(signed_in=False), User.objects.create_user("rosa", is_staff=True)
    sign_in(client, user)
    assert client.get("/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/").status_code == 302


# Files of the host


def test_the_state_folder_is_its_owners_alone(tmp_path):
    state = tmp_path / "var"
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "web.log").write_text("secret")
    for path in (state, state / "logs", state / "logs" / "web.log"):
        path.chmod(0o777)
    make_private(state)
    assert not state.stat().st_mode & 0o007
    assert not (state / "logs").stat().st_mode & 0o077
    assert not (state / "logs" / "web.log").stat().st_mode & 0o077
