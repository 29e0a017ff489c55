"""Overdue HITs are brought up to date, however many there are, and delay nobody."""

from io import StringIO

import pytest
from django.core.management import call_command

from marketplace.assumptions import ASSUMED
from marketplace.clock import now
from marketplace.endpoint.calls import Call
from marketplace.endpoint.operations.assignments import get_assignment
from marketplace.endpoint.operations.hits import get_hit
from marketplace.models import HIT
from marketplace.overdue.actions import catch_up
from tests.marketplace.parties import advance_clock, make_hit, make_hit_type, make_requester, marketplace, submit_hit


def publish(requester, n_hits: int) -> list[HIT]:
    kind = make_hit_type(requester, auto_approval_seconds=60)
    return [make_hit(kind, lifetime_seconds=30) for _ in range(n_hits)]


@pytest.mark.django_db
def test_a_request_spends_little_time_on_what_is_due_and_begins_with_the_oldest():
    hits = publish(make_requester(), 5)
    advance_clock(seconds=40)
    assert catch_up(now(), seconds=0) == 1
    assert [hit.status for hit in HIT.objects.order_by("pk")] == ["Reviewable"] + ["Assignable"] * 4
    assert catch_up(now()) == 4
    assert catch_up(now()) == 0
    assert len(hits) == 5


@pytest.mark.django_db
def test_the_requested_row_is_up_to_date_even_if_no_other_is():
    requester = make_requester()
    hits = publish(requester, 3)
    assignment = submit_hit(hits[-1])
    advance_clock(seconds=300)
    call = Call(requester, "GetHIT", {"HITId": hits[1].public_id, "AssignmentId": assignment.public_id}, "", now())
    assert get_hit(call)["HIT"]["HITStatus"] == "Reviewable"
    answer = get_assignment(call)["Assignment"]
    assert answer["AssignmentStatus"] == "Approved"
    assert answer["ApprovalTime"] == answer["AutoApprovalTime"]
    assert HIT.objects.get(pk=hits[0].pk).status == "Assignable"


@pytest.mark.django_db
def test_sweeping_brings_everything_up_to_date():
    publish(make_requester(), 3)
    advance_clock(seconds=40)
    out = StringIO()
    call_command("sweep", stdout=out)
    assert out.getvalue() == "3 HITs brought up to date.\n"
    assert set(HIT.objects.values_list("status", flat=True)) == {"Reviewable"}


def test_what_is_assumed_is_printed_at_the_start():
    process = marketplace("serve", "--bind", "127.0.0.1:99999", MARKETPLACE_DATABASE_URL="postgres://x@localhost/x")
    assert all(text in process.stdout for text in ASSUMED)
