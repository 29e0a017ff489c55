"""Failing on purpose: what clients see, and that it cannot be had without the setting."""

import json
import random
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from marketplace.faults.actions import BadFault, advance_clock, clear_faults, plan_fault, set_faults
from marketplace.faults.injection import next_fault
from marketplace.faults.models import PlannedFault
from marketplace.faults.reads import fault_settings
from marketplace.faults.views import from_this_machine
from marketplace.models import HIT
from marketplace.work.actions import NotAvailable, accept_hit
from tests.marketplace.parties import HIT_VALUES, TYPE, Endpoint, make_hit, make_worker, running_endpoint, submit_hit

HIT_REQUEST = TYPE | HIT_VALUES


def code_of(call, **values) -> str:
    with pytest.raises(ClientError) as raised:
        call(**values)
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize(
    ("kind", "code", "status"), [("throttle", "ThrottlingException", 400), ("error", "ServiceFault", 500)]
)
def test_a_planned_fault_comes_once_and_nothing_is_done(endpoint, lab, kind, code, status):
    endpoint.post("/faults/plan/", kind=kind, operation="CreateHIT")
    lab.client.get_account_balance()
    assert code_of(lab.client.create_hit, **HIT_REQUEST) == code
    assert not HIT.objects.exists()
    lab.client.create_hit(**HIT_REQUEST)
    assert HIT.objects.count() == 1


def test_a_fault_after_the_work_has_done_the_work(endpoint, lab):
    endpoint.post("/faults/plan/", kind="error_after")
    assert code_of(lab.client.create_hit, **HIT_REQUEST) == "ServiceFault"
    assert HIT.objects.count() == 1


@pytest.mark.parametrize(("kind", "n_hits"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_leaves_the_client_without_an_answer(endpoint, lab, kind, n_hits):
    endpoint.post("/faults/plan/", kind=kind, operation="CreateHIT")
    with pytest.raises(ConnectionClosedError):
        lab.client.create_hit(**HIT_REQUEST)
    assert HIT.objects.count() == n_hits


def test_a_client_that_retries_a_lost_reply_without_a_token_makes_two_hits_and_with_one_a_single_hit(endpoint):
    lab = endpoint.lab(attempts=3)
    endpoint.post("/faults/plan/", kind="drop_after", operation="CreateHIT")
    lab.client.create_hit(**HIT_REQUEST)
    assert HIT.objects.count() == 2
    endpoint.post("/faults/plan/", kind="drop_after", operation="CreateHIT")
    with pytest.raises(ClientError, match="already exists"):
        lab.client.create_hit(**HIT_REQUEST, UniqueRequestToken="grid-1")
    assert HIT.objects.count() == 3


def test_rates_make_that_share_of_requests_fail(endpoint, lab):
    endpoint.post("/faults/", throttle_rate=0.3, error_rate=0.3)
    codes = []
    for _ in range(60):
        try:
            lab.client.get_account_balance()
            codes.append("fine")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert set(codes) == {"fine", "ThrottlingException", "ServiceFault"}
    endpoint.post("/faults/clear/")
    assert {lab.balance() for _ in range(10)} == {("1000.00", "0.00")}


@pytest.mark.django_db
def test_each_kind_gets_its_share():
    settings = set_faults(throttle_rate=0.2, error_rate=0.1, drop_before_rate=0.1, drop_after_rate=0.1)
    random.seed(2020)
    kinds = [next_fault(settings, "GetHIT") for _ in range(2000)]
    shares = {kind: kinds.count(kind) / 2000 for kind in set(kinds)}
    expected = {"throttle": 0.2, "error": 0.1, "drop_before": 0.1, "drop_after": 0.1, None: 0.5}
    assert shares == pytest.approx(expected, abs=0.03)


def test_the_endpoint_can_be_slow(endpoint, lab):
    endpoint.post("/faults/", latency_ms=300)
    begun = time.monotonic()
    lab.balance()
    assert time.monotonic() - begun > 0.3


def test_new_hits_are_visible_late_and_do_not_exist_before(endpoint, lab):
    endpoint.post("/faults/", hit_lag_seconds=60)
    hit = lab.publish()
    assert code_of(lab.client.get_hit, HITId=hit.public_id) == "RequestError"
    assert lab.client.list_hits()["HITs"] == []
    with pytest.raises(NotAvailable):
        accept_hit(worker=make_worker(), hit=hit)
    endpoint.later(minutes=2)
    assert [row["HITId"] for row in lab.client.list_hits()["HITs"]] == [hit.public_id]


def test_submitted_work_is_visible_late_and_has_no_status_before(endpoint, lab):
    endpoint.post("/faults/", assignment_lag_seconds=300)
    hit = lab.publish()
    assignment = submit_hit(hit)
    assert lab.hit(hit)["HITStatus"] == "Reviewable"
    assert lab.client.list_assignments_for_hit(HITId=hit.public_id)["NumResults"] == 0
    for call, more, words in (
        (lab.client.approve_assignment, {}, r"with a status of: null \(\d{13}\)"),
        (lab.client.reject_assignment, {"RequesterFeedback": "Blank"}, r"with a status of: null \(\d{13}\)"),
        (lab.client.get_assignment, {}, r"status of: Reviewable,Approved,Rejected \(\d{13}\)"),
    ):
        with pytest.raises(ClientError, match=words):
            call(AssignmentId=assignment.public_id, **more)
    endpoint.later(minutes=6)
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    assert lab.balance() == ("999.88", "0.00")


def test_the_clock_only_goes_ahead_and_signatures_follow_the_true_time(endpoint, lab):
    endpoint.later(days=40)
    hit = lab.publish()
    endpoint.later(hours=25)
    assert lab.hit(hit)["HITStatus"] == "Reviewable"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        endpoint.post("/faults/clock/", seconds=-1)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/faults/", {"throttle_rate": 2}),
        ("/faults/", {"throttle_rate": True}),
        ("/faults/", {"throttle_rate": None}),
        ("/faults/", {"latency_ms": -1}),
        ("/faults/", {"latency_ms": 0.5}),
        ("/faults/", {"speed": 1}),
        ("/faults/clock/", {"seconds": "far"}),
        ("/faults/clock/", {}),
        ("/faults/plan/", {"kind": "fire"}),
        ("/faults/plan/", {"kind": "error", "times": 0}),
    ],
)
def test_a_fault_that_does_not_exist_is_refused_in_words(endpoint, path, values):
    with pytest.raises(urllib.error.HTTPError) as raised:
        endpoint.post(path, **values)
    with raised.value as answer:
        assert answer.code == 400
        assert json.load(answer)["message"]


def test_pages_of_a_browser_cannot_set_faults(endpoint):
    text = {"Content-Type": "text/plain"}
    request = urllib.request.Request(endpoint.url + "/faults/clear/", b"{}", text, method="POST")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)


@pytest.mark.parametrize(
    ("address", "forwarded", "allowed"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("10.0.0.1", None, False),
        ("", None, False),
        ("127.0.0.1", "10.0.0.1", False),
    ],
)
def test_only_this_machine_may_set_faults(rf, address, forwarded, allowed):
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert from_this_machine(rf.post("/faults/", REMOTE_ADDR=address, **headers)) == allowed


def test_without_the_setting_there_are_no_faults_and_nobody_can_set_any(lab, settings):
    plan_fault(kind="error", times=5)
    set_faults(throttle_rate=1)
    advance_clock(seconds=10**6)
    hit = make_hit()
    with running_endpoint(settings.DATABASES["default"], MARKETPLACE_FAULTS="no") as url:
        client = Endpoint(url).client(lab.requester)
        assert client.get_account_balance()["OnHoldBalance"] == "0.00"
        request = urllib.request.Request(url + "/faults/", b"{}", {"Content-Type": "application/json"}, method="POST")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request, timeout=60)
    assert PlannedFault.objects.count() == 5
    settings.FAULTS = False
    assert fault_settings().throttle_rate == 0
    assert hit.created_at > make_hit().created_at


@pytest.mark.django_db
def test_clearing_leaves_the_clock_where_it_is():
    plan_fault(kind="throttle")
    set_faults(latency_ms=5, hit_lag_seconds=7)
    advance_clock(seconds=90)
    clear_faults()
    row = fault_settings()
    assert (row.latency_ms, row.hit_lag_seconds, row.clock_ahead_seconds) == (0, 0, 90)
    assert not PlannedFault.objects.exists()
    with pytest.raises(BadFault):
        advance_clock(seconds=10**12)
