"""A requester's whole day under throttling, faults and lost replies, with the retries that boto3 brings."""

import contextlib
import os
import random
from collections.abc import Callable
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from marketplace.models import HIT, Assignment, BonusPayment, LedgerEntry
from tests.marketplace.parties import HIT_VALUES, TYPE, check_ledger, make_workers, submit_hit
from tests.required import require

N_HITS = 200 if os.environ.get("SOAK") else 6
TRANSIENT = {"ThrottlingException", "ServiceFault"}


def until_it_is_done(call: Callable, final_codes: tuple[str, ...] = (), **values) -> dict | None:
    """Send until there is an answer; an error with one of `final_codes` shows that an earlier request arrived."""
    for _ in range(50):
        try:
            return call(**values)
        except ClientError as error:
            if any(word in str(error) for word in final_codes):
                return None
            assert error.response["Error"]["Code"] in TRANSIENT, error
        except BotoCoreError:
            pass
    raise AssertionError(f"{call} never got through")


def test_nothing_is_published_or_paid_twice_when_requests_and_replies_get_lost(endpoint):
    lab = endpoint.lab(attempts=3)
    client = lab.client
    endpoint.post("/faults/", throttle_rate=0.2, error_rate=0.1, drop_before_rate=0.05, drop_after_rate=0.1)
    workers = make_workers(3)
    for _ in range(N_HITS):
        values = TYPE | HIT_VALUES | {"MaxAssignments": 3, "UniqueRequestToken": str(uuid4())}
        until_it_is_done(client.create_hit, final_codes=("already exists",), **values)
    assert HIT.objects.count() == N_HITS
    for hit in HIT.objects.all():
        for worker in workers:
            submit_hit(hit, worker)
    for assignment in Assignment.objects.select_related("worker"):
        ours = {"AssignmentId": assignment.public_id}
        until_it_is_done(client.approve_assignment, final_codes=("'Approved'",), **ours)
        if random.random() < 0.5:
            bonus = {"WorkerId": require(assignment.worker).public_id, "BonusAmount": "0.05", "Reason": "Careful"}
            token = {"UniqueRequestToken": f"bonus-{assignment.public_id}"}
            until_it_is_done(client.send_bonus, final_codes=("already been processed",), **ours, **bonus, **token)
    for hit in HIT.objects.all():
        until_it_is_done(client.delete_hit, final_codes=("'Disposed'",), HITId=hit.public_id)
    endpoint.post("/faults/clear/")
    assert set(HIT.objects.values_list("status", flat=True)) == {"Disposed"}
    assert LedgerEntry.objects.filter(kind="reward").count() == 3 * N_HITS
    assert BonusPayment.objects.values("assignment").distinct().count() == BonusPayment.objects.count()
    spent = 3 * N_HITS * 12 + BonusPayment.objects.count() * 6
    assert lab.balance() == (f"{(100_000 - spent) / 100:.2f}", "0.00")
    check_ledger(lab.requester)


def test_a_killed_request_leaves_all_of_it_or_nothing(endpoint):
    """Without a token a lost reply doubles the HIT, but money and rows still agree."""
    lab = endpoint.lab()
    endpoint.post("/faults/", drop_after_rate=0.4)
    for _ in range(20):
        with contextlib.suppress(BotoCoreError):
            lab.client.create_hit(**TYPE, **HIT_VALUES)
    endpoint.post("/faults/clear/")
    assert HIT.objects.count() == 20
    assert lab.balance() == ("997.60", "2.40")
    check_ledger(lab.requester)
