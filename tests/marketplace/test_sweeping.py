"""Overdue HITs are brought up to date beside the server, without a request."""

import time

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection

from marketplace.clock import now
from marketplace.faults.actions import advance_clock
from marketplace.overdue import sweeping
from marketplace.overdue.sweeping import SWEEP_LOCK, sweep_alone, sweep_for_ever
from marketplace.sign_in.actions import clear_old_sessions
from marketplace.work.actions import accept_hit
from tests.marketplace.browsing import at_work
from tests.marketplace.parties import make_hit, make_hit_type, make_requester, make_worker, running_endpoint, submit_hit

WAIT_SECONDS = 120


def soon(check) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (result := check()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return result


@pytest.mark.django_db(transaction=True)
def test_the_server_approves_and_takes_back_what_is_overdue_while_nobody_asks():
    kind = make_hit_type(make_requester(), auto_approval_seconds=0, assignment_seconds=30)
    with running_endpoint(settings.DATABASES["default"], sweep_every=0.2):
        submitted, accepted = submit_hit(make_hit(kind)), accept_hit(worker=make_worker(), hit=make_hit(kind))

        def status_of(assignment) -> str:
            assignment.refresh_from_db()
            return assignment.status

        assert soon(lambda: status_of(submitted) == "Approved")
        assert status_of(accepted) == "Pending"
        type(accepted).objects.filter(pk=accepted.pk).update(deadline=now())
        accepted.hit.due_at = now()
        accepted.hit.save(update_fields=["due_at"])
        assert soon(lambda: status_of(accepted) == "Free")


@pytest.mark.django_db(transaction=True)
def test_one_process_sweeps_while_the_others_leave_it_to_it():
    submit_hit(make_hit(make_hit_type(make_requester(), auto_approval_seconds=60)))
    advance_clock(seconds=61)
    other = connection.copy("other")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [SWEEP_LOCK])
        assert sweep_alone() == 0
    finally:
        other.close()
    assert soon(lambda: sweep_alone() == 1)
    assert sweep_alone() == 0


def test_a_database_that_is_away_does_not_end_the_sweep(monkeypatch):
    class Enough(Exception):
        pass

    tries = []

    def fail() -> int:
        tries.append(1)
        if len(tries) == 3:
            raise Enough
        raise DatabaseError("the server closed the connection")

    monkeypatch.setattr(sweeping, "sweep_alone", fail)
    with pytest.raises(Enough):
        sweep_for_ever(0.01)
    assert len(tries) == 3


@pytest.mark.django_db
def test_sessions_that_are_over_are_cleared_away():
    at_work(make_worker())
    session = Session.objects.get()
    Session.objects.create(session_key="old", session_data="", expire_date=session.expire_date.replace(year=2020))
    clear_old_sessions()
    assert list(Session.objects.all()) == [session]
