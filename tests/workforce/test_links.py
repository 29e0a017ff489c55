"""Study links: what a GET shows and never writes, what a POST leases, and how much one network gets."""

import html
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import connection

from access.pace import actions as pace
from catalog import reads as catalog_reads
from catalog.reads import now
from contains_task.models import ContainsVote
from tests.factories import make_batch, make_dataset, make_grid, make_lease, make_worker, start, unique, worker_client
from tests.required import require
from tests.threads import in_threads
from workforce.actions import BatchClosed, close_batch, expire_leases
from workforce.introductions.actions import introduce
from workforce.links.actions import forget_networks, list_ids
from workforce.links.reads import STANDING_SQL, NetworkFull, link_query
from workforce.models import Batch, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import has_work, has_work_for

pytestmark = pytest.mark.django_db
ELSEWHERE, ATTACKER = "198.51.100.7", "203.0.113.66"


@pytest.fixture
def caps(settings):
    """Return the caps of requests and leases of a shared network, to be set."""
    settings.LINK_REQUESTS_A_MINUTE = {"shared": 10**6, "own": 10**6}
    settings.OPEN_LINK_LEASES = {"shared": 10**6, "own": 10**6}
    return settings


@pytest.fixture
def minute(monkeypatch):
    """A minute that does not end during a test, and in which nobody was counted yet."""
    monkeypatch.setattr(pace, "_silent_until", 0.0)
    monkeypatch.setattr(pace, "TIMEOUT_SECONDS", 60)
    pace._valkey.cache_clear()
    moment = pace.time() // 60 * 60 + 20
    monkeypatch.setattr(pace, "time", lambda: moment)
    yield unique("192.0.2.1")
    pace._valkey.cache_clear()


@pytest.fixture
def later():
    """Set the clock forward by so many seconds."""

    def forward(seconds: float) -> None:
        catalog_reads.fixed_now = now() + timedelta(seconds=seconds)

    yield forward
    catalog_reads.fixed_now = None


def study(n_grids: int = 3, n_slots: int = 2, **options) -> Batch:
    batch = make_batch(make_dataset(contains_answers=n_slots), **options)
    for _ in range(n_grids):
        make_grid(batch=batch, n_images=2)
    return batch


def text(response) -> str:
    return html.unescape(response.content.decode())


def look(batch: Batch, name: str = "ann", path: str = "", **extra):
    return worker_client().get(f"/join/{batch.public_id}{path}?worker={name}", **extra)


def hidden(page: str) -> dict[str, str]:
    values = {name: require(re.search(rf'name="{name}" value="([^"]+)"', page))[1] for name in ("token", "key")}
    return values | {"none": "yes"}


def answer(address: str, **extra) -> Any:
    """Open a task and submit it with nothing selected, as a form."""
    fields = hidden(text(worker_client().get(address)))
    return worker_client().post(address, fields, **extra)


def rows() -> dict[str, str]:
    """Return the content of every table, in brief."""
    digests = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
            )
            digests[table] = str(cursor.fetchone())
    return digests


# A GET writes nothing


def test_no_get_of_a_worker_page_makes_or_changes_a_row(later):
    batch = study(hits_per_worker=5)
    holder = start(batch, "holder").url
    done = start(batch, "done").url
    answer(done)
    overdue, swept = start(batch, "overdue").url, start(batch, "swept").url
    Lease.objects.filter(worker__identity__external_id="swept").update(expires_at=now() - timedelta(days=2))
    expire_leases()
    Lease.objects.filter(worker__identity__external_id="overdue").update(expires_at=now() - timedelta(days=1))
    closed = close_batch(batch=study(1))
    before = rows()
    for name in ("stranger", "holder", "done", "overdue", "swept", "undefined", ""):
        for path in ("", "/", "/finish", "/finish/"):
            look(batch, name, path)
            look(closed, name, path)
        for address in (holder, done, overdue, swept):
            worker_client().get(f"{urlsplit(address).path}?worker={name}", follow=True)
    for address in ("/", f"/about/{batch.public_id}/"):
        worker_client().get(address)
    assert rows() == before
    assert before["workforce_lease"] != "0", "the comparison sees rows"


def test_whose_task_is_overdue_but_not_taken_back_yet_stands_in_nobodys_way(later):
    batch = study(1, n_slots=1)
    start(batch, "gone")
    assert "No tasks available" in text(look(batch, "ann"))
    later(batch.settings.lease_seconds + 1)
    assert Lease.objects.get().state == Lease.State.ACTIVE, "nobody has swept"
    assert ">Start</button>" in text(look(batch, "ann"))
    make_worker("known")
    assert ">Start</button>" in text(look(batch, "known"))
    assert start(batch, "known").status_code == 303
    assert Lease.objects.get(state=Lease.State.ACTIVE).worker.identity.external_id == "known"
    assert "No tasks available" in text(look(batch, "ann"))


def test_an_overdue_task_is_offered_to_nobody_who_had_it_nor_in_a_closed_batch(later):
    batch = study(1, n_slots=2, hits_per_worker=5)
    answer(start(batch, "ann").url)
    start(batch, "gone")
    later(batch.settings.lease_seconds + 1)
    ann = WorkerIdentity.objects.get(external_id="ann").worker
    assert not has_work_for(batch, ann) and has_work_for(batch, make_worker())
    close_batch(batch=batch)
    batch.refresh_from_db()
    assert not has_work(batch) and not has_work_for(batch, make_worker())


def test_a_stranger_reads_who_asks_and_what_for_before_starting():
    batch = study(hits_per_worker=4, completion_code="C0DE")
    introduce(
        dataset=batch.dataset,
        fields={"requester_name": "Vision <group>", "warning": "Spiders.", "consent": "I am 18.", "minutes_needed": 7},
    )
    page = look(batch)
    assert page.status_code == 200
    words = text(page)
    for part in ("Vision <group>", "Spiders.", "I am 18.", "about 7 minutes", "up to 4 tasks", "completion code"):
        assert part in words
    assert '<form method="post" id="start">' in words and ">Start</button>" in words
    assert "<script" not in words and "C0DE" not in words
    assert not Worker.objects.exists()


def test_start_leads_to_a_task_and_the_link_then_leads_there_too():
    batch = study()
    first = start(batch)
    assert first.status_code == 303
    assert start(batch).url == first.url == look(batch).url
    assert Lease.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_on_start_leases_one_task():
    batch = study()
    replies = in_threads(6, lambda _: start(batch).url)
    assert len(set(replies)) == 1
    assert (Lease.objects.count(), Worker.objects.count()) == (1, 1)


@pytest.mark.parametrize("swept", [False, True])
def test_an_expired_task_is_continued_by_a_button_alone(later, swept):
    batch = study(1, 1)
    address = start(batch).url
    later(7200)
    if swept:
        expire_leases()
    page = worker_client().get(address, follow=True)
    assert page.redirect_chain == [(f"/join/{batch.public_id}?worker=ann", 302)]
    assert "The time reserved for your task is over" in text(page)
    assert ">Continue</button>" in text(page)
    assert start(batch).url == address
    assert Lease.objects.get().expires_at > now()


def test_who_did_a_task_continues_with_the_next_by_a_button():
    batch = study()
    address = start(batch).url
    answer(address)
    Lease.objects.filter(state="active").delete()
    Slot.objects.filter(state="leased").update(state="free")
    page = text(look(batch))
    assert "Your task is saved." in page and ">Continue</button>" in page
    assert f'href="/join/{batch.public_id}/finish?worker=ann">Stop here</a>' in page
    assert start(batch).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_press_start(headers):
    batch = study()
    assert start(batch, headers=headers).status_code == 403
    assert not Worker.objects.exists()


def test_a_browser_without_fetch_metadata_starts_by_its_origin(settings):
    assert start(study(), headers={"Origin": settings.WORKER_ORIGIN}).status_code == 303


def test_start_with_a_strange_body_is_refused():
    batch = study()
    response = worker_client().post(f"/join/{batch.public_id}?worker=ann", "x", content_type="text/plain")
    assert response.status_code == 400
    assert not Worker.objects.exists()


def test_a_language_in_the_address_stays_there_after_start():
    batch = study()
    response = worker_client().post(f"/en/join/{batch.public_id}?worker=ann")
    assert response.headers["Location"].startswith("/en/contains/")


# A submit leads on


def test_a_submit_leads_to_the_next_task_by_itself_and_in_the_end_to_the_thanks():
    batch = study(2)
    first = start(batch).url
    reply = answer(first)
    assert (reply.status_code, urlsplit(reply.url).path) == (
        303,
        f"/contains/{Lease.objects.latest('pk').hit.public_id}/",
    )
    assert reply.url != first
    second = reply.url
    fields = hidden(text(worker_client().get(second)))
    as_json = worker_client().post(second, json.dumps(fields | {"selected": []}), content_type="application/json")
    assert as_json.json() == {"next": f"/join/{batch.public_id}?worker=ann"}
    assert "Thank you, you are done" in text(look(batch))


def test_an_answer_sent_again_leads_to_the_same_next_task():
    batch = study(3)
    address = start(batch).url
    fields = hidden(text(worker_client().get(address)))
    replies = {worker_client().post(address, fields).headers["Location"] for _ in range(3)}
    assert len(replies) == 1
    assert (Submission.objects.count(), Lease.objects.count()) == (1, 2)


@pytest.mark.parametrize("error", [NetworkFull("full"), BatchClosed("closed"), RuntimeError("a fault")])
def test_an_answer_is_kept_and_acknowledged_when_the_next_task_cannot_be_leased(monkeypatch, error):
    batch = study(2)
    address = start(batch).url

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("workforce.pages.take_lease", fail)
    reply = answer(address)
    assert (reply.status_code, reply.url) == (303, f"/join/{batch.public_id}?worker=ann")
    assert Submission.objects.get().state == "confirmed"
    assert ContainsVote.objects.count() == 2
    assert ">Continue</button>" in text(look(batch))


# Limits of a network


def test_an_attack_with_invented_ids_gets_the_cap_and_the_honest_work_on(caps):
    caps.OPEN_LINK_LEASES = {"shared": 5, "own": 2}
    batch = study(10, 3)
    replies = [start(batch, f"invented{number}", REMOTE_ADDR=ATTACKER).status_code for number in range(200)]
    assert replies == [303] * 5 + [429] * 195
    assert Lease.objects.count() == Worker.objects.count() == 5
    assert start(batch, "honest", REMOTE_ADDR=ELSEWHERE).status_code == 303


def test_where_participants_have_networks_of_their_own_none_takes_the_last_tasks(caps):
    caps.OPEN_LINK_LEASES = {"shared": 60, "own": 6}
    batch = study(2, 3, networks=Batch.Networks.OWN)
    replies = [start(batch, f"invented{number}", REMOTE_ADDR=ATTACKER).status_code for number in range(9)]
    assert replies == [303] * 3 + [429] * 6
    assert start(batch, "honest", REMOTE_ADDR=ELSEWHERE).status_code == 303


def test_people_of_a_lab_take_all_tasks_of_a_small_batch(caps):
    caps.OPEN_LINK_LEASES = {"shared": 60, "own": 6}
    batch = study(2, 3)
    assert {start(batch, f"person{number}").status_code for number in range(6)} == {303}


def test_an_attack_that_also_submits_ends_at_the_pace(caps, minute):
    caps.LINK_REQUESTS_A_MINUTE = {"shared": 20, "own": 5}
    batch = study(30, 3)
    for number in range(30):
        started = start(batch, f"invented{number}", REMOTE_ADDR=ATTACKER)
        if started.status_code == 303:
            answer(started.url, REMOTE_ADDR=ATTACKER)
    assert Submission.objects.count() == 20
    assert start(batch, "honest", REMOTE_ADDR=ELSEWHERE).status_code == 303
    assert start(study(), "in another batch", REMOTE_ADDR=ATTACKER).status_code == 303


def test_many_addresses_of_one_household_are_one_network(caps):
    caps.OPEN_LINK_LEASES = {"shared": 2, "own": 2}
    batch = study(4)
    replies = [start(batch, f"id{n}", REMOTE_ADDR=f"2001:db8:0:{n}::{n}").status_code for n in range(1, 6)]
    assert replies == [303] * 2 + [429] * 3


def test_the_headers_of_a_stranger_make_no_new_networks(caps):
    caps.OPEN_LINK_LEASES = {"shared": 1, "own": 1}
    batch = study(4)
    replies = [start(batch, f"id{n}", headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(3)]
    assert replies == [303, 429, 429]


def test_the_batch_says_how_strict_its_limits_are(caps):
    caps.OPEN_LINK_LEASES = {"shared": 3, "own": 1}
    for networks, n_leases in (("shared", 3), ("own", 1)):
        batch = study(4, networks=networks)
        replies = [start(batch, f"id{n}").status_code for n in range(4)]
        assert replies.count(303) == n_leases


@pytest.mark.django_db(transaction=True)
def test_the_cap_holds_when_all_start_at_once(caps):
    caps.OPEN_LINK_LEASES = {"shared": 4, "own": 4}
    batch = study(6, 3)
    replies = in_threads(16, lambda number: start(batch, f"id{number}", REMOTE_ADDR=ATTACKER).status_code)
    assert sorted(replies) == [303] * 4 + [429] * 12
    assert Lease.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_starts_submits_and_expiry_of_one_network_at_once_do_not_deadlock(caps):
    caps.OPEN_LINK_LEASES = {"shared": 6, "own": 6}
    batch = study(12, 4)

    def work(number: int) -> int:
        n_done = 0
        for _ in range(4):
            reply = start(batch, f"id{number}", REMOTE_ADDR=ATTACKER)
            while reply.status_code == 303 and reply.url.startswith("/contains/"):
                reply = answer(reply.url, REMOTE_ADDR=ATTACKER)
                n_done += 1
                if n_done % 2:
                    Lease.objects.filter(worker__identity__external_id=f"id{number}", state="active").update(
                        expires_at=now()
                    )
                    break
            expire_leases(batch=batch)
        return n_done

    assert sum(in_threads(8, work)) == Submission.objects.count()
    assert Lease.objects.filter(state="active").count() <= 6


def test_an_expired_task_counts_no_more_and_continuing_counts_again(caps, later):
    caps.OPEN_LINK_LEASES = {"shared": 1, "own": 1}
    batch = study(3, 1)
    start(batch, "ann", REMOTE_ADDR=ATTACKER)
    assert start(batch, "bob", REMOTE_ADDR=ATTACKER).status_code == 429
    later(7200)
    assert start(batch, "bob", REMOTE_ADDR=ATTACKER).status_code == 303
    assert start(batch, "ann", REMOTE_ADDR=ATTACKER).status_code == 429
    assert start(batch, "ann", REMOTE_ADDR=ELSEWHERE).status_code == 303


def test_a_full_network_is_asked_to_press_again_later_and_loses_nothing(caps):
    caps.OPEN_LINK_LEASES = {"shared": 1, "own": 1}
    batch = study()
    held = start(batch, "ann").url
    page = start(batch, "bob")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "60")
    assert "Many tasks of this study are open from your network" in text(page)
    assert '<form method="post">' in text(page) and ">Try again</button>" in text(page)
    assert start(batch, "ann").url == held, "a held task is always led to"
    assert answer(held).status_code == 303, "and its answer is always taken"


def test_a_flood_of_starts_delays_no_answer(caps, minute):
    caps.LINK_REQUESTS_A_MINUTE = {"shared": 3, "own": 3}
    batch = study(10, 3)
    held = start(batch, "honest").url
    assert [start(batch, f"invented{number}").status_code for number in range(9)][-1] == 429
    assert answer(held).status_code == 303
    assert Submission.objects.count() == 1


def test_an_answer_beyond_the_pace_is_kept_on_the_page(caps, minute):
    batch = study()
    address = start(batch).url
    caps.LINK_REQUESTS_A_MINUTE = {"shared": 0, "own": 0}
    fields: dict[str, Any] = hidden(text(worker_client().get(address))) | {"selected": []}
    by_script = worker_client().post(address, json.dumps(fields), content_type="application/json")
    assert (by_script.status_code, by_script.headers["Retry-After"]) == (429, "41")
    kept = worker_client().post(address, hidden(text(worker_client().get(address))))
    assert kept.status_code == 429
    assert "Your answer is kept on this page" in text(kept)
    caps.LINK_REQUESTS_A_MINUTE = {"shared": 100, "own": 1}
    assert worker_client().post(address, hidden(text(kept))).status_code == 303
    assert Submission.objects.count() == 1


def test_the_first_task_is_reserved_for_a_short_time_and_the_next_for_the_full_one(settings):
    settings.FIRST_LEASE_SECONDS = 600
    batch = study()
    address = start(batch).url
    page = text(worker_client().get(address))
    (seconds_left,) = re.findall(r'data-clock="(\d+)"', page)
    assert 0 < int(seconds_left) <= 600 and 'data-last="120"' in page
    answer(address)
    first, second = Lease.objects.order_by("pk")
    assert first.expires_at - first.created_at == timedelta(minutes=10)
    assert second.expires_at - second.created_at == timedelta(hours=1)


@pytest.mark.parametrize(("minutes", "seconds"), [(None, 600), (3, 600), (20, 2400), (200, 3600)])
def test_the_first_task_has_at_least_twice_the_time_that_it_needs(settings, minutes, seconds):
    settings.FIRST_LEASE_SECONDS = 600
    batch = study()
    introduce(dataset=batch.dataset, fields={"minutes_needed": minutes})
    start(batch)
    lease = Lease.objects.get()
    assert (lease.expires_at - lease.created_at).total_seconds() == seconds


def test_a_short_study_lease_is_not_made_longer(settings):
    settings.FIRST_LEASE_SECONDS = 600
    batch = make_grid(batch=make_batch(make_dataset(lease_seconds=60))).hit.batch
    start(batch)
    lease = Lease.objects.get()
    assert lease.expires_at - lease.created_at == timedelta(minutes=1)


def test_an_answer_after_the_short_first_time_still_counts(settings, later):
    settings.FIRST_LEASE_SECONDS = 60
    batch = study(1, 1)
    address = start(batch).url
    fields = hidden(text(worker_client().get(address)))
    later(120)
    expire_leases()
    assert worker_client().post(address, fields).status_code == 303
    assert Submission.objects.get().state == "confirmed"


def test_the_tasks_of_a_network_are_counted_without_reading_those_of_others():
    batch = study(1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # In a table as small as this one it costs as little: which of the two is taken would be chance.
        cursor.execute("DROP INDEX active_leases_by_expiry")
        key: dict[str, Any] = {
            "batch": batch.pk,
            "dataset": batch.dataset_id,
            "worker": 0,
            "mark": "0" * 32,
            "now": now(),
        }
        cursor.execute("EXPLAIN " + STANDING_SQL, key)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "active_leases_of_a_network" in plan


# Marks of networks


def test_a_mark_names_no_network_and_links_no_two_studies():
    first, second = study(), study()
    for batch in (first, second):
        start(batch, REMOTE_ADDR=ATTACKER)
        start(batch, "bob", REMOTE_ADDR=ATTACKER)
    marks = {
        batch.pk: set(Lease.objects.filter(batch=batch).values_list("network_mark", flat=True))
        for batch in (first, second)
    }
    assert all(len(of_batch) == 1 for of_batch in marks.values())
    assert marks[first.pk] != marks[second.pk]
    assert all(re.fullmatch("[0-9a-f]{32}", mark) for of_batch in marks.values() for mark in of_batch)


def test_marks_are_forgotten_some_days_after_the_lease_ended(settings, later):
    settings.NETWORK_MARK_DAYS = 3
    batch = study()
    start(batch, "early")
    later(2 * 24 * 3600)
    start(batch, "late")
    later(2 * 24 * 3600)
    assert forget_networks() == 1
    marks = dict(Lease.objects.values_list("worker__identity__external_id", "network_mark"))
    assert (marks["early"], bool(marks["late"])) == ("", True)
    assert forget_networks() == 0


# Who is admitted


def test_only_a_signed_link_is_admitted_on_every_page_and_submit():
    batch = study(admission="signed")
    signed, of_bob = link_query(batch, "ann"), link_query(batch, "bob")
    assert signed.startswith("worker=ann&sig=")
    signature = of_bob.partition("sig=")[2]
    forged = [
        "worker=ann",
        "worker=ann&sig=",
        f"worker=ann&sig={signature}",
        f"worker=ann&sig={'A' * 43}",
        f"{signed}x",
    ]
    forged += [f"worker=ANN&sig={signed.partition('sig=')[2]}", "worker=ann&sig=:::%E2%98%83"]
    for query in forged:
        assert worker_client().get(f"/join/{batch.public_id}?{query}").status_code == 403
        assert worker_client().get(f"/join/{batch.public_id}/finish?{query}").status_code == 403
        assert start(batch, query).status_code == 403
    assert not Worker.objects.exists()
    assert worker_client().get(f"/join/{batch.public_id}?{signed}").status_code == 200
    address = start(batch, signed).url
    assert "&sig=" in address
    page = text(worker_client().get(address))
    path = urlsplit(address).path
    for query in [*forged, of_bob]:
        assert worker_client().get(f"{path}?{query}").status_code == 403
        assert worker_client().post(f"{path}?{query}", hidden(page)).status_code == 403
    assert not Submission.objects.exists()
    assert "&sig=" in worker_client().post(address, hidden(page)).headers["Location"]
    assert Submission.objects.count() == 1


def test_a_signature_is_for_one_batch():
    first, second = study(admission="signed"), study(admission="signed")
    assert start(second, link_query(first, "ann")).status_code == 403


def test_signed_links_outlive_a_rotated_key(settings):
    batch = study(admission="signed")
    query = link_query(batch, "ann")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + settings.SECRET_KEY
    assert start(batch, query).status_code == 303
    settings.SECRET_KEY_FALLBACKS = []
    assert start(batch, query).status_code == 403


def test_only_listed_ids_are_admitted_and_the_list_names_nobody(settings):
    batch = study(admission="listed")
    list_ids(batch=batch, ids=["ann", "bob", "ann"])
    assert batch.listed_ids.count() == 2
    assert not any("ann" in digest for digest in batch.listed_ids.values_list("digest", flat=True))
    settings.SECRET_KEY = "another-" + settings.SECRET_KEY
    assert start(batch, "ann").status_code == 303
    refused = start(batch, "eve")
    assert refused.status_code == 403
    assert "not on the list of this study" in text(refused)
    assert look(batch, "eve").status_code == 403
    assert Worker.objects.count() == 1


def test_work_leased_by_other_ways_has_no_mark():
    assert make_lease(study(), make_worker("by hand")).network_mark == ""
