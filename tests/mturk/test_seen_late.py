"""Tests of fresh submissions that only parts of a marketplace know: our endpoint says so in Mechanical Turk's
words, and our client waits when it reads them."""

import pytest

from mturk import endpoint
from mturk.models import Call
from mturk.outbox.actions import decide
from mturk.sync import send_waiting
from tests.mturk.mturk_study import grids_to_publish, published, send_until_quiet

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_approval_of_what_does_not_show_yet_waits_and_is_carried_out_later(marketplace):
    (marketplace_hit,) = published(grids_to_publish(1, n_slots=1))
    marketplace.post("/faults/", assignment_lag_seconds=300)
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    marketplace.submit(assignment, selected="none")
    with pytest.raises(endpoint.RefusedCall, match="status of: null$") as refusal:
        endpoint.call("ApproveAssignment", AssignmentId=assignment)
    assert (refusal.value.code, refusal.value.may_come_to_be) == ("InvalidAssignmentState", True)
    call, _ = decide(op="ApproveAssignment", purpose="approve:test", payload={"AssignmentId": assignment})
    send_waiting()
    assert Call.objects.get(pk=call.pk).state == "waiting", "it is not given up"
    marketplace.later(400)
    send_until_quiet()
    assert Call.objects.get(pk=call.pk).state == "done"
    assert endpoint.assignment(assignment).status == "approved"
