"""UniqueRequestToken: what is sent again does not happen again."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marketplace.models import BonusPayment
from marketplace.reads import balances
from tests.marketplace.parties import HIT_VALUES, TYPE, submit_hit
from tests.required import require
from tests.threads import in_threads


def refusal(call, **values) -> Mapping[str, Any]:
    with pytest.raises(ClientError) as raised:
        call(**values)
    return raised.value.response


def test_the_same_token_makes_no_second_hit_and_names_the_first(lab):
    hit = lab.publish(UniqueRequestToken="grid-1")
    answer = refusal(lab.client.create_hit, **TYPE, **HIT_VALUES, UniqueRequestToken="grid-1")
    assert answer["Error"]["Code"] == "RequestError"
    assert answer["TurkErrorCode"] == "AWS.MechanicalTurk.HitAlreadyExists"
    assert hit.public_id in answer["Error"]["Message"]
    assert lab.requester.hits.count() == 1
    assert lab.balance() == ("999.88", "0.12")


def test_the_same_token_with_other_values_makes_no_second_hit_either(lab):
    hit = lab.publish(UniqueRequestToken="grid-1")
    other = TYPE | HIT_VALUES | {"Title": "Dogs", "Reward": "0.50", "MaxAssignments": 3}
    answer = refusal(lab.client.create_hit, **other, UniqueRequestToken="grid-1")
    assert hit.public_id in answer["Error"]["Message"]
    type_id = lab.client.create_hit_type(**TYPE)["HITTypeId"]
    answer = refusal(lab.client.create_hit_with_hit_type, HITTypeId=type_id, **HIT_VALUES, UniqueRequestToken="grid-1")
    assert hit.public_id in answer["Error"]["Message"]
    assert lab.requester.hits.count() == 1


def test_another_token_and_none_make_further_hits(lab):
    for values in ({"UniqueRequestToken": "a"}, {"UniqueRequestToken": "b"}, {}, {}):
        lab.publish(**values)
    assert lab.requester.hits.count() == 4


def test_another_requester_may_use_the_same_token(endpoint):
    for lab in (endpoint.lab(), endpoint.lab()):
        lab.publish(UniqueRequestToken="grid-1")
        assert lab.requester.hits.count() == 1


def test_a_token_is_forgotten_after_a_day(endpoint, lab):
    first = lab.publish(UniqueRequestToken="grid-1")
    endpoint.later(hours=23, minutes=59)
    refusal(lab.client.create_hit, **TYPE, **HIT_VALUES, UniqueRequestToken="grid-1")
    endpoint.later(minutes=2)
    second = lab.publish(UniqueRequestToken="grid-1")
    assert second != first
    answer = refusal(lab.client.create_hit, **TYPE, **HIT_VALUES, UniqueRequestToken="grid-1")
    assert second.public_id in answer["Error"]["Message"]


def test_a_token_of_a_request_that_failed_is_free(endpoint):
    lab = endpoint.lab(cents=11)
    answer = refusal(lab.client.create_hit, **TYPE, **HIT_VALUES, UniqueRequestToken="grid-1")
    assert answer["TurkErrorCode"] == "AWS.MechanicalTurk.InsufficientFunds"
    cheap = {"Reward": "0.05"}
    assert lab.publish(UniqueRequestToken="grid-1", **cheap).hit_type.reward_cents == 5


def test_the_same_token_extends_once(lab):
    hit = lab.publish()
    extension = {"HITId": hit.public_id, "NumberOfAdditionalAssignments": 2, "UniqueRequestToken": "more"}
    first = lab.client.create_additional_assignments_for_hit(**extension)["ResponseMetadata"]["RequestId"]
    answer = refusal(lab.client.create_additional_assignments_for_hit, **extension)
    assert "already been processed" in answer["Error"]["Message"]
    assert first in answer["Error"]["Message"]
    assert lab.hit(hit)["MaxAssignments"] == 3


def test_the_same_token_pays_once(lab):
    assignment = submit_hit(lab.publish())
    bonus = {
        "WorkerId": require(assignment.worker).public_id,
        "AssignmentId": assignment.public_id,
        "BonusAmount": "2",
        "Reason": "Careful",
        "UniqueRequestToken": "bonus-1",
    }
    first = lab.client.send_bonus(**bonus)["ResponseMetadata"]["RequestId"]
    answer = refusal(lab.client.send_bonus, **bonus)
    assert first in answer["Error"]["Message"]
    assert BonusPayment.objects.count() == 1
    assert lab.balance()[0] == "997.48"


def test_a_token_serves_each_kind_of_request_once(lab):
    hit = lab.publish(UniqueRequestToken="one")
    lab.client.create_additional_assignments_for_hit(
        HITId=hit.public_id, NumberOfAdditionalAssignments=1, UniqueRequestToken="one"
    )
    assert lab.hit(hit)["MaxAssignments"] == 2


@pytest.mark.parametrize("round_number", range(3))
def test_of_eight_threads_with_the_same_token_one_makes_a_hit(lab, round_number):
    def publish(number: int) -> str:
        try:
            answer = lab.client.create_hit(**TYPE, **HIT_VALUES, UniqueRequestToken=f"grid-{round_number}")
        except ClientError as error:
            answered: Mapping[str, Any] = error.response
            return answered["TurkErrorCode"] + " " + answered["Error"]["Message"]
        return answer["HIT"]["HITId"]

    answers = in_threads(8, publish)
    (hit,) = lab.requester.hits.all()
    assert sorted(answers)[0] == hit.public_id
    assert all(a.startswith("AWS.MechanicalTurk.HitAlreadyExists") and hit.public_id in a for a in sorted(answers)[1:])
    assert balances(lab.requester) == (100_000 - 12, 12)
    assert hit.created_at + timedelta(days=1) == hit.expires_at


def test_of_eight_threads_with_the_same_token_one_pays_a_bonus(lab):
    assignment = submit_hit(lab.publish())

    def pay(number: int) -> bool:
        try:
            lab.client.send_bonus(
                WorkerId=require(assignment.worker).public_id,
                AssignmentId=assignment.public_id,
                BonusAmount="1.00",
                Reason="Careful",
                UniqueRequestToken="bonus",
            )
        except ClientError:
            return False
        return True

    assert sum(in_threads(8, pay)) == 1
    assert BonusPayment.objects.count() == 1
    assert lab.balance() == ("998.68", "0.12")
